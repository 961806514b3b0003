import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryFile } from "../repository.ts";
import { seedCapabilities } from "./capability-cache.ts";
import type { LabNetwork, Port } from "./lab-network.ts";
import { type LibvirtdPlace, PrivateLibvirtd } from "./libvirtd.ts";
import { emptyRun, fillFolder, type LibvirtdOptions } from "./libvirtd-folder.ts";
import { type Namespace, namespaceScript, openNamespace } from "./namespace.ts";
import { type Finished, run } from "./run.ts";

const ENTER = repositoryFile("test/support/lab/enter.pl");

/** How often and how long libvirtd waits for a silent peer, in both directions: 8 s in all. */
const KEEPALIVE = ["keepalive_interval = 2", "keepalive_count = 3"] as const;

const OWN_NAMESPACES =
  "unshare --net --mount --uts --ipc --pid --propagation private --fork --kill-child=KILL --mount-proc".split(
    " ",
  );

/** What all hosts of a lab have in common. */
export interface LabGround {
  /** Everything of the lab is below here, and seen by all its hosts at this path: `/tmp/vkl-XXXXXX`. */
  readonly folder: string;
  readonly network: LabNetwork;
  /** What precedes a command that runs in the pid namespace which ends with the lab. */
  readonly command: readonly [string, ...string[]];
  /** Lines of /etc/hosts. */
  readonly names: readonly string[];
}

/**
 * One host of a lab: own network, pids, mounts, IPC and host name, with a real libvirtd. The machine's disk is common to
 * all, but for /run, /etc/libvirt and /var/{lib,cache,log}/libvirt.
 *
 * A program inside sees its own pids; from outside all its processes are there, under the pids that we see.
 */
export class LabHost {
  readonly name: string;
  readonly address: string;
  readonly libvirtd: PrivateLibvirtd;
  readonly #root: string;
  readonly #ground: LabGround;
  readonly #port: Port;
  #namespace: Namespace | undefined;
  #firstPid = 0;

  /** Use makeLab(). */
  constructor(name: string, port: Port, ground: LabGround) {
    this.name = name;
    this.address = port.address;
    this.#root = join(ground.folder, name);
    this.#ground = ground;
    this.#port = port;
    this.libvirtd = new PrivateLibvirtd(this.#place());
  }

  /** How other hosts reach its libvirtd. */
  get uri(): string {
    return `qemu+tcp://${this.name}/system`;
  }

  /** What precedes a command to run it here; the two then live and die as one process. Another one after powerOn(). */
  get command(): readonly [string, ...string[]] {
    if (this.#firstPid === 0) throw new Error(`${this.name} is off`);
    return ["perl", ENTER, String(this.#firstPid)];
  }

  /**
   * Runs a program here to its end.
   *
   * @throws {Error} it failed or was killed at the limit; the message holds the command and what it said
   */
  exec(program: string, args: readonly string[] = [], limitMs?: number): Promise<Finished> {
    const [enter, ...words] = this.command;
    return run(enter, [...words, program, ...args], limitMs);
  }

  /** The pid that we see of a process that is called this here. @throws {Error} it is gone */
  outsidePid(pid: number): Promise<number> {
    return this.#holder().outsidePid(pid);
  }

  /** Writes what libvirtd is started with, and powers the host on. */
  async install(options: LibvirtdOptions): Promise<void> {
    await fillFolder(this.#root, {
      ...options,
      libvirtdConf: [
        "listen_tls = 0",
        "listen_tcp = 1",
        `listen_addr = "${this.address}"`,
        'auth_tcp = "none"',
        ...KEEPALIVE,
        ...(options.libvirtdConf ?? []),
      ],
      qemuConf: [`migration_address = "${this.address}"`, ...KEEPALIVE, ...(options.qemuConf ?? [])],
    });
    await seedCapabilities(this.#root);
    await writeFile(join(this.#root, "hosts"), this.#ground.names.map((line) => `${line}\n`).join(""));
    await this.powerOn();
  }

  /** Boots the host, with an empty /run and another boot id, and starts libvirtd; waits until that answers. */
  async powerOn(): Promise<void> {
    if (this.#firstPid !== 0) throw new Error(`${this.name} is on`);
    await emptyRun(this.#root);
    const [program, ...before] = this.#ground.command;
    this.#namespace = await openNamespace(
      program,
      ...before,
      ...OWN_NAMESPACES,
      ...namespaceScript(this.#root, this.name, "keep"),
    );
    this.#firstPid = await this.#namespace.outsidePid(1);
    await this.#ground.network.plug(this.#port, this.#firstPid);
    await this.libvirtd.restart();
  }

  /** Ends all processes here at once, as a loss of power would; resolves when they are gone. */
  async powerOff(): Promise<void> {
    this.#firstPid = 0;
    await this.#namespace?.close();
  }

  /** Ends libvirtd in order, then all else, for good. */
  async stop(): Promise<void> {
    if (this.#namespace !== undefined) await this.libvirtd.stop();
    this.#firstPid = 0;
  }

  /** Pulls the network cable: the host runs on, and can neither be reached nor reach anybody. */
  cut(): Promise<void> {
    return this.#ground.network.cut(this.#port);
  }

  /** Puts the network cable back. */
  join(): Promise<void> {
    return this.#ground.network.join(this.#port);
  }

  #place(): LibvirtdPlace {
    const holder = (): Namespace => this.#holder();
    return {
      root: this.#root,
      folder: this.#ground.folder,
      socketFolder: "/run",
      get namespace() {
        return holder();
      },
      args: ["--listen"],
    };
  }

  #holder(): Namespace {
    if (this.#namespace === undefined) throw new Error(`${this.name} was never on`);
    return this.#namespace;
  }
}

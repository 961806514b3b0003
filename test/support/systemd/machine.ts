import { mkdir, readdir, readFile, readlink, rm, rmdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { makeShortFolder } from "../lab/libvirtd-folder.ts";
import { type Namespace, openNamespace } from "../lab/namespace.ts";
import { childrenOf } from "../lab/pids.ts";
import { type Finished, run } from "../lab/run.ts";
import { until } from "../lab/until.ts";
import { repositoryFile } from "../repository.ts";

/** Debian's own archive may be slow. */
const BUILD_LIMIT_MS = 900_000;
const BOOT_LIMIT_MS = 120_000;
const OFF_LIMIT_MS = 120_000;

const SCRIPT = repositoryFile("test/support/systemd/machine.sh");
const ENTER = repositoryFile("test/support/lab/enter.pl");

const OWN_NAMESPACES =
  "unshare --mount --pid --fork --kill-child=KILL --mount-proc --propagation private".split(" ");

/** No network but lo, and no tie to a systemd, D-Bus or machined outside. */
const NSPAWN = "--quiet --boot --register=no --keep-unit --private-network --link-journal=no".split(" ");

/** Source: systemd(1), SIGRTMIN+4: powers the machine off. */
const POWER_OFF = "RTMIN+4";

/** Folders and files from outside that the machine sees, read only: outside to inside. */
export type Bound = Readonly<Record<string, string>>;

/**
 * A whole Debian machine with its own systemd as first process, without a kernel of its own: `scripts/build-systemd-root`
 * booted by systemd-nspawn. What it writes is in memory, and gone with stop().
 *
 * It sees its own pids; from outside all its processes are there, under the pids that we see.
 */
export class Machine {
  /** What lies here when the machine is made ready, by paths below its root, lies over its file system. */
  readonly files: string;
  readonly #folder: string;
  readonly #bound: Bound;
  #namespace: Namespace | undefined;
  #firstPid = 0;

  /** Use makeMachine(). @param folder one of makeMachineFolder() */
  constructor(folder: string, bound: Bound) {
    this.#folder = folder;
    this.#bound = bound;
    this.files = join(folder, "files");
  }

  /** The machine's root, as we see it while it is on. */
  get root(): string {
    return `/proc/${this.#first()}/root`;
  }

  /** What precedes a command to run it here; the two then live and die as one process. Another one after each boot. */
  get command(): readonly [string, ...string[]] {
    return ["perl", ENTER, String(this.#first())];
  }

  /** Writes a file by its path in the machine, before the first boot or while it is on. */
  async write(path: string, text: string, mode = 0o644): Promise<void> {
    const file = join(this.#firstPid === 0 ? this.files : this.root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { mode });
  }

  /** A file of the machine while it is on; links to absolute paths lead to our own files. */
  read(path: string): Promise<string> {
    return readFile(join(this.root, path), "utf8");
  }

  /** Boots and waits until systemd has started everything. What was written before a power-off is still there. */
  async boot(): Promise<void> {
    if (this.#firstPid !== 0) throw new Error("the machine is on");
    this.#namespace ??= await this.#open();
    const binds = Object.entries(this.#bound).map(([from, to]) => `--bind-ro=${from}:${to}`);
    const root = `--directory=${join(this.#folder, "root")}`;
    const pid = await this.#namespace.start("systemd-nspawn", ...NSPAWN, root, ...binds);
    const nspawn = await this.#namespace.outsidePid(pid);
    const namespace = this.#namespace;
    this.#firstPid = await until(
      "the machine boots",
      async () => (namespace.isAlive(pid) ? firstProcess(nspawn) : -1),
      BOOT_LIMIT_MS,
    );
    if (this.#firstPid === -1) throw new Error(`the machine does not boot: see ${this.#folder}/log`);
    await until("the machine is up", () => this.#isUp(), BOOT_LIMIT_MS);
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

  /** What `systemctl ARGUMENT...` says. @throws {Error} it failed */
  async systemctl(...args: string[]): Promise<string> {
    return (await this.exec("systemctl", args)).stdout;
  }

  /** One property of a unit, as `systemctl show` prints it. */
  property(unit: string, name: string): Promise<string> {
    return this.systemctl("show", unit, "--property", name, "--value");
  }

  /** What the journal has of a unit in this boot, without times. */
  async journal(unit: string): Promise<string> {
    return (await this.exec("journalctl", ["--unit", unit, "--output", "cat", "--no-pager"])).stdout;
  }

  /** Shuts the machine down in order, as a host that is powered off. */
  async powerOff(): Promise<void> {
    const first = this.#first();
    await run("kill", ["-s", POWER_OFF, String(first)]);
    await until("the machine is off", async () => !(await exists(first)), OFF_LIMIT_MS);
    this.#firstPid = 0;
  }

  /** Ends all that is left and removes the folder. May be called at any time and again. */
  async stop(): Promise<void> {
    await this.#namespace?.close();
    this.#firstPid = 0;
    await removeCgroups(basename(this.#folder));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #open(): Promise<Namespace> {
    const root = (await run(repositoryFile("scripts", "build-systemd-root"), [], BUILD_LIMIT_MS)).stdout;
    const [program = "", ...args] = OWN_NAMESPACES;
    return openNamespace(program, ...args, "sh", SCRIPT, root, this.#folder, basename(this.#folder));
  }

  async #isUp(): Promise<boolean> {
    const { stdout } = await this.exec("sh", ["-c", "systemctl is-system-running || :"]);
    return stdout === "running" || stdout === "degraded";
  }

  #first(): number {
    if (this.#firstPid <= 0) throw new Error("the machine is off");
    return this.#firstPid;
  }
}

/** A machine that is off, with the read-only folders that it will see. Needs root; stop() removes it. */
export async function makeMachine(bound: Bound = {}): Promise<Machine> {
  return new Machine(await makeMachineFolder(), bound);
}

/** The folder that a machine is made of. */
export async function makeMachineFolder(): Promise<string> {
  const folder = await makeShortFolder("vkm-");
  await mkdir(join(folder, "files"));
  return folder;
}

/** A child of nspawn that is not in its pid namespace: before, there are children that only prepare. */
async function firstProcess(nspawn: number): Promise<number | undefined> {
  const outside = await readlink(`/proc/${nspawn}/ns/pid`);
  for (const child of await childrenOf(nspawn)) {
    const namespace = await readlink(`/proc/${child}/ns/pid`).catch(() => outside); // it has ended
    if (namespace !== outside) return child;
  }
  return undefined;
}

async function exists(pid: number): Promise<boolean> {
  return (await readdir("/proc")).includes(String(pid));
}

/** systemd leaves a tree of them behind, which is empty when all its processes are gone. */
async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"]) {
    await removeFolders(join(hierarchy, name));
  }
}

async function removeFolders(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeFolders(join(folder, entry.name));
  await rmdir(folder).catch(() => {}); // there was none, or its last process is only just gone
}

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { keepCapabilities, seedCapabilities } from "./capability-cache.ts";
import { freezeProcess } from "./freeze.ts";
import { type LibvirtdOptions, makeFolder } from "./libvirtd-folder.ts";
import { makeNamespace, type Namespace } from "./namespace.ts";
import { run } from "./run.ts";
import { until } from "./until.ts";

export type { LibvirtdOptions } from "./libvirtd-folder.ts";

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;

/** Where a private libvirtd runs. */
export interface LibvirtdPlace {
  /** Holds `etc`, `lib`, `cache`, `log` and `run` as makeFolder() makes them. */
  readonly root: string;
  /** For the files of tests, at the same path for all who may run the guest. */
  readonly folder: string;
  /** For sockets of guests, as libvirtd sees it: after a migration the source removes its own. */
  readonly socketFolder: string;
  /** Another one after a host was powered on again. */
  readonly namespace: Namespace;
  /** More arguments of libvirtd. */
  readonly args: readonly string[];
}

/**
 * A real libvirtd of a test's own, in a mount namespace of its own: the machine's libvirtd is never touched, and several
 * can run at once. Its pid, its guests' pids and its files are those that everybody sees. Guests survive kill().
 */
export class PrivateLibvirtd {
  /** Everything of this libvirtd is below here, and goes with stop(): `/tmp/vkg-XXXXXX`. */
  readonly folder: string;
  /** For sockets of guests, as libvirtd sees it; see outsidePath(). */
  readonly socketFolder: string;
  readonly socket: string;
  /** Read only. */
  readonly roSocket: string;
  /** For `virsh -c`, also from another private libvirtd. */
  readonly uri: string;
  /** Where libvirtd keeps the pid file NAME.pid and the status NAME.xml of each running guest. */
  readonly runDirectory: string;
  /** What libvirtd sees as /etc/libvirt; qemu/NAME.xml below it is a persistent domain. */
  readonly configDirectory: string;
  /** libvirtd's own log, warnings and worse. */
  readonly logFile: string;
  readonly #roUri: string;
  readonly #place: LibvirtdPlace;
  #pid: number | undefined;
  #outsidePid: number | undefined;
  #stopped: Promise<void> | undefined;

  /** Use startLibvirtd(), or makeLab(). */
  constructor(place: LibvirtdPlace) {
    const { root } = place;
    this.folder = place.folder;
    this.socketFolder = place.socketFolder;
    this.socket = join(root, "run/libvirt/libvirt-sock");
    this.roSocket = join(root, "run/libvirt/libvirt-sock-ro");
    this.uri = `qemu+unix:///system?socket=${this.socket}`;
    this.#roUri = `qemu+unix:///system?socket=${this.roSocket}`;
    this.runDirectory = join(root, "run/libvirt/qemu");
    this.configDirectory = join(root, "etc");
    this.logFile = join(root, "log/libvirtd.log");
    this.#place = place;
  }

  get #namespace(): Namespace {
    return this.#place.namespace;
  }

  /** The pid of the running libvirtd, as everybody sees it. @throws {Error} it does not run */
  get pid(): number {
    const pid = this.#outsidePid;
    if (pid === undefined || !this.#isAlive()) throw new Error("libvirtd does not run");
    return pid;
  }

  /**
   * The pid, as everybody sees it, of a process that libvirtd knows by this one: a guest's emulator.
   *
   * @throws {Error} it is gone
   */
  outsidePid(pid: number): Promise<number> {
    return this.#namespace.outsidePid(pid);
  }

  /** The path by which everybody sees the file that libvirtd and its guests call so. */
  outsidePath(path: string): string {
    for (const [inside, below] of BOUND) {
      if (path.startsWith(`${inside}/`)) return join(this.#place.root, below, path.slice(inside.length));
    }
    return path;
  }

  /**
   * Runs virsh against this libvirtd, without headings, in English.
   *
   * @throws {Error} virsh failed, or did not end within a minute; the message holds what it said
   */
  async virsh(...args: string[]): Promise<string> {
    return (await run("virsh", ["-q", "-c", this.uri, ...args])).stdout;
  }

  /** Starts libvirtd again over the same folders, ending it first if it runs: guests are found again. */
  async restart(): Promise<void> {
    if (this.#stopped !== undefined) throw new Error("this libvirtd was stopped for good");
    await this.#terminate();
    const pid = await this.#namespace.start(...LIBVIRTD, ...this.#place.args);
    this.#pid = pid;
    this.#outsidePid = undefined;
    const answers = async (): Promise<boolean> => {
      if (!this.#namespace.isAlive(pid)) return true;
      // read only: the other socket may ask for a password
      await run("virsh", ["-q", "-r", "-c", this.#roUri, "uri"], START_LIMIT_MS);
      return true;
    };
    await until(`libvirtd answers at ${this.socket}`, answers, START_LIMIT_MS);
    if (!this.#namespace.isAlive(pid))
      throw new Error(`libvirtd does not start: ${await lastWords(this.#place.root)}`);
    this.#outsidePid = await this.#namespace.outsidePid(pid);
  }

  /** Kills libvirtd with SIGKILL, and nothing else: guests go on. Resolves when it is gone. */
  async kill(): Promise<void> {
    const pid = this.#pid;
    if (pid === undefined || !this.#isAlive()) throw new Error("libvirtd does not run");
    this.#namespace.signal(pid, "KILL");
    await this.#namespace.ended(pid);
  }

  /** Stops libvirtd with SIGSTOP: connecting succeeds, and nothing is ever answered. */
  freeze(): Promise<void> {
    return freezeProcess(this.pid);
  }

  /** Lets a frozen libvirtd go on. */
  thaw(): void {
    process.kill(this.pid, "SIGCONT");
  }

  /** Ends libvirtd, then its guests, and removes the folder. May be called at any time and again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#terminate();
    await keepCapabilities(this.#place.root).catch(() => {}); // the next one only takes longer
    await this.#namespace.close();
  }

  #isAlive(): boolean {
    return this.#pid !== undefined && this.#namespace.isAlive(this.#pid);
  }

  async #terminate(): Promise<void> {
    const pid = this.#pid;
    if (pid === undefined || !this.#isAlive()) return;
    this.#namespace.signal(pid, "TERM");
    this.#namespace.signal(pid, "CONT"); // it may have been frozen
    const late = setTimeout(() => this.#namespace.signal(pid, "KILL"), STOP_LIMIT_MS);
    await this.#namespace.ended(pid);
    clearTimeout(late);
  }
}

/** As namespace.sh binds them. */
const BOUND = [
  ["/run", "run"],
  ["/etc/libvirt", "etc"],
  ["/var/lib/libvirt", "lib"],
  ["/var/cache/libvirt", "cache"],
  ["/var/log/libvirt", "log"],
] as const;

/** Paths as libvirtd sees them. Without --listen it opens no TCP port. */
const LIBVIRTD = ["libvirtd", "-f", "/etc/libvirt/libvirtd.conf", "-p", "/run/libvirtd.pid"] as const;

/**
 * Starts a private libvirtd and waits until it answers (0.3 s on a quiet machine). Needs root.
 *
 * When this process ends, for whatever reason, the libvirtd, its guests and its folder go too; a test still calls stop().
 *
 * @throws {Error} scripts/setup has not run, there is no right to mount, or libvirtd does not come up
 */
export async function startLibvirtd(options: LibvirtdOptions = {}): Promise<PrivateLibvirtd> {
  const folder = await makeFolder(options);
  await seedCapabilities(folder);
  const namespace = await makeNamespace(folder, options.hostname ?? "");
  const args = options.listens === true ? ["--listen"] : [];
  const libvirtd = new PrivateLibvirtd({ root: folder, folder, socketFolder: folder, namespace, args });
  try {
    if (options.lockspace !== undefined) await startVirtlockd(namespace, folder);
    await libvirtd.restart();
  } catch (error) {
    await libvirtd.stop();
    throw error;
  }
  return libvirtd;
}

/** libvirtd does not start without the lock daemon that its configuration names. */
async function startVirtlockd(namespace: Namespace, folder: string): Promise<void> {
  const pid = await namespace.start("virtlockd", "-p", "/run/virtlockd.pid");
  await until("virtlockd listens", async () => {
    if (!namespace.isAlive(pid)) return true;
    return (await stat(join(folder, "run/libvirt/virtlockd-sock"))).isSocket();
  });
  if (!namespace.isAlive(pid)) throw new Error("virtlockd does not start");
}

/** The folder goes when the start fails, so the error itself must say why. */
async function lastWords(root: string): Promise<string> {
  const files = ["log/libvirtd.out", "log/libvirtd.log"].map((name) => join(root, name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return texts.join("").trim().slice(-2000);
}

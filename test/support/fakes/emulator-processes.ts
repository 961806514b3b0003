import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EmulatorKeeper } from "./fake-libvirtd.ts";

/**
 * Real processes that look like emulators in /proc, with libvirt's pid files. They end with the test: their
 * standard input closes then.
 */
export class EmulatorProcesses implements EmulatorKeeper {
  readonly #runDirectory: string;
  readonly #hold: <T>(work: Promise<T>) => Promise<T>;
  readonly #children = new Map<string, { readonly child: ChildProcess; readonly name: string }>();

  /** @param hold see VirtualClock.hold */
  constructor(runDirectory: string, hold: <T>(work: Promise<T>) => Promise<T>) {
    this.#runDirectory = runDirectory;
    this.#hold = hold;
  }

  begin(name: string, uuid: string, more: readonly string[] = []): Promise<void> {
    return this.#hold(this.#begin(name, uuid, more));
  }

  end(uuid: string): Promise<void> {
    return this.#hold(this.#end(uuid));
  }

  async #begin(name: string, uuid: string, more: readonly string[]): Promise<void> {
    const args = ["-name", `guest=${name},debug-threads=on`, "-uuid", uuid, ...more];
    const child = spawn("/bin/sh", ["-c", "read line", "qemu", ...args], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#children.set(uuid, { child, name });
    // the process shows its own command line once it has been replaced by the shell's
    while (!commandLine(child.pid).includes(uuid)) await new Promise((resolve) => setImmediate(resolve));
    await writeFile(join(this.#runDirectory, `${name}.pid`), `${child.pid}\n`);
  }

  async #end(uuid: string): Promise<void> {
    const entry = this.#children.get(uuid);
    if (entry === undefined) return;
    const { child, name } = entry;
    this.#children.delete(uuid);
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    }
    await rm(join(this.#runDirectory, `${name}.pid`), { force: true });
  }

  lives(uuid: string): boolean {
    const child = this.#children.get(uuid)?.child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  pidOf(uuid: string): number | undefined {
    return this.#children.get(uuid)?.child.pid;
  }

  /** Stops the process, or lets it go on; the signal has taken effect when this returns. */
  freeze(uuid: string, isFrozen: boolean): void {
    const pid = this.pidOf(uuid);
    if (pid === undefined) throw new Error(`there is no emulator of ${uuid}`);
    process.kill(pid, isFrozen ? "SIGSTOP" : "SIGCONT");
    while (/^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, "utf8")) !== isFrozen) {
      // it happens beside us
    }
  }

  /** True for a process of this keeper. */
  isOurs(pid: number): boolean {
    return [...this.#children.values()].some(({ child }) => child.pid === pid);
  }

  async endAll(): Promise<void> {
    for (const uuid of this.#children.keys()) await this.end(uuid);
  }
}

function commandLine(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // not there yet
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { repositoryFile } from "../../test/support/repository.ts";

/** What one call of a program took, its children included. */
export interface CallCost {
  readonly wallMs: number;
  /** user and system time */
  readonly cpuMs: number;
}

/** Measures whole programs, in the mount namespace of another process: there a private libvirtd is the machine's own. */
export class Stopwatch {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  /** Use startStopwatch(). */
  constructor(child: ChildProcess, lines: Interface) {
    this.#child = child;
    this.#lines = lines;
  }

  /**
   * Runs a program to its end, without input and with its output thrown away.
   *
   * @throws {Error} it ended with another exit code than the expected one: what it took would mean nothing
   */
  async time(words: readonly string[], exitCode: number): Promise<CallCost> {
    const answered = this.#nextLine();
    this.#child.stdin?.write(`${words.map((word) => `${word}\0`).join("")}\n`);
    const [wallUs, cpuUs, code] = (await answered).split(" ").map(Number);
    if (wallUs === undefined || cpuUs === undefined || code !== exitCode)
      throw new Error(`${words.join(" ")}: exit code ${code} instead of ${exitCode}`);
    return { wallMs: wallUs / 1000, cpuMs: cpuUs / 1000 };
  }

  #nextLine(): Promise<string> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#lines.off("line", onLine).off("close", onClose);
      };
      const onLine = (line: string): void => {
        settle();
        resolve(line);
      };
      const onClose = (): void => {
        settle();
        reject(new Error("the stopwatch ended"));
      };
      this.#lines.on("line", onLine).on("close", onClose);
    });
  }

  stop(): void {
    this.#child.stdin?.end();
  }
}

/**
 * @param pid whose mount namespace the programs run in
 * @param env their whole environment
 */
export function startStopwatch(pid: number, env: Readonly<Record<string, string>>): Stopwatch {
  const words = [`--mount=/proc/${pid}/ns/mnt`, "perl", repositoryFile("bench/support/measure.pl")];
  const child = spawn("nsenter", words, { env, stdio: ["pipe", "pipe", "inherit"] });
  return new Stopwatch(child, createInterface({ input: child.stdout }));
}

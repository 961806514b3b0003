import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { repositoryFile } from "../repository.ts";
import { pidOutside } from "./pids.ts";

const SCRIPT = repositoryFile("test/support/lab/namespace.sh");

interface HolderEvents {
  started: [pid: number];
  ended: [pid: number];
  closed: [];
}

/**
 * Private namespaces held by a process (holder.pl) that is the parent of all that runs in them. When this process ends,
 * for whatever reason, the holder ends all of that.
 *
 * Pids are those that the namespaces know; outsidePid() tells the ones that everybody else knows.
 */
export class Namespace {
  readonly #holder: ChildProcess;
  readonly #events = new EventEmitter<HolderEvents>();
  readonly #alive = new Set<number>();
  #pidNamespace = "";
  #closed = false;

  /** Use openNamespace(). */
  constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** Follows what the holder says; resolves when the namespace is ready. */
  open(): Promise<void> {
    const { stdin, stdout, stderr } = this.#holder;
    let said = "";
    stderr?.on("data", (text: Buffer) => {
      said += text.toString();
    });
    stdin?.on("error", () => {}); // the holder ended before us, which "close" tells
    return new Promise((resolve, reject) => {
      this.#holder.once("error", reject);
      this.#holder.once("close", (code) => {
        this.#closed = true;
        reject(new Error(`no private namespace (${code}): ${said.trim()}`));
        this.#events.emit("closed");
      });
      if (stdout === null) return;
      createInterface({ input: stdout }).on("line", (line) => {
        const [word, pidNamespace = ""] = line.split(" ");
        if (word !== "ready") {
          this.#hear(line);
          return;
        }
        this.#pidNamespace = pidNamespace;
        resolve();
      });
    });
  }

  /** Runs a program in the namespace; what it says is added to `log/PROGRAM.out` in the folder. Resolves to its pid. */
  start(...words: readonly [string, ...string[]]): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new Error("the private namespace is gone"));
        return;
      }
      const lost = (): void => reject(new Error("the private namespace ended"));
      this.#events.once("closed", lost);
      this.#events.once("started", (pid) => {
        this.#events.off("closed", lost);
        resolve(pid);
      });
      this.#holder.stdin?.write(`start ${words.join(" ")}\n`);
    });
  }

  /** Sends a signal to a started program, if it is still there: only its parent can know that for sure. */
  signal(pid: number, name: "TERM" | "KILL" | "CONT"): void {
    this.#holder.stdin?.write(`signal ${name} ${pid}\n`);
  }

  /** Whether a started program is still there. */
  isAlive(pid: number): boolean {
    return this.#alive.has(pid) && !this.#closed;
  }

  /**
   * The pid outside of any process that the namespaces know by this one.
   *
   * @throws {Error} it is gone
   */
  outsidePid(pid: number): Promise<number> {
    return pidOutside(this.#pidNamespace, pid);
  }

  /** Resolves when a started program has ended. */
  ended(pid: number): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.isAlive(pid)) return;
        this.#events.off("ended", check).off("closed", check);
        resolve();
      };
      this.#events.on("ended", check).on("closed", check);
      check();
    });
  }

  /** Ends what is left, and what the holder does then; resolves when all is done. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) {
        resolve();
        return;
      }
      this.#events.once("closed", resolve);
      this.#holder.stdin?.end();
    });
  }

  #hear(line: string): void {
    const [word, number] = line.split(" ");
    const pid = Number(number);
    if (word === "started") {
      this.#alive.add(pid);
      this.#events.emit("started", pid);
    } else if (word === "ended") {
      this.#alive.delete(pid);
      this.#events.emit("ended", pid);
    }
  }
}

/**
 * Opens the namespaces that a command makes before it becomes holder.pl.
 *
 * @throws {Error} they cannot be made, mostly for want of root
 */
export async function openNamespace(
  program: string,
  ...args: readonly (string | number)[]
): Promise<Namespace> {
  const namespace = new Namespace(spawn(program, args.map(String), { stdio: "pipe", detached: true }));
  await namespace.open();
  return namespace;
}

/**
 * Makes a private mount namespace over a folder of makeFolder(). The folder goes when it is closed.
 *
 * @param hostname its own host name, empty for the machine's
 * @throws {Error} it cannot be made, mostly for want of root; the folder is removed
 */
export async function makeNamespace(folder: string, hostname: string): Promise<Namespace> {
  const unshare = ["--mount", "--uts", "--propagation", "private"];
  try {
    return await openNamespace("unshare", ...unshare, ...namespaceScript(folder, hostname, "remove"));
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The command that makes the mounts in a new mount namespace; `atTheEnd` says what becomes of the folder. */
export function namespaceScript(
  folder: string,
  hostname: string,
  atTheEnd: "remove" | "keep",
): readonly string[] {
  return ["sh", SCRIPT, folder, hostname, atTheEnd];
}

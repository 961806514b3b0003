import { type ChildProcess, spawn } from "node:child_process";
import { constants, existsSync } from "node:fs";
import { access, open, rm } from "node:fs/promises";
import { join } from "node:path";

/** How a script ended. */
export type ScriptEnd =
  | { readonly kind: "exited"; readonly exitCode: number; readonly output: string }
  | { readonly kind: "signalled"; readonly signal: string; readonly output: string }
  | { readonly kind: "timed out"; readonly output: string }
  | { readonly kind: "missing" }
  | { readonly kind: "not started"; readonly text: string };

/**
 * Whom a timeout kills: the script alone, or all it started too. The vendor's documents do not say which; a script
 * has to bear both.
 */
export type KillScope = "process" | "process group";

/** How many bytes of a script's output are kept. Source: Agent Developer's Guide 5.0, action entry point. */
const OUTPUT_LIMIT = 2048;

/** Runs the scripts of an agent, one process group each, and ends those that are left when told to. */
export class ScriptRunner {
  readonly #directory: string;
  readonly #workDirectory: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #killScope: KillScope;
  readonly #command: () => readonly string[];
  readonly #running = new Set<ChildProcess>();
  readonly #killedGroups = new Set<number>();
  #count = 0;
  #isClosed = false;

  constructor(options: {
    readonly directory: string;
    readonly workDirectory: string;
    readonly env: Readonly<Record<string, string>>;
    readonly killScope: KillScope;
    /** What precedes a script to run it on its host; both must live and die as one process. */
    readonly command: () => readonly string[];
  }) {
    this.#directory = options.directory;
    this.#workDirectory = options.workDirectory;
    this.#env = options.env;
    this.#killScope = options.killScope;
    this.#command = options.command;
  }

  /**
   * Runs a script to its end or for `timeoutS` seconds, whichever comes first; then it gets SIGKILL. Its output goes
   * to a file, so that a grandchild that keeps it open delays nothing.
   *
   * @param entryPoint path below the agent's directory: `monitor`, `actions/DevScan`
   */
  async run(entryPoint: string, args: readonly string[], timeoutS: number): Promise<ScriptEnd> {
    const script = join(this.#directory, entryPoint);
    if (!(await isExecutable(script))) return { kind: "missing" };
    if (this.#isClosed) return { kind: "not started", text: "the engine stops" };
    this.#count += 1;
    const outputFile = join(this.#workDirectory, `output-${this.#count}`);
    const output = await open(outputFile, "ax+", 0o600);
    try {
      const [program = script, ...words] = [...this.#command(), script, ...args];
      const child = spawn(program, words, {
        cwd: "/",
        detached: true,
        env: this.#env,
        stdio: ["ignore", output.fd, output.fd],
      });
      const end = await this.#wait(child, timeoutS);
      if ("text" in end) return { kind: "not started", text: end.text };
      const { buffer, bytesRead } = await output.read(Buffer.alloc(OUTPUT_LIMIT), 0, OUTPUT_LIMIT, 0);
      return { ...end, output: buffer.toString("utf8", 0, bytesRead) };
    } finally {
      await output.close();
      await rm(outputFile, { force: true });
    }
  }

  /** Ends every script that runs, and what the scripts killed at their timeout left behind; starts none any more. */
  close(): void {
    this.#isClosed = true;
    for (const child of this.#running) killGroup(child.pid);
    for (const leader of this.#killedGroups) {
      if (!existsSync(`/proc/${leader}`)) killGroup(leader); // else the number belongs to somebody else by now
    }
    this.#killedGroups.clear();
  }

  #wait(child: ChildProcess, timeoutS: number): Promise<Ended> {
    this.#running.add(child);
    return new Promise((resolve) => {
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        if (this.#killScope === "process group") killGroup(child.pid);
        else this.#killAlone(child);
      }, timeoutS * 1000);
      const finish = (end: Ended): void => {
        clearTimeout(timer);
        this.#running.delete(child);
        resolve(end);
      };
      child.once("error", (error) => finish({ text: error.message }));
      child.once("exit", (exitCode, signal) => {
        if (timedOut) finish({ kind: "timed out" });
        else if (exitCode === null) finish({ kind: "signalled", signal: signal ?? "unknown" });
        else finish({ kind: "exited", exitCode });
      });
    });
  }

  #killAlone(child: ChildProcess): void {
    if (child.pid !== undefined) this.#killedGroups.add(child.pid);
    child.kill("SIGKILL");
  }
}

type Ended =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "signalled"; readonly signal: string }
  | { readonly kind: "timed out" }
  | { readonly text: string };

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false; // no such file, or nothing to execute: both mean that the entry point is not there
  }
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // the group is gone already
  }
}

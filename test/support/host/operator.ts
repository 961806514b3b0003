import { type ChildProcess, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { until } from "../lab/until.ts";
import { repositoryFile } from "../repository.ts";

/** How a run of kvmguestctl ended. */
export interface CommandEnd {
  readonly exitCode: number | null;
  readonly out: string;
  readonly complaints: string;
}

/** Options of a run that are not on its command line. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** User that runs it; default: this process's. */
  readonly uid?: number;
}

/** kvmguestctl as an operator runs it: compiled, in a process of its own, without a terminal. */
export async function kvmguestctl(args: readonly string[], options: RunOptions = {}): Promise<CommandEnd> {
  const child = start(args, options);
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const [exitCode, out, complaints] = await Promise.all([exit, text(child.stdout), text(child.stderr)]);
  return { exitCode, out, complaints };
}

/** A command that goes on until it is ended. */
export class RunningCommand {
  out = "";
  complaints = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  constructor(args: readonly string[]) {
    const child = start(args, {});
    this.#child = child;
    child.stdout.on("data", (part: Buffer) => {
      this.out += part.toString();
    });
    child.stderr.on("data", (part: Buffer) => {
      this.complaints += part.toString();
    });
    this.#ended = new Promise((resolve) => child.once("exit", resolve));
  }

  /** Waits until it has printed this. */
  async prints(pattern: RegExp): Promise<void> {
    await until(`it prints ${String(pattern)}`, () => pattern.test(this.out), 60_000);
  }

  /** Ends it as Ctrl-C does, and returns its exit code. */
  async end(): Promise<number | null> {
    this.#child.kill("SIGINT");
    return this.#ended;
  }
}

function start(args: readonly string[], { env = {}, uid }: RunOptions) {
  const program = repositoryFile("dist/daemon/kvmguestctl.js");
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", ...env },
    cwd: "/",
    timeout: 120_000,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  return child;
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { freezeProcess } from "../lab/freeze.ts";
import { childrenOf } from "../lab/pids.ts";
import { until } from "../lab/until.ts";
import { repositoryFile } from "../repository.ts";

/** One line of the daemon's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** How a start differs from a plain one. */
export interface StartOptions {
  /** A program that becomes the daemon by exec, with its own arguments. */
  readonly wrapper?: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** As systemd/vcskvmguestd.service has them. */
const NODE_OPTIONS = ["--max-semi-space-size=1", "--single-threaded-gc"] as const;

/** The real daemon, compiled, as a process of its own. */
export class DaemonProcess {
  /** Everything it logged, over all its starts. */
  readonly lines: LogLine[] = [];
  /** What it wrote that is no line of the log. */
  readonly complaints: string[] = [];
  readonly #config: string;
  readonly #onLine: ((line: LogLine) => void) | undefined;
  readonly #command: () => readonly string[];
  #child: ChildProcess | undefined;
  #pid: number | undefined;

  /** @param command what precedes a program to run it on the daemon's host; nothing for this machine */
  constructor(config: string, onLine?: (line: LogLine) => void, command: () => readonly string[] = () => []) {
    this.#config = config;
    this.#onLine = onLine;
    this.#command = command;
  }

  /** As this process sees it. */
  get pid(): number {
    if (this.#pid === undefined) throw new Error("the daemon does not run");
    return this.#pid;
  }

  /** Starts it and waits until it serves. */
  async start({ wrapper, env = {} }: StartOptions = {}): Promise<void> {
    const from = this.lines.length;
    const main = [
      process.execPath,
      ...NODE_OPTIONS,
      repositoryFile("dist/daemon/main.js"),
      "--config",
      this.#config,
    ] as const;
    const command = this.#command();
    const [program, ...args] = [...command, ...(wrapper ?? []), ...main];
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#child = child;
    this.#pid = child.pid;
    process.once("exit", () => child.kill("SIGKILL"));
    createInterface({ input: child.stdout }).on("line", (line) => this.#take(line));
    createInterface({ input: child.stderr }).on("line", (line) => this.complaints.push(line));
    await until(
      "the daemon serves",
      () => {
        if (child.exitCode !== null) throw new Error(`the daemon ended: ${this.complaints.join(" ")}`);
        return this.lines.slice(from).some((line) => line.msg === "daemon serves");
      },
      30_000,
    );
    if (command.length > 0 && child.pid !== undefined) [this.#pid] = await childrenOf(child.pid);
  }

  /** Lines with this message, and these fields where given. */
  said(message: string, fields: Readonly<Record<string, unknown>> = {}): LogLine[] {
    return this.lines.filter(
      (line) => line.msg === message && Object.entries(fields).every(([key, value]) => line[key] === value),
    );
  }

  /** Waits for a line that was logged after `from` lines. */
  waitForLine(
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    { from = 0, limitMs = 60_000 } = {},
  ): Promise<LogLine> {
    return until(
      `the daemon logs "${message}"`,
      () => this.said(message, fields).find((line) => this.lines.indexOf(line) >= from),
      limitMs,
    );
  }

  /** Stops it without a chance to notice; the signal SIGCONT lets it go on. */
  freeze(): Promise<void> {
    return freezeProcess(this.pid);
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Ends it as systemd would, and returns its exit code. */
  async stop(): Promise<number | null> {
    return this.#end("SIGTERM");
  }

  /** Ends it without a chance to tidy up. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(name: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? null;
    const ended = once(child, "exit");
    this.signal(name);
    this.signal("SIGCONT");
    const late = setTimeout(() => child.kill("SIGKILL"), 30_000);
    await ended;
    clearTimeout(late);
    return child.exitCode;
  }

  #take(text: string): void {
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch {
      line = undefined;
    }
    if (!isLogLine(line)) {
      this.complaints.push(text);
      return;
    }
    this.lines.push(line);
    this.#onLine?.(line);
  }
}

function isLogLine(value: unknown): value is LogLine {
  return typeof value === "object" && value !== null && "msg" in value && typeof value.msg === "string";
}

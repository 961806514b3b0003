import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { until } from "../lab/until.ts";
import { repositoryFile } from "../repository.ts";
import { clientsAt } from "./processes.ts";

/**
 * The shells that are /bin/sh somewhere, and so run the shim, as command lines; with perl, and where there is none. What went
 * wrong with perl is said by a shim that /bin/sh runs anew: the ways that curl takes show it for every shell.
 */
export const SHELLS = [
  ["dash", ["dash"]],
  ["bash as sh", ["bash", "--posix"]],
  ["busybox sh", ["busybox", "sh"]],
  ["dash, with curl", ["env", "VCSKVMGUESTD_CLIENT=curl", "dash"]],
  ["bash as sh, with curl", ["env", "VCSKVMGUESTD_CLIENT=curl", "bash", "--posix"]],
  ["busybox sh, with curl", ["env", "VCSKVMGUESTD_CLIENT=curl", "busybox", "sh"]],
] as const;

/** The agent framework's names of all scripts, actions with their folder. */
export const SCRIPTS = [
  "open",
  "close",
  "online",
  "offline",
  "monitor",
  "clean",
  "attr_changed",
  "migrate",
  "shutdown",
  "actions/DevScan",
  "actions/guestmigrated",
  "actions/vmconfigsync",
] as const;

const SHIM = repositoryFile("ipc/entry-point");

export interface ShimResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** An AgentDirectory with the shim under all its names, and the settings that its runs get. */
export class AgentDirectory {
  readonly #folder: string;
  readonly #socket: string;
  readonly logFile: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(folder: string, socket: string) {
    this.#folder = join(folder, "KVMGuest");
    this.#socket = socket;
    this.logFile = join(folder, "log", "shim.log");
    this.#environment = {
      VCSKVMGUESTD_SOCKET: socket,
      VCSKVMGUESTD_LOG: this.logFile,
      VCSKVMGUESTD_DEFAULTS: join(folder, "no-defaults"),
      VCSKVMGUESTD_START: "false",
      VCS_HOME: join(folder, "no-vcs"),
    };
  }

  static async make(folder: string, socket: string): Promise<AgentDirectory> {
    const agent = new AgentDirectory(folder, socket);
    await mkdir(join(agent.#folder, "actions"), { recursive: true });
    await Promise.all(SCRIPTS.map((script) => symlink(SHIM, join(agent.#folder, script))));
    return agent;
  }

  /** Starts a script as the framework does: by its absolute path, as a process of its own. */
  start(
    shell: readonly string[],
    script: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
  ): { child: ChildProcess; result: Promise<ShimResult> } {
    const [command = "", ...rest] = [...shell, join(this.#folder, script), ...args];
    const began = performance.now();
    const child = spawn(command, rest, {
      env: { ...this.#environment, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const exited = new Promise<Pick<ShimResult, "exitCode" | "signal" | "ms">>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (exitCode, signal) => resolve({ exitCode, signal, ms: performance.now() - began }));
    });
    const result = Promise.all([exited, text(child.stdout), text(child.stderr)]).then(
      ([exit, stdout, stderr]) => ({ ...exit, stdout, stderr }),
    );
    return { child, result };
  }

  /** Runs a script to its end. */
  run(
    shell: readonly string[],
    script: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
  ): Promise<ShimResult> {
    return this.start(shell, script, args, environment).result;
  }

  /**
   * Runs scripts side by side, each begun when the one before asks at the socket: many that start at once would keep each
   * other from the processor, and their time would say nothing.
   */
  async runInTurn(
    scripts: readonly { readonly shell: readonly string[]; readonly script: string }[],
    args: readonly string[],
  ): Promise<ShimResult[]> {
    const results: Promise<ShimResult>[] = [];
    for (const { shell, script } of scripts) {
      const { child, result } = this.start(shell, script, args);
      results.push(result);
      const isAsking = async () =>
        child.exitCode !== null ||
        (await clientsAt(this.#socket)).some(({ shimPid }) => shimPid === child.pid);
      await until(`${script} asks`, isAsking);
    }
    return Promise.all(results);
  }

  /** What the shims logged so far. */
  async log(): Promise<string> {
    return readFile(this.logFile, "utf8").catch(() => ""); // nothing logged yet
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { basename } from "node:path";
import { AgentError } from "../agent-error.ts";
import { abortError, withDeadline } from "../deadline.ts";
import { oneLine } from "./one-line.ts";

/** The command that makes all replicated devices writable here, whichever guest the scan was called for. */
export interface DeviceCommand {
  /** Program and arguments; no shell sees them. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly limitMs: number;
}

/** What of its words is shown. */
const WORDS_CHARACTERS = 300;

/** What of its output is kept. */
const OUTPUT_AT_MOST = 65_536;

/**
 * Runs the command to its end. At the deadline all that it started is killed.
 *
 * @throws {AgentError} REFUSED with its last words when it fails, TIMED_OUT, CANCELLED
 */
export async function changeDevices({ command, limitMs }: DeviceCommand, signal: AbortSignal): Promise<void> {
  const [program, ...args] = command;
  const what = `the device command ${basename(program)}`;
  await withDeadline(limitMs, what, [signal], async (limit) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: "/",
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
      detached: true, // a group of its own, so that it can be ended with all that it started
    });
    await finished(child, what, limit);
  });
}

function finished(child: ChildProcess, what: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const words = lastWords(child);
    const settle = () => {
      signal.removeEventListener("abort", abort);
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const abort = () => {
      killGroup(child);
      settle();
      reject(abortError(signal));
    };
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    child.once("error", (error) => {
      settle();
      reject(new AgentError("REFUSED", `${what} cannot be run: ${error.message}`, { cause: error }));
    });
    child.once("exit", (code, killedBy) => {
      // what it wrote last is still in the pipes
      setImmediate(() => {
        settle();
        if (code === 0) resolve();
        else reject(new AgentError("REFUSED", `${what} ended with ${code ?? killedBy ?? "?"}: ${words()}`));
      });
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // it has ended by itself
  }
}

/** The last line that it wrote, to whichever stream. */
function lastWords({ stdout, stderr }: ChildProcess): () => string {
  let text = "";
  for (const stream of [stdout, stderr]) {
    stream?.setEncoding("utf8");
    stream?.on("data", (part: string) => {
      text = `${text}${part}`.slice(-OUTPUT_AT_MOST);
    });
  }
  return () => oneLine(text.trim().split("\n").at(-1) ?? "", WORDS_CHARACTERS);
}

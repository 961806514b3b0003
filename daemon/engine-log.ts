import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { messageOf } from "../src/agent-error.ts";
import { orAbort, pause } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import { ENGINE_EVENTS } from "./engine-events.ts";
import { entryOf, fieldsText, type LogEntry } from "./log-text.ts";

/** Which events go to the engine's log: none, warnings and errors, or changes of state too. */
export type EngineLogScope = "off" | "warnings" | "states";

export interface EngineLogOptions {
  /** Path of the engine's library of shell functions, ag_i18n_inc.sh; read at each use, as is the scope. */
  readonly library: () => string;
  readonly scope: () => EngineLogScope;
}

/** One line as the library takes it. */
interface Line {
  readonly resource: string;
  /** E, W or N: error, warning, notice. */
  readonly severity: string;
  readonly text: string;
  readonly id: number;
}

/** As the shims have it: not the bundled agent's, so that no message id means two things. */
const CATEGORY = 20_871;

/** The library takes agent and entry point of a line from the path of the program. */
const PROGRAM = "/opt/vcs-kvmguest/bin/KVMGuest/vcskvmguestd";

/**
 * Each line in a shell of its own: one that the library refuses costs only itself. Source: Agent Developer's Guide 7.2,
 * VCSAG_SET_ENVS and VCSAG_LOG_MSG.
 */
const SCRIPT = `
library=$1 category=$2
shift 2
. "$library" || exit 1
while [ $# -ge 4 ]; do
  (VCSAG_SET_ENVS "$1" "$category"; VCSAG_LOG_MSG "$2" "$3" "$4") || failed=1
  shift 4
done
exit "\${failed:-0}"
`;

const SEVERITIES: Readonly<Record<string, string>> = { error: "E", warn: "W", info: "N" };

/** Lines that wait; one process writes some of them, within a time. */
const WAITING_AT_MOST = 200;
const LINES_AT_ONCE = 16;
const WRITE_MS = 10_000;

/** After a failure nothing is tried for so long. */
const FAILURE_PAUSE_MS = 60_000;

/** Where the library is missing, lines wait for a second look at it, and no line makes another. */
const LOOK_MS = 60_000;

/** The same words are written once in so long, with the number of those left out. */
const SAME_MS = 60_000;
const REMEMBERED_AT_MOST = 500;

const TEXT_AT_MOST = 900;

/**
 * Writes what an operator of the cluster must see into the engine's log, by the engine's own tools, as entry points do.
 * Nothing waits for it: what does not fit is counted, and says so in a line.
 */
export class EngineLog {
  readonly #options: EngineLogOptions;
  readonly #waiting: Line[] = [];
  /** By what was written lately: until when (performance.now) it is not repeated, and how often it was left out. */
  readonly #lately = new Map<string, { readonly until: number; more: number }>();
  /** No more waiting for a library that is missing. */
  readonly #closing = new AbortController();
  readonly #ending = new AbortController();
  #writing: Promise<void> | undefined;
  #log: Log | undefined;
  #dropped = 0;
  #isFailing = false;

  constructor(options: EngineLogOptions) {
    this.#options = options;
  }

  /** Where it says that it cannot write. */
  reportTo(log: Log): void {
    this.#log = log;
  }

  /** Takes a line of the log; what the engine need not see is ignored. Never throws. */
  offer(line: string): void {
    const scope = this.#options.scope();
    if (scope === "off" || this.#ending.signal.aborted || line.startsWith('{"level":"debug"')) return;
    const entry = entryOf(line);
    const engineLine = entry === undefined ? undefined : lineOf(entry, scope);
    if (engineLine === undefined || this.#isRepeated(engineLine)) return;
    this.#add(engineLine);
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Waits until everything is written, for so long at most, and takes nothing more. */
  async end(limitMs: number): Promise<void> {
    this.#closing.abort();
    const over = new AbortController();
    await Promise.race([this.#writing?.finally(() => over.abort()), pause(limitMs, over.signal)]);
    this.#ending.abort();
    await this.#writing;
  }

  #add(line: Line): void {
    if (this.#waiting.length < WAITING_AT_MOST) this.#waiting.push(line);
    else this.#dropped += 1;
  }

  #isRepeated({ id, resource, text }: Line): boolean {
    const now = performance.now();
    const key = `${id} ${resource} ${text}`;
    const known = this.#lately.get(key);
    if (known !== undefined && now < known.until) {
      known.more += 1;
      return true;
    }
    this.#lately.delete(key);
    if (this.#lately.size >= REMEMBERED_AT_MOST) this.#forgetOldest();
    this.#lately.set(key, { until: now + SAME_MS, more: 0 });
    if (known !== undefined && known.more > 0) this.#add(leftOut(resource, id, known.more));
    return false;
  }

  #forgetOldest(): void {
    const [oldest] = this.#lately.keys();
    if (oldest !== undefined) this.#lately.delete(oldest);
  }

  /** No engine on this host: nobody misses the lines, and one that comes again is as new. */
  #forgetAll(): void {
    this.#waiting.length = 0;
    this.#dropped = 0;
    this.#lately.clear();
  }

  /** Looks twice before it says no: the engine's software may just be replaced. */
  async #isLibraryThere(): Promise<boolean> {
    const { library } = this.#options;
    if (await isReadable(library(), this.#ending.signal)) return true;
    await pause(LOOK_MS, this.#closing.signal);
    return isReadable(library(), this.#ending.signal);
  }

  #isOver(): boolean {
    return this.#ending.signal.aborted;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#isOver()) {
      if (!(await this.#isLibraryThere())) {
        this.#forgetAll();
        continue;
      }
      const lines = this.#waiting.splice(0, LINES_AT_ONCE);
      const lost = this.#dropped + lines.length; // when this fails
      if (this.#dropped > 0) lines.push(dropped(this.#dropped));
      this.#dropped = 0;
      try {
        await runLibrary(this.#options.library(), lines, this.#ending.signal);
        if (this.#isFailing) this.#log?.info({}, "engine's log is written again");
        this.#isFailing = false;
      } catch (error) {
        if (this.#isOver()) return;
        this.#dropped += lost;
        if (!this.#isFailing) this.#log?.warn({ reason: messageOf(error) }, "engine's log cannot be written");
        this.#isFailing = true;
        await pause(FAILURE_PAUSE_MS, this.#ending.signal);
      }
    }
  }
}

function lineOf(entry: LogEntry, scope: EngineLogScope): Line | undefined {
  const [level, message] = [String(entry["level"]), String(entry["msg"])];
  const id = ENGINE_EVENTS.get(message);
  const severity = SEVERITIES[level];
  if (id === undefined || severity === undefined) return undefined;
  if (level === "info" && scope !== "states") return undefined;
  const resource = typeof entry["resource"] === "string" ? entry["resource"] : "-";
  const fields = fieldsText(entry, LEFT_OUT);
  return { resource, severity, id, text: engineText(fields === "" ? message : `${message}: ${fields}`) };
}

/** The engine's log has them in its own place, or has no use for them. */
const LEFT_OUT: ReadonlySet<string> = new Set(["resource", "ms"]);

/** What halog takes without interpreting it: printable ASCII, and no sign of a parameter. */
function engineText(text: string): string {
  return text
    .replaceAll("%", "(percent)")
    .replaceAll(/[^ -~]/g, "?")
    .slice(0, TEXT_AT_MOST);
}

function leftOut(resource: string, id: number, more: number): Line {
  const text = `a line of message ${id} was left out ${more} times within a minute, it said the same`;
  return { resource, severity: "N", id: LEFT_OUT_ID, text };
}

function dropped(count: number): Line {
  const text = `${count} lines could not be written here: journalctl -u vcskvmguestd has them`;
  return { resource: "-", severity: "W", id: DROPPED_ID, text };
}

/** Beside those of ENGINE_EVENTS. */
const LEFT_OUT_ID = 1298;
const DROPPED_ID = 1299;

async function isReadable(path: string, signal: AbortSignal): Promise<boolean> {
  try {
    await orAbort(access(path, constants.R_OK), signal); // its disk may hang
    return true;
  } catch {
    return false; // no engine on this host
  }
}

/** Rejects when a line was not written. A library that hangs is killed with all that it started. */
function runLibrary(library: string, lines: readonly Line[], signal: AbortSignal): Promise<void> {
  const args = lines.flatMap(({ resource, severity, text, id }) => [resource, severity, text, String(id)]);
  const child = spawn("/bin/sh", ["-c", SCRIPT, PROGRAM, library, String(CATEGORY), ...args], {
    stdio: "ignore",
    cwd: "/",
    detached: true,
  });
  return new Promise((resolve, reject) => {
    const end = (problem: string | undefined) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      if (problem === undefined) resolve();
      else reject(new Error(problem));
    };
    const kill = (why: string) => {
      killGroup(child);
      end(why);
    };
    const stop = () => kill("the daemon ends");
    const timer = setTimeout(() => kill(`${library} did not end within ${WRITE_MS} ms`), WRITE_MS);
    signal.addEventListener("abort", stop, { once: true });
    child.once("error", (error) => end(`the shell cannot be run: ${error.message}`));
    child.once("exit", (code) => end(code === 0 ? undefined : `${library} ended with ${code ?? "a signal"}`));
  });
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // it has just ended
  }
}

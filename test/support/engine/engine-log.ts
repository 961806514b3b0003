import { appendFileSync } from "node:fs";

/** What an entry of the engine's log is about. */
export type EngineEvent =
  | "entry point started"
  | "entry point ended"
  | "entry point killed"
  | "entry point missing"
  | "state"
  | "report"
  | "tolerated"
  | "clean"
  | "clean failed"
  | "clean given up"
  | "restart"
  | "online retry"
  | "faulted"
  | "admin wait"
  | "external start"
  | "concurrency violation"
  | "migrate failed"
  | "counters reset"
  | "probe requested"
  | "hares"
  | "modified";

/** The facts of an entry; each event sets the ones that it has. */
export interface EngineLogDetails {
  /** `monitor`, `online`, `actions/guestmigrated`, ... */
  readonly entryPoint?: string;
  /** argv after the name of the program; passwords are replaced by `***`. */
  readonly args?: readonly string[];
  readonly exitCode?: number;
  readonly signal?: string;
  /** How long it took, milliseconds. */
  readonly ms?: number;
  readonly timeoutS?: number;
  /** Clean's reason, 0 to 5. */
  readonly reason?: number;
  /** State before and after, as `hares -state` prints it. */
  readonly from?: string;
  readonly to?: string;
  /** Confidence of an ONLINE report, 10 to 100. */
  readonly confidence?: number;
  /** A count: the restart, retry, tolerated report or clean this is. */
  readonly count?: number;
  readonly text?: string;
}

/** One thing that happened. */
export interface EngineLogEntry {
  /** `performance.now()` when it happened, milliseconds. */
  readonly at: number;
  readonly system: string;
  /** Empty for what belongs to no resource. */
  readonly resource: string;
  readonly what: EngineEvent;
  readonly details: EngineLogDetails;
}

interface Waiter {
  readonly predicate: (entry: EngineLogEntry) => boolean;
  readonly resolve: (entry: EngineLogEntry) => void;
}

/** Everything that happened on one system, in order, kept in memory and optionally written to a text file. */
export class EngineLog {
  readonly #system: string;
  readonly #file: string | undefined;
  readonly #entries: EngineLogEntry[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #secrets = new Set<string>();

  constructor(system: string, file: string | undefined) {
    this.#system = system;
    this.#file = file;
  }

  /** All entries since the start. */
  get entries(): readonly EngineLogEntry[] {
    return this.#entries;
  }

  /** From now on this text is written as `***`. `NONE` and the empty string are no secrets. */
  hide(secret: string): void {
    if (secret !== "" && secret !== "NONE") this.#secrets.add(secret);
  }

  add(what: EngineEvent, resource: string, details: EngineLogDetails = {}): void {
    const entry = {
      at: performance.now(),
      system: this.#system,
      resource,
      what,
      details: this.#clean(details),
    };
    this.#entries.push(entry);
    if (this.#file !== undefined) appendFileSync(this.#file, engineLogLine(entry, new Date()));
    for (const waiter of this.#waiters) {
      if (!waiter.predicate(entry)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(entry);
    }
  }

  /**
   * Resolves with the first entry that fits, of those already there too.
   *
   * @param from index of the first entry that counts: take `entries.length` before the cause
   * @throws {Error} after `limitMs`, with the last entries in its message
   */
  waitFor(
    predicate: (entry: EngineLogEntry) => boolean,
    limitMs = 30_000,
    from = 0,
  ): Promise<EngineLogEntry> {
    const there = this.#entries.slice(from).find(predicate);
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const last = this.#entries.slice(-20).map((entry) => withoutArguments(entry));
        reject(
          new Error(
            `nothing of the kind in the engine's log for ${limitMs} ms; the last:\n${last.join("\n")}`,
          ),
        );
      }, limitMs);
      const waiter: Waiter = {
        predicate,
        resolve: (entry) => {
          clearTimeout(timer);
          resolve(entry);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  #clean(details: EngineLogDetails): EngineLogDetails {
    const { args, text } = details;
    return {
      ...details,
      ...(args === undefined ? {} : { args: args.map((arg) => (this.#secrets.has(arg) ? "***" : arg)) }),
      ...(text === undefined ? {} : { text: this.#cleanText(text) }),
    };
  }

  #cleanText(text: string): string {
    let clean = text;
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, "***");
    return clean;
  }
}

/** True for an entry of this kind whose details hold the given ones. For `waitFor` and for filters. */
export function is(what: EngineEvent, details: EngineLogDetails = {}): (entry: EngineLogEntry) => boolean {
  const wanted = Object.entries(details).map(([key, value]) => [key, JSON.stringify(value)] as const);
  return (entry) => {
    if (entry.what !== what) return false;
    const there = new Map(Object.entries(entry.details).map(([key, value]) => [key, JSON.stringify(value)]));
    return wanted.every(([key, value]) => there.get(key) === value);
  };
}

function withoutArguments(entry: EngineLogEntry): string {
  const { args: _, ...details } = entry.details;
  return JSON.stringify({ ...entry, details });
}

const SEVERITIES: Partial<Record<EngineEvent, string>> = {
  "entry point killed": "WARNING",
  "entry point missing": "WARNING",
  clean: "NOTICE",
  "clean failed": "ERROR",
  "clean given up": "ERROR",
  restart: "NOTICE",
  "online retry": "NOTICE",
  faulted: "ERROR",
  "admin wait": "ERROR",
  "external start": "NOTICE",
  "concurrency violation": "CRITICAL",
  "migrate failed": "ERROR",
};

/**
 * A line as the engine's log has it. The message ids are the stand-in's own.
 *
 * Source: Agent Developer's Guide 7.2, message format: `YYYY/MM/DD hh:mm:ss VCS <SEVERITY> <UMI> <text>`, local time.
 */
export function engineLogLine(entry: EngineLogEntry, when: Date): string {
  const date = `${when.getFullYear()}/${two(when.getMonth() + 1)}/${two(when.getDate())}`;
  const time = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
  const severity = SEVERITIES[entry.what] ?? "INFO";
  const facts = factsOf(entry.details);
  const text = [`(${entry.system})`, entry.resource, entry.what, ...facts]
    .filter((part) => part !== "")
    .join(" ");
  return `${date} ${time} VCS ${severity} V-16-1-99900 ${text}\n`;
}

function two(part: number): string {
  return String(part).padStart(2, "0");
}

function factsOf({ args, text, ...numbersAndWords }: EngineLogDetails): string[] {
  return [
    ...Object.entries(numbersAndWords).map(([key, value]) => `${key}=${value}`),
    ...(args === undefined ? [] : [`args=${JSON.stringify(args)}`]),
    ...(text === undefined ? [] : [`text=${JSON.stringify(text)}`]),
  ];
}

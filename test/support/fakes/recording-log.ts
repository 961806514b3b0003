import type { Log } from "../../../src/log.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what was logged, its children's lines too. */
export class RecordingLog implements Log {
  readonly entries: LogEntry[];
  readonly #context: object;
  readonly #onEntry: ((entry: LogEntry) => void) | undefined;

  constructor(onEntry?: (entry: LogEntry) => void, entries: LogEntry[] = [], context: object = {}) {
    this.#onEntry = onEntry;
    this.entries = entries;
    this.#context = context;
  }

  debug(fields: object, message: string): void {
    this.#add("debug", fields, message);
  }

  info(fields: object, message: string): void {
    this.#add("info", fields, message);
  }

  warn(fields: object, message: string): void {
    this.#add("warn", fields, message);
  }

  error(fields: object, message: string): void {
    this.#add("error", fields, message);
  }

  child(fields: object): RecordingLog {
    return new RecordingLog(this.#onEntry, this.entries, { ...this.#context, ...fields });
  }

  /** The messages, of one level or of all. */
  messages(level?: LogLevel): string[] {
    return this.entries
      .filter((entry) => level === undefined || entry.level === level)
      .map((entry) => entry.message);
  }

  /** How often something was logged. */
  count(message: string): number {
    return this.entries.filter((entry) => entry.message === message).length;
  }

  #add(level: LogLevel, fields: object, message: string): void {
    const entry = { level, message, fields: { ...this.#context, ...fields } };
    this.entries.push(entry);
    this.#onEntry?.(entry);
  }
}

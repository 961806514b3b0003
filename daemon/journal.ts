import { messageOf } from "../src/agent-error.ts";
import type { Log } from "../src/log.ts";

export type JournalLevel = "debug" | "info" | "warn" | "error";

/** Something that happened or was decided: a line of the log, as it is remembered. */
export interface JournalEntry {
  /** Grows with each entry of this process. */
  readonly seq: number;
  /** ISO 8601. */
  readonly at: string;
  readonly level: JournalLevel;
  /** The log's constant words. */
  readonly what: string;
  readonly resource?: string;
  readonly guest?: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  /** How often in a row; each time but the first only counts. */
  times: number;
  /** ISO 8601, the last of these times. */
  lastAt: string;
}

/** Entries that are remembered of one guest, of one resource, or of no guest at all. */
const ENTRIES_AT_MOST = 100;

/** Names come from outside: a stream of invented ones drops the rings that were silent longest. */
const RINGS_AT_MOST = 4096;

/** Bounds of one entry: libvirt's own words can be long. */
const FIELDS_AT_MOST = 16;
const VALUE_CHARACTERS = 500;

/** The logger hides these too; here nothing is left of them. */
const SECRET = /password|authorization|token|secret/i;

/** Fields that differ from time to time though the same happens. */
const PASSING: ReadonlySet<string> = new Set(["ms"]);

/**
 * Remembers the last lines of the log for each guest, of whatever level, so that an operator sees what happened and what
 * was decided without reading the log. In memory only.
 */
export class Journal {
  readonly #rings = new Map<string, JournalEntry[]>();
  readonly #listeners = new Set<(entry: JournalEntry) => void>();
  #seq = 0;

  /** A log that writes to another one, and whose lines are remembered. */
  over(log: Log): Log {
    return new JournalLog(log, this, {});
  }

  /** Takes a line. One that only repeats the last of its guest counts, and is told to nobody. */
  note(level: JournalLevel, fields: Readonly<Record<string, unknown>>, what: string): void {
    const { guest, resource } = fields;
    const about = {
      ...(typeof resource === "string" && resource !== "" ? { resource } : {}),
      ...(typeof guest === "string" ? { guest } : {}),
    };
    // steps that concern no guest are the log's alone
    if (level === "debug" && about.resource === undefined && about.guest === undefined) return;
    const ring = this.#ringOf(keyOf(about));
    const at = new Date().toISOString();
    const told = tellingFields(fields);
    const last = ring.at(-1);
    if (last?.what === what && last.resource === about.resource && sameFields(last.fields, told)) {
      last.times += 1;
      last.lastAt = at;
      return;
    }
    this.#seq += 1;
    const entry = { seq: this.#seq, at, level, what, ...about, fields: told, times: 1, lastAt: at };
    ring.push(entry);
    if (ring.length > ENTRIES_AT_MOST) ring.shift();
    for (const listener of this.#listeners) listener(entry);
  }

  /** What is remembered of a guest and of its resources, the oldest first. */
  ofGuest(guest: string, resources: readonly string[]): readonly JournalEntry[] {
    const keys = [keyOf({ guest }), ...resources.map((resource) => keyOf({ resource }))];
    return inOrder(keys.map((key) => this.#rings.get(key) ?? []));
  }

  /** What concerns no guest: connections, the configuration, the daemon itself. */
  ofHost(): readonly JournalEntry[] {
    return this.#rings.get(keyOf({})) ?? [];
  }

  /** Everything, the oldest first. */
  all(): readonly JournalEntry[] {
    return inOrder([...this.#rings.values()]);
  }

  /** Calls the listener for each new entry, until the returned function is called. */
  subscribe(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A map keeps its order: the first ring is the one that was silent longest. */
  #ringOf(key: string): JournalEntry[] {
    const ring = this.#rings.get(key) ?? [];
    this.#rings.delete(key);
    this.#rings.set(key, ring);
    if (this.#rings.size > RINGS_AT_MOST) {
      const [oldest] = this.#rings.keys();
      if (oldest !== undefined) this.#rings.delete(oldest);
    }
    return ring;
  }
}

class JournalLog implements Log {
  readonly #log: Log;
  readonly #journal: Journal;
  readonly #context: object;

  constructor(log: Log, journal: Journal, context: object) {
    this.#log = log;
    this.#journal = journal;
    this.#context = context;
  }

  debug(fields: object, message: string): void {
    this.#log.debug(fields, message);
    this.#journal.note("debug", { ...this.#context, ...fields }, message);
  }

  info(fields: object, message: string): void {
    this.#log.info(fields, message);
    this.#journal.note("info", { ...this.#context, ...fields }, message);
  }

  warn(fields: object, message: string): void {
    this.#log.warn(fields, message);
    this.#journal.note("warn", { ...this.#context, ...fields }, message);
  }

  error(fields: object, message: string): void {
    this.#log.error(fields, message);
    this.#journal.note("error", { ...this.#context, ...fields }, message);
  }

  child(fields: object): Log {
    return new JournalLog(this.#log.child(fields), this.#journal, { ...this.#context, ...fields });
  }
}

function keyOf({ guest, resource }: { readonly guest?: string; readonly resource?: string }): string {
  if (guest !== undefined) return `guest ${guest}`;
  return resource === undefined ? "host" : `resource ${resource}`;
}

/** What varies, in plain values: an error is its words, what is no plain value is left out. */
function tellingFields(
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string | number | boolean>> {
  const telling = Object.entries(fields)
    .filter(([key]) => key !== "guest" && key !== "resource" && !SECRET.test(key))
    .flatMap(([key, value]) => {
      const plain = plainValue(value);
      return plain === undefined ? [] : [[key, plain] as const];
    });
  return Object.fromEntries(telling.slice(0, FIELDS_AT_MOST));
}

function plainValue(value: unknown): string | number | boolean | undefined {
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return cut(value);
  if (value instanceof Error) return cut(messageOf(value));
  if (Array.isArray(value)) return cut(value.filter((one) => typeof one === "string").join(", "));
  return undefined;
}

function cut(text: string): string {
  return text.length > VALUE_CHARACTERS ? `${text.slice(0, VALUE_CHARACTERS - 3)}...` : text;
}

function sameFields(
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => PASSING.has(key) || one[key] === other[key]);
}

function inOrder(rings: readonly (readonly JournalEntry[])[]): readonly JournalEntry[] {
  return rings.flat().toSorted((one, other) => one.seq - other.seq);
}

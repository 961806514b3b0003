import { isRecord } from "./is-record.ts";

/** Levels as a person reads them: five letters, and a colour for a terminal. Source: ECMA-48, SGR. */
const LEVELS: ReadonlyMap<string, { readonly word: string; readonly colour: string }> = new Map([
  ["debug", { word: "DEBUG", colour: "\u001b[90m" }],
  ["info", { word: "INFO ", colour: "\u001b[32m" }],
  ["warn", { word: "WARN ", colour: "\u001b[33m" }],
  ["error", { word: "ERROR", colour: "\u001b[31m" }],
]);
const PLAIN = "\u001b[0m";

/** What every line has, and is not written among its fields. */
const FRAME: ReadonlySet<string> = new Set(["level", "time", "pid", "msg"]);

/** Words that need no quotation marks. */
const WORD = /^[\w.:/@+-]+$/;

/** A line of the log, read. */
export type LogEntry = Readonly<Record<string, unknown>>;

/** Reads a line of the log; undefined for one that is none. */
export function entryOf(line: string): LogEntry | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A line of the log for a person: time, level, event, then its fields as `key=value`, in the order in which they were
 * logged. A stack follows, one line a call, where an error is a defect. A foreign text cannot steer the terminal.
 */
export function textOf(line: string, inColour: boolean): string {
  const entry = entryOf(line);
  if (entry === undefined) return line;
  const { word, colour } = LEVELS.get(String(entry["level"])) ?? { word: "?    ", colour: "" };
  const level = inColour ? `${colour}${word}${PLAIN}` : word;
  const time = String(entry["time"]).replace("T", " ");
  const fields = fieldsText(entry);
  const stack = entry["level"] === "error" ? stackOf(entry) : "";
  return `${time} ${level} ${printable(String(entry["msg"]))}${fields === "" ? "" : `  ${fields}`}\n${stack}`;
}

/** The fields of an entry as `key=value`, without those that every line has. */
export function fieldsText(entry: LogEntry, without: ReadonlySet<string> = FRAME): string {
  return Object.entries(entry)
    .filter(([key, value]) => !without.has(key) && !FRAME.has(key) && value !== undefined)
    .map(([key, value]) => `${key}=${valueText(value)}`)
    .join(" ");
}

/** An error is its words: its code and stack are for programs. */
function valueText(value: unknown): string {
  if (isRecord(value) && typeof value["message"] === "string") return quoted(value["message"]);
  return quoted(typeof value === "string" ? value : JSON.stringify(value));
}

function quoted(text: string): string {
  return WORD.test(text) ? text : printable(JSON.stringify(text));
}

/** Without characters that steer a terminal; JSON leaves those from DEL to 0x9f, and marks of writing direction. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

/** Only what nobody foresaw: an AgentError says in its message all that an operator needs. */
function stackOf({ err }: LogEntry): string {
  if (!isRecord(err) || err["type"] === "AgentError" || typeof err["stack"] !== "string") return "";
  const lines = err["stack"].split("\n").slice(1);
  return lines.map((line) => `    ${printable(line.trim())}\n`).join("");
}

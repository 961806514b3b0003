import type { LogEntry } from "../fakes/recording-log.ts";

/** Fields that every line would have, or that differ from run to run. */
const LEFT_OUT = new Set(["ms", "entryPoint", "resource", "guest", "lane", "pids", "calls"]);

/** The whole log of one scenario, line by line, with nothing in it that differs from run to run. */
export class Journal {
  readonly #lines: string[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** What the script says. */
  happening(text: string): void {
    this.#lines.push("", this.#line(">", text));
  }

  /** What the engine is asked, and what it does of itself. */
  engine(text: string): void {
    this.#lines.push(this.#line("E", text));
  }

  /** What the product logs; an entry point's end is its answer. */
  logged({ level, message, fields }: LogEntry): void {
    const about = words(fields["resource"] ?? fields["guest"] ?? fields["lane"] ?? "daemon");
    if (message === "entry point ended") {
      this.#lines.push(this.#line("=", `${about} ${words(fields["entryPoint"])}: ${details(fields)}`));
    } else if (level !== "debug") {
      const more = details(fields);
      this.#lines.push(this.#line(level[0] ?? "", `${about}: ${message}${more === "" ? "" : ` [${more}]`}`));
    }
  }

  text(): string {
    return `${this.#lines.slice(1).join("\n")}\n`;
  }

  #line(mark: string, text: string): string {
    const steady = text
      .replaceAll(/\(?pid \d+\)?/g, "(pid)")
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "(uuid)");
    return `${(this.#now() / 1000).toFixed(1).padStart(7)} ${mark} ${steady}`;
  }
}

/** What varies in a line: the answer first, its reason last. */
function details(fields: Readonly<Record<string, unknown>>): string {
  const { code, reason, err, ...others } = fields;
  const parts = Object.entries(others)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => (name === "state" ? words(value) : `${name} ${words(value)}`));
  if (code !== undefined) parts.unshift(words(code));
  if (err instanceof Error) parts.push(err.message);
  const text = parts.join(", ");
  return reason === undefined ? text : [text, words(reason)].filter((part) => part !== "").join(": ");
}

function words(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

import type { EventAnswer } from "../../ipc/answers.ts";
import { momentText } from "./ages.ts";
import { printable } from "./printable.ts";
import type { Style } from "./terminal.ts";

/** The order in which fields tell a story; all others follow as they come. */
const FIRST = ["entryPoint", "operation", "event", "from", "state", "reason", "code"];

/** One event as a line: when, whose, what, and what varies. */
export function eventLine(event: EventAnswer, style: Style, now: Date): string {
  const { at, level, what, resource, guest, fields, times, lastAt } = event;
  const paint = level === "error" ? style.bad : level === "warn" ? style.odd : plain;
  const about = [guest, resource].filter((name) => name !== null).map(printable);
  const repeated = times > 1 ? style.faint(` (${times} times, last ${momentText(lastAt, now)})`) : "";
  const told = fieldsText(fields);
  return [
    style.faint(momentText(at, now)),
    ...(about.length === 0 ? [] : [about.join("/")]),
    `${paint(printable(what))}${told === "" ? "" : `: ${told}`}${repeated}`,
  ].join("  ");
}

function fieldsText(fields: EventAnswer["fields"]): string {
  const names = Object.keys(fields).filter((name) => name !== "ms");
  const ordered = [
    ...FIRST.filter((name) => names.includes(name)),
    ...names.filter((name) => !FIRST.includes(name)),
  ];
  return ordered.map((name) => `${printable(name)} ${printable(String(fields[name]))}`).join(", ");
}

function plain(text: string): string {
  return text;
}

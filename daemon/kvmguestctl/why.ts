import { parseGuests, parseWhy, type WhyAnswer } from "../../ipc/answers.ts";
import { askDaemon } from "../../ipc/client.ts";
import { ageText, momentText } from "./ages.ts";
import type { CommandContext } from "./command.ts";
import { eventLine } from "./event-lines.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { withNames } from "./names.ts";
import { printable } from "./printable.ts";
import { painted, sourceText } from "./state-cells.ts";
import type { Style } from "./terminal.ts";

/** Shows what happened to one guest, what was decided, and what happens next. */
export async function runWhy(context: CommandContext): Promise<number> {
  const { options, terminal, words } = context;
  const all = parseGuests(await askDaemon({ method: "GET", path: "/v1/guests" }, context));
  const [found] = withNames(all, words);
  const path = `/v1/guests/${encodeURIComponent(found?.guest ?? "")}/why`;
  const why = parseWhy(await askDaemon({ method: "GET", path }, context));
  if (options.json === true) terminal.print(JSON.stringify(why));
  else for (const line of whyLines(why, terminal.style, new Date())) terminal.print(line);
  return EXIT_CODES.done.code;
}

/** The whole story, the present first and the events in their order. */
export function whyLines(why: WhyAnswer, style: Style, now: Date): readonly string[] {
  const { guest, since, migrationRecord: record, resources, events } = why;
  const lines = [`guest ${style.bold(printable(guest))}`];
  for (const resource of resources) lines.push(...resourceLines(resource, style, now));
  if (record !== null) {
    const to = record.peer === null ? "" : ` to ${record.peer}`;
    const because = record.why === null ? "" : `: ${record.why}`;
    lines.push(printable(`migration record: ${record.kind}${to}, ${momentText(record.at, now)}${because}`));
  }
  const told = events.map((event) => `  ${eventLine(event, style, now)}`);
  const from = `what happened since ${momentText(since, now)} (older: journalctl -u vcskvmguestd)`;
  return [...lines, from, ...(told.length === 0 ? ["  nothing"] : told)];
}

function resourceLines(resource: WhyAnswer["resources"][number], style: Style, now: Date): readonly string[] {
  const { answer, reading, next } = resource;
  const told =
    answer === null
      ? "nothing yet"
      : `${painted(style, answer.state, answer.confidence)} (exit code ${answer.code})${because(answer.reason)}${answer.at === null ? ", by an earlier process" : `, ${momentText(answer.at, now)}`}`;
  const read =
    reading === null
      ? "nothing yet"
      : `${painted(style, reading.state, reading.confidence)}${because(reading.reason)}, by ${sourceText(resource.environment, reading.source)}, ${momentText(reading.at, now)} (age ${ageText(reading.ageS)})`;
  return [
    `resource ${style.bold(printable(resource.resource))} (${resource.environment})`,
    `  the engine was told: ${told}`,
    `  last read: ${read}`,
    "  what happens next:",
    ...next.map((sentence) => `    ${printable(sentence)}`),
  ];
}

function because(reason: string | null): string {
  return reason === null ? "" : `: ${printable(reason)}`;
}

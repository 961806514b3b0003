import type { CheckRow, Verdict } from "../../src/readiness.ts";
import type { Style } from "../kvmguestctl/terminal.ts";

/** How many rows have each verdict. */
export type VerdictCounts = Readonly<Record<Verdict, number>>;

export function countsOf(rows: readonly CheckRow[]): VerdictCounts {
  const counts = { ok: 0, warning: 0, problem: 0, "not checked": 0 };
  for (const { verdict } of rows) counts[verdict] += 1;
  return counts;
}

/** The rows for people: the verdict, the check, what was looked at and what was found; then what to do, and the sum. */
export function reportLines(rows: readonly CheckRow[], style: Style): readonly string[] {
  const width = Math.max(0, ...rows.map(({ check }) => check.length));
  const paint: Readonly<Record<Verdict, (text: string) => string>> = {
    ok: (text) => style.good(text),
    warning: (text) => style.odd(text),
    problem: (text) => style.bad(text),
    "not checked": (text) => style.faint(text),
  };
  const lines = rows.flatMap(({ check, about, verdict, text, remedy }) => {
    const head = `${paint[verdict](verdict.padEnd(VERDICT_WIDTH))}  ${check.padEnd(width)}  `;
    const indent = " ".repeat(VERDICT_WIDTH + width + 4);
    const line = `${head}${printed(about)}: ${printed(text)}`;
    return remedy === undefined ? [line] : [line, `${indent}-> ${printed(remedy)}`];
  });
  return [...lines, "", sumOf(countsOf(rows))];
}

/** The rows for programs. */
export function reportJson(rows: readonly CheckRow[]): string {
  return JSON.stringify({ counts: countsOf(rows), checks: rows }, null, 2);
}

const VERDICT_WIDTH = "not checked".length;

function sumOf({ ok, warning, problem, "not checked": notChecked }: VerdictCounts): string {
  const warnings = `${warning} ${warning === 1 ? "warning" : "warnings"}`;
  return `${problem} ${problem === 1 ? "problem" : "problems"}, ${warnings}, ${notChecked} not checked, ${ok} ok`;
}

/** Words of others (a peer's, a file's) must not steer the terminal. */
function printed(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, " ");
}

import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { COMMON_OPTIONS, OPTIONS, type OptionName } from "./options.ts";

/** The environment variables of kvmguestctl, with what they are for. */
const VARIABLES = [
  ["VCSKVMGUESTD_SOCKET", "stands for --socket; the option wins"],
  ["VCSKVMGUESTD_CONFIG", "stands for --config; the option wins"],
  ["NO_COLOR", "set to anything: no colours on a terminal either"],
] as const;

/** The help of the program: its commands, options, variables and exit codes. */
export function programHelp(): string {
  return [
    "kvmguestctl - shows what vcskvmguestd knows and does, and why",
    "",
    "Usage: kvmguestctl COMMAND [OPTION...] [NAME...]",
    "       kvmguestctl COMMAND --help",
    "",
    "Commands:",
    ...columns(COMMANDS.map(({ name, usage, summary }) => [`${name} ${usage}`.trim(), summary])),
    "",
    "Options of every command:",
    ...columns(COMMON_OPTIONS.map(optionRow)),
    "",
    "Environment:",
    ...columns(VARIABLES),
    "",
    "Exit codes:",
    ...columns(Object.values(EXIT_CODES).map(({ code, meaning }) => [String(code), meaning])),
    "",
  ].join("\n");
}

/** The help of one command. */
export function commandHelp({ name, usage, summary, details, options }: Command): string {
  return [
    `kvmguestctl ${name} - ${summary}`,
    "",
    `Usage: kvmguestctl ${name} [OPTION...] ${usage}`.trimEnd(),
    "",
    ...details,
    "",
    "Options:",
    ...columns([...options, ...COMMON_OPTIONS].map(optionRow)),
    "",
    "The exit codes are in kvmguestctl --help.",
    "",
  ].join("\n");
}

function optionRow(name: OptionName): readonly [string, string] {
  const row = OPTIONS[name];
  const short = "short" in row ? `-${row.short}, ` : "";
  const value = "value" in row ? ` ${row.value}` : "";
  return [`${short}--${name}${value}`, row.summary];
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

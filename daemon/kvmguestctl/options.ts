import { parseArgs } from "node:util";
import { CommandError } from "./exit-codes.ts";

/** One option; `value` names what it takes in the help, without it the option is a switch. */
interface OptionRow {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly value?: string;
  readonly summary: string;
}

/** Every option of kvmguestctl. A command takes those that its row names, and the common ones. */
export const OPTIONS = {
  socket: {
    type: "string",
    value: "PATH",
    summary: "the daemon's socket; default: that of the configuration, else /run/vcskvmguestd/agent.sock",
  },
  config: {
    type: "string",
    value: "FILE",
    summary: "the daemon's configuration; default /etc/vcskvmguestd/config.yaml",
  },
  timeout: { type: "string", value: "SECONDS", summary: "how long the daemon is waited for; default 5" },
  json: { type: "boolean", summary: "JSON instead of text for people" },
  follow: { type: "boolean", short: "f", summary: "go on with what happens from now on, until Ctrl-C" },
  interval: { type: "string", value: "SECONDS", summary: "how often it is looked; default 1" },
  peer: { type: "string", value: "SYSTEM", summary: "of the peers, look at this one only" },
  "dry-run": { type: "boolean", short: "n", summary: "change nothing, say what would be asked and done" },
  version: { type: "boolean", summary: "print the version" },
  help: { type: "boolean", short: "h", summary: "print the help of the program, or of the command" },
} as const satisfies Record<string, OptionRow>;

export type OptionName = keyof typeof OPTIONS;

/** Options that every command takes. */
export const COMMON_OPTIONS = [
  "socket",
  "config",
  "timeout",
  "json",
  "version",
  "help",
] as const satisfies readonly OptionName[];

/** The options that were given. */
export type OptionValues = ReturnType<typeof readArguments>["values"];

/** Takes argv apart; options may stand anywhere, and what follows `--` is never one. @throws {TypeError} in words */
export function readArguments(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: true });
}

/** @throws {CommandError} for what is no number of seconds, 0.1 to 3600 */
export function secondsOf(option: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  const seconds = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 0.1 && seconds <= 3600) return seconds;
  throw new CommandError("wrong", `--${option} takes seconds, 0.1 to 3600`);
}

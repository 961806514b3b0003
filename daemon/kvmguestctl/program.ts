import { IpcError, type IpcErrorCode } from "../../ipc/ipc-error.ts";
import { messageOf } from "../../src/agent-error.ts";
import { packageVersion } from "../version.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { CommandError, EXIT_CODES, type ExitName } from "./exit-codes.ts";
import { commandHelp, programHelp } from "./help.ts";
import { COMMON_OPTIONS, type OptionValues, readArguments, secondsOf } from "./options.ts";
import { socketFor } from "./socket.ts";
import type { Terminal } from "./terminal.ts";

/** What the program is run with. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  /** Aborts at Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** The daemon answers from memory: one that needs longer hangs. */
const DEFAULT_LIMIT_S = 5;

/** At Ctrl-C, but for commands that go on until then. */
const INTERRUPTED = "interrupted; what was begun with the daemon goes on there";

/** What became of a request, as an exit code. */
const EXIT_OF: Readonly<Partial<Record<IpcErrorCode, ExitName>>> = {
  SOCKET_PATH: "wrong",
  NO_DAEMON: "noDaemon",
  NOT_ALLOWED: "notAllowed",
  NO_ANSWER: "noAnswer",
  NOT_FOUND: "oddAnswer",
  REFUSED: "failed",
  BAD_ANSWER: "oddAnswer",
};

/** Runs one command line; every problem is one clear line on standard error. @returns the exit code */
export async function runProgram(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    return await run(argv, surroundings);
  } catch (error) {
    const { terminal, signal } = surroundings;
    const isInterrupted = signal.aborted && error === signal.reason;
    terminal.complain(isInterrupted ? INTERRUPTED : oneLine(messageOf(error)));
    return EXIT_CODES[exitOf(error)].code;
  }
}

async function run(argv: readonly string[], { env, terminal, signal }: Surroundings): Promise<number> {
  const { values, positionals } = read(argv);
  const [name, ...words] = positionals;
  if (values.version === true) {
    terminal.print(packageVersion());
    return EXIT_CODES.done.code;
  }
  if (name === undefined) {
    if (values.help !== true)
      throw new CommandError("wrong", "name a command: kvmguestctl --help lists them");
    terminal.print(programHelp().trimEnd());
    return EXIT_CODES.done.code;
  }
  const command = commandOf(name);
  if (values.help === true) {
    terminal.print(commandHelp(command).trimEnd());
    return EXIT_CODES.done.code;
  }
  checkUse(command, values, words);
  const isLenient = command.reportsConfiguration === true;
  const socket = isLenient ? (values.socket ?? env["VCSKVMGUESTD_SOCKET"] ?? "") : socketFor(values, env);
  const limitMs = secondsOf("timeout", values.timeout, DEFAULT_LIMIT_S) * 1000;
  return command.run({ words, options: values, socket, limitMs, terminal, signal });
}

function read(argv: readonly string[]): ReturnType<typeof readArguments> {
  try {
    return readArguments(argv);
  } catch (error) {
    // node goes on with advice that only its programmers understand
    const [problem = ""] = messageOf(error).split(/\.?\s*\n|\. /);
    throw new CommandError("wrong", `${problem}: see kvmguestctl --help`, { cause: error });
  }
}

function commandOf(name: string): Command {
  const command = COMMANDS.find((row) => row.name === name);
  if (command !== undefined) return command;
  throw new CommandError(
    "wrong",
    `there is no command ${JSON.stringify(name)}: kvmguestctl --help lists them`,
  );
}

function checkUse(command: Command, values: OptionValues, words: readonly string[]): void {
  const usage = `usage: kvmguestctl ${command.name} ${command.usage}`.trimEnd();
  const taken: readonly string[] = [...command.options, ...COMMON_OPTIONS];
  const stranger = Object.keys(values).find((option) => !taken.includes(option));
  if (stranger !== undefined)
    throw new CommandError("wrong", `--${stranger} is no option of ${command.name}; ${usage}`);
  const { least, most } = command.words;
  if (words.length < least) throw new CommandError("wrong", `something is missing; ${usage}`);
  if (words.length > most) throw new CommandError("wrong", `too many words; ${usage}`);
}

function exitOf(error: unknown): ExitName {
  if (error instanceof CommandError) return error.exit;
  return (error instanceof IpcError ? EXIT_OF[error.code] : undefined) ?? "failed";
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").trim();
}

import type { OptionName, OptionValues } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** What a command works with. */
export interface CommandContext {
  /** What stands after the command's name, options taken out. */
  readonly words: readonly string[];
  readonly options: OptionValues;
  /** Path of the daemon's socket; with `reportsConfiguration`, empty where neither option nor variable names it. */
  readonly socket: string;
  /** Milliseconds that the daemon is waited for. */
  readonly limitMs: number;
  readonly terminal: Terminal;
  /** Aborts at Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** One command of kvmguestctl: a row of the table in commands.ts. */
export interface Command {
  readonly name: string;
  /** The words after the name, for the help: `[GUEST]`. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What the help of the command says beside it, in lines. */
  readonly details: readonly string[];
  /** Options that it takes beside the common ones. */
  readonly options: readonly OptionName[];
  /** It looks at the configuration itself, and tells what is wrong with it: that must not end it before. */
  readonly reportsConfiguration?: true;
  /** How many words it takes. */
  readonly words: { readonly least: number; readonly most: number };
  /**
   * @returns the exit code
   * @throws {CommandError} and IpcError, which the program turns into one line and an exit code
   */
  run(context: CommandContext): Promise<number>;
}

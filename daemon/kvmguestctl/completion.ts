import type { Command, CommandContext } from "./command.ts";
import { CommandError } from "./exit-codes.ts";

export function runCompletion(_context: CommandContext, _commands: readonly Command[]): Promise<number> {
  return Promise.reject(new CommandError("failed", "not there yet"));
}

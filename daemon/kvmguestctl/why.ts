import type { CommandContext } from "./command.ts";
import { CommandError } from "./exit-codes.ts";

export function runWhy(_context: CommandContext): Promise<number> {
  return Promise.reject(new CommandError("failed", "not there yet"));
}

import type { CommandContext } from "../kvmguestctl/command.ts";
import { CommandError } from "../kvmguestctl/exit-codes.ts";

/** Checks the configuration and whether this host is ready. */
export function runCheck(_context: CommandContext): Promise<number> {
  return Promise.reject(new CommandError("failed", "this version of kvmguestctl has no checks"));
}

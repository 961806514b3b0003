import { getuid } from "node:process";
import { ConfigError, loadConfig } from "../config.ts";
import { CommandError } from "./exit-codes.ts";
import type { OptionValues } from "./options.ts";

/** Where the daemon listens when nobody says otherwise. */
const DEFAULT_SOCKET = "/run/vcskvmguestd/agent.sock";

/**
 * The socket that is asked: the option, else the variable, else that of the daemon's configuration; for anybody but root
 * the read-only one where there is one. A configuration that was not asked for and cannot be read says nothing.
 *
 * @throws {CommandError} when the configuration that was named cannot be used
 */
export function socketFor(
  { socket, config }: OptionValues,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const given = socket ?? env["VCSKVMGUESTD_SOCKET"];
  if (given !== undefined) return given;
  const file = config ?? env["VCSKVMGUESTD_CONFIG"];
  try {
    const { socket: own, readOnlySocket } = loadConfig(file, {}, []);
    return getuid?.() === 0 ? own : (readOnlySocket?.path ?? own);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (file === undefined) return DEFAULT_SOCKET;
    throw new CommandError("wrong", error.problems.join("; "), { cause: error });
  }
}

import { parseArgs } from "node:util";
import { messageOf } from "../src/agent-error.ts";
import type { Overrides } from "./config.ts";

/** What the command line and the environment ask for. */
export type Command =
  | {
      readonly kind: "run" | "check-config";
      readonly config: string | undefined;
      readonly overrides: Overrides;
    }
  | { readonly kind: "help" | "version" }
  | { readonly kind: "wrong"; readonly problem: string };

export const HELP = `vcskvmguestd - keeps KVM guests highly available under Veritas Cluster Server

Usage: vcskvmguestd [options]

  --config FILE           configuration, default /etc/vcskvmguestd/config.yaml
  --socket PATH           where the entry points are served
  --state-directory PATH  where registrations are kept
  --log-level LEVEL       debug, info, warn or error
  --log-format FORMAT     json, or text for people
  --check-config          validate the configuration, print every problem, and exit
  --version, --help

Environment: VCSKVMGUESTD_CONFIG, VCSKVMGUESTD_SOCKET, VCSKVMGUESTD_STATE_DIRECTORY,
VCSKVMGUESTD_LOG_LEVEL and VCSKVMGUESTD_LOG_FORMAT stand for the options of these names; an option wins over its
variable.

Exit codes: 0 ended as asked, 1 cannot run (the log says why), 2 wrong usage or configuration.
`;

/** Reads the command line; an option wins over its environment variable. */
export function parseCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Command {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: OPTIONS,
      strict: true,
      allowPositionals: false,
    });
    if (values.help === true) return { kind: "help" };
    if (values.version === true) return { kind: "version" };
    return {
      kind: values["check-config"] === true ? "check-config" : "run",
      config: values.config ?? env["VCSKVMGUESTD_CONFIG"],
      overrides: {
        socket: values.socket ?? env["VCSKVMGUESTD_SOCKET"],
        stateDirectory: values["state-directory"] ?? env["VCSKVMGUESTD_STATE_DIRECTORY"],
        logLevel: values["log-level"] ?? env["VCSKVMGUESTD_LOG_LEVEL"],
        logFormat: values["log-format"] ?? env["VCSKVMGUESTD_LOG_FORMAT"],
      },
    };
  } catch (error) {
    // node explains some mistakes in several lines
    return { kind: "wrong", problem: messageOf(error).replace(/\s*\n\s*/g, " ") };
  }
}

const OPTIONS = {
  config: { type: "string" },
  socket: { type: "string" },
  "state-directory": { type: "string" },
  "log-level": { type: "string" },
  "log-format": { type: "string" },
  "check-config": { type: "boolean" },
  version: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

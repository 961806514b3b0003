import { AgentError } from "../src/agent-error.ts";

/** What a call of the action DevScan asks for. */
export type DevScanWish =
  /** Start one, or show the one that runs or has ended since it was asked last. */
  | { readonly kind: "show or start" }
  | { readonly kind: "start"; readonly confirmedDead: string | undefined }
  | { readonly kind: "status" };

const CONFIRM = "confirm-dead=";

/**
 * Reads the action's own arguments.
 *
 * @throws {AgentError} BAD_ATTRIBUTE
 */
export function parseDevScan(args: readonly string[]): DevScanWish {
  const [word, ...more] = args;
  if (word === undefined) return { kind: "show or start" };
  if (more.length === 0) {
    if (word === "start") return { kind: "start", confirmedDead: undefined };
    if (word === "status") return { kind: "status" };
    if (word.startsWith(CONFIRM) && word.length > CONFIRM.length)
      return { kind: "start", confirmedDead: word.slice(CONFIRM.length) };
  }
  throw new AgentError(
    "BAD_ATTRIBUTE",
    "DevScan takes no argument, or one: start, status, or confirm-dead=HOST with a host of RHEV-M that somebody has seen switched off",
  );
}

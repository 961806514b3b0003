import { AgentError, hasCode, messageOf } from "./agent-error.ts";
import type { Attributes } from "./attributes.ts";

/** What came of a look: all is well, worth a thought, will fail when it is needed, or nothing can be said. */
export type Verdict = "ok" | "warning" | "problem" | "not checked";

/** All checks by name, in the order in which they are shown. docs/operations.md has a row for each. */
export const CHECK_NAMES = [
  "configuration",
  "daemon",
  "socket",
  "state directory",
  "shim",
  "engine",
  "type",
  "resources",
  "timeouts",
  "unit order",
  "shutdown time",
  "clock",
  "libvirt",
  "libvirt-guests",
  "locks",
  "certificates",
  "definition",
  "autostart",
  "disks",
  "sync folder",
  "peer",
  "peer address",
  "peer CPU",
  "peer guest",
  "RHEV-M",
  "RHEV-M certificate",
  "RHEV-M guest",
  "RHEV-M rights",
] as const;

export type CheckName = (typeof CHECK_NAMES)[number];

/** One row of the table that an operator reads. */
export interface CheckRow {
  readonly check: CheckName;
  /** What was looked at: a guest, a peer, a file, this host. */
  readonly about: string;
  readonly verdict: Verdict;
  /** What was found, or what is wrong, in a sentence. */
  readonly text: string;
  /** What to do about it, with the command where there is one. */
  readonly remedy?: string | undefined;
}

/** One look at one thing. It changes nothing. */
export interface Check {
  readonly name: CheckName;
  readonly about: string;
  /** milliseconds for the whole look; undefined: what suits most */
  readonly limitMs?: number;
  /**
   * @returns its rows, one at least
   * @throws {AgentError} what kept it from looking; it becomes a row "not checked"
   */
  readonly look: (signal: AbortSignal) => Promise<readonly CheckRow[]>;
}

/** A resource that is checked: registered with the daemon, or read from the engine. */
export interface CheckedResource {
  readonly resource: string;
  readonly attributes: Attributes;
}

/** Rows of one check about one thing. */
export interface RowMaker {
  ok(text: string): CheckRow;
  warning(text: string, remedy?: string): CheckRow;
  problem(text: string, remedy?: string): CheckRow;
  notChecked(why: string): CheckRow;
  /** What an error means: a problem; not checked where nobody answered in time. */
  failed(error: unknown, remedy?: string): CheckRow;
}

export function rowsOf(check: CheckName, about: string): RowMaker {
  const row = (verdict: Verdict, text: string, remedy?: string): CheckRow => ({
    check,
    about,
    verdict,
    text,
    ...(remedy === undefined ? {} : { remedy }),
  });
  return {
    ok: (text) => row("ok", text),
    warning: (text, remedy) => row("warning", text, remedy),
    problem: (text, remedy) => row("problem", text, remedy),
    notChecked: (why) => row("not checked", why),
    failed: (error, remedy) => {
      if (!(error instanceof AgentError)) throw error;
      return hasCode(error, "TIMED_OUT", "CANCELLED")
        ? row("not checked", messageOf(error))
        : row("problem", messageOf(error), remedy);
    },
  };
}

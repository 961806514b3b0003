/** What the agent framework says of one kind of entry point. */
interface EntryPointRule {
  /** Deadline in seconds when the framework does not pass AEPTimeout. */
  readonly timeoutS: number;
  /** Exit code when nobody gives a usable answer. */
  readonly fallback: number;
  /** The only exit codes that may reach the framework, as inclusive ranges. */
  readonly legal: readonly (readonly [first: number, last: number])[];
}

/**
 * One row for each entry point of the KVMGuest type; `action` stands for every action token.
 * The shim (`ipc/entry-point`) holds the same numbers; a test compares both.
 *
 * Source: Agent Developer's Guide 7.3, return values of entry points; type attributes MonitorTimeout,
 * CleanTimeout, OnlineTimeout, OfflineTimeout, MigrateTimeout, ActionTimeout.
 */
const RULES = {
  open: { timeoutS: 60, fallback: 0, legal: [[0, 0]] },
  close: { timeoutS: 60, fallback: 0, legal: [[0, 0]] },
  online: { timeoutS: 300, fallback: 0, legal: [[0, 255]] },
  offline: { timeoutS: 300, fallback: 0, legal: [[0, 255]] },
  monitor: {
    timeoutS: 60,
    fallback: 99,
    legal: [
      [99, 110],
      [200, 200],
    ],
  },
  clean: { timeoutS: 60, fallback: 1, legal: [[0, 1]] },
  attr_changed: { timeoutS: 60, fallback: 0, legal: [[0, 0]] },
  migrate: { timeoutS: 300, fallback: 0, legal: [[0, 100]] },
  shutdown: { timeoutS: 60, fallback: 0, legal: [[0, 0]] },
  action: { timeoutS: 30, fallback: 1, legal: [[0, 1]] },
} as const satisfies Record<string, EntryPointRule>;

/** A row of the framework's table: an entry point, or any action. */
export type EntryPointKind = keyof typeof RULES;

/** An entry point that has its own script; actions are told apart by their token. */
export type EntryPointName = Exclude<EntryPointKind, "action">;

/** All entry points that have a script of their own. */
export function entryPointNames(): readonly EntryPointName[] {
  return Object.keys(RULES).filter(isEntryPointName);
}

/** True for the name of an entry point of the KVMGuest type; `action` is none. */
export function isEntryPointName(word: string): word is EntryPointName {
  return word !== "action" && Object.hasOwn(RULES, word);
}

/** True for a word that can name an action's script: 1 to 64 letters, digits, `_`, `-` or `.`. */
export function isActionToken(word: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(word);
}

/** Seconds an entry point may take when the framework passed no AEPTimeout. */
export function defaultTimeoutS(kind: EntryPointKind): number {
  return RULES[kind].timeoutS;
}

/** The exit code that says "nobody answered": never a success that was not proved, never OFFLINE. */
export function fallbackExitCode(kind: EntryPointKind): number {
  return RULES[kind].fallback;
}

/** True when the framework gives this exit code a meaning that we may use. */
export function isLegalExitCode(kind: EntryPointKind, exitCode: number): boolean {
  return (
    Number.isInteger(exitCode) &&
    RULES[kind].legal.some(([first, last]) => exitCode >= first && exitCode <= last)
  );
}

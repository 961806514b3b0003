import { INTENTIONAL_OFFLINE, OFFLINE, online, type ResourceState, UNKNOWN } from "../resource-state.ts";
import type { DomainWords, StateWord } from "./domain-words.ts";

/** Which way a migration goes that libvirt reports for a paused domain. */
export type MigrationSide = "outgoing" | "incoming" | "none";

interface Row {
  readonly state: ResourceState;
  readonly why: string;
  /** Worth a warning in the log when a guest enters it. */
  readonly alarming?: true;
  /** How the guest can be brought back, where `wake` can. */
  readonly suspended?: "paused" | "asleep";
  readonly migrating?: true;
}

/**
 * What a libvirt state means for the engine. The word before the parenthesis is libvirt's state, inside stand its
 * reason and, where it decides, the side of a migration; `*` is any reason that has no row of its own.
 *
 * Source: our own table; the vendor's for plain KVM is not published. Words: virsh domstate --reason.
 */
export const STATE_TABLE = {
  "running (*)": { state: online(100), why: "" },
  "idle (*)": { state: online(100), why: "a guest that waits for a disk is still running" },
  "paused (unknown)": {
    state: INTENTIONAL_OFFLINE,
    why: "the administrator suspended it",
    suspended: "paused",
  },
  "paused (user)": { state: INTENTIONAL_OFFLINE, why: "the administrator suspended it", suspended: "paused" },
  "paused (migrating, outgoing)": {
    state: online(100),
    why: "the last moment of a live migration",
    migrating: true,
  },
  "paused (migrating, incoming)": { state: OFFLINE, why: "not this host's guest yet", migrating: true },
  "paused (migrating)": {
    state: online(20),
    why: "no migration runs: a restored guest that holds its disks, or one stuck after a migration",
    alarming: true,
  },
  "paused (starting up, incoming)": { state: OFFLINE, why: "not this host's guest yet", migrating: true },
  "paused (starting up)": {
    state: online(20),
    why: "it holds its disks and does not run yet",
    alarming: true,
  },
  "paused (saving)": { state: online(20), why: "passing" },
  "paused (dumping)": { state: online(20), why: "passing" },
  "paused (from snapshot)": { state: online(20), why: "passing" },
  "paused (creating snapshot)": { state: online(20), why: "passing" },
  "paused (shutting down)": { state: online(40), why: "it has powered off and its emulator is about to end" },
  "paused (I/O error)": {
    state: online(20),
    why: "a disk failed under it; not a pause anybody asked for",
    alarming: true,
  },
  "paused (watchdog)": {
    state: online(20),
    why: "its watchdog fired; not a pause anybody asked for",
    alarming: true,
  },
  "paused (crashed)": {
    state: online(20),
    why: "it panicked; not a pause anybody asked for",
    alarming: true,
  },
  "paused (api error)": {
    state: online(20),
    why: "libvirt failed to go on; not a pause anybody asked for",
    alarming: true,
  },
  "paused (post-copy)": {
    state: INTENTIONAL_OFFLINE,
    why: "it runs on the target of its migration",
    migrating: true,
  },
  "paused (post-copy failed, incoming)": {
    state: online(20),
    why: "its migration broke after it had begun to run here",
    alarming: true,
  },
  "paused (post-copy failed)": {
    state: INTENTIONAL_OFFLINE,
    why: "its migration broke after it had begun to run on the target: a part of its memory is there only",
    alarming: true,
    migrating: true,
  },
  "in shutdown (*)": { state: online(40), why: "it is on its way down" },
  "pmsuspended (*)": { state: INTENTIONAL_OFFLINE, why: "asleep by its own wish", suspended: "asleep" },
  "shut off (migrated)": { state: INTENTIONAL_OFFLINE, why: "it left for another host" },
  "shut off (saved)": { state: INTENTIONAL_OFFLINE, why: "its memory was saved on purpose" },
  "shut off (*)": { state: OFFLINE, why: "" },
  "crashed (*)": {
    state: OFFLINE,
    why: "it panicked and its emulator is kept; clean removes what is left",
    alarming: true,
  },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof STATE_TABLE;

/** True for the name of a row of the table. */
export function isRowName(name: string): name is RowName {
  return Object.hasOwn(STATE_TABLE, name);
}

/** States that the configuration puts in place of the table's. */
export type StateOverrides = ReadonlyMap<RowName, ResourceState>;

/** What the table makes of a domain's words. */
export interface Verdict {
  readonly state: ResourceState;
  readonly why: string;
  readonly alarming: boolean;
  readonly suspended: "paused" | "asleep" | undefined;
  readonly migrating: boolean;
  readonly active: boolean | undefined;
}

/** True for words whose row depends on the side of a migration. */
export function needsMigrationSide(words: DomainWords): boolean {
  return words.state === "paused" && ["migrating", "starting up", "post-copy failed"].includes(words.reason);
}

/** Looks a domain's words up; a word that is not in the table is UNKNOWN, never a guess. */
export function verdictOf(words: DomainWords, side: MigrationSide, overrides: StateOverrides): Verdict {
  const active = isActive(words.state);
  const name = rowNames(words, side).find(isRowName);
  if (name === undefined) {
    const why = "libvirt's answer has no row in the agent's table";
    return { state: UNKNOWN, why, alarming: true, suspended: undefined, migrating: false, active };
  }
  const row: Row = STATE_TABLE[name];
  return {
    state: overrides.get(name) ?? row.state,
    why: row.why,
    alarming: row.alarming === true,
    suspended: row.suspended,
    migrating: row.migrating === true,
    active,
  };
}

function rowNames({ state, reason }: DomainWords, side: MigrationSide): string[] {
  return [`${state} (${reason}, ${side})`, `${state} (${reason})`, `${state} (*)`];
}

/** Whether libvirt keeps an emulator for a domain in this state; undefined where the word does not tell. */
export function isActive(state: StateWord | undefined): boolean | undefined {
  if (state === undefined || state === "no state") return undefined;
  return state !== "shut off";
}

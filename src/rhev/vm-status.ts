import { INTENTIONAL_OFFLINE, OFFLINE, online, type ResourceState, UNKNOWN } from "../resource-state.ts";

interface Row {
  /** What it means on the host that runs the VM; for a VM without a host, on the one that ran it last. */
  readonly state: ResourceState;
  readonly why: string;
  /** Whether the VM holds an emulator, and so its disks, on the host that the engine names; undefined: nobody can say. */
  readonly active: boolean | undefined;
  /** It passes by itself: worth a closer look. */
  readonly passing: boolean;
}

const row = (state: ResourceState, active: boolean | undefined, why = ""): Row => ({
  state,
  why,
  active,
  passing: false,
});
const passing = (state: ResourceState, active: boolean | undefined, why = ""): Row => ({
  ...row(state, active, why),
  passing: true,
});

/**
 * What a VM's status means for the engine of the cluster.
 *
 * Source: "About the KVMGuest agent", table of virtual machine states in a RHEV environment; the words that it does not
 * have are from the API of RHEV 3.0 to oVirt 4.5 and are our choice.
 */
export const VM_STATUS = {
  wait_for_launch: passing(online(10), true, "it is about to be launched"),
  paused: row(online(20), true, "it is paused"),
  powering_down: passing(online(40), true, "it is on its way down"),
  restoring_state: passing(online(50), true, "its memory is being restored"),
  powering_up: passing(online(60), true, "it is on its way up"),
  up: row(online(100), true),
  down: row(OFFLINE, false),
  saving_state: passing(INTENTIONAL_OFFLINE, true, "its memory is being saved on purpose"),
  suspended: row(INTENTIONAL_OFFLINE, false, "its memory was saved on purpose"),
  migrating: passing(INTENTIONAL_OFFLINE, true, "it migrates"),
  reboot_in_progress: passing(INTENTIONAL_OFFLINE, true, "it reboots"),
  image_locked: row(UNKNOWN, undefined, "RHEV-M works on its disks"),
  unknown: passing(UNKNOWN, undefined, "RHEV-M cannot reach the host that runs it"),
  // not in the vendor's table
  not_responding: passing(UNKNOWN, true, "its emulator does not answer"),
  unassigned: passing(UNKNOWN, undefined, "RHEV-M has not yet heard of it since it was started"),
  powered_down: row(OFFLINE, false),
} as const satisfies Record<string, Row>;

const NOT_LISTED: Row = row(UNKNOWN, undefined, "RHEV-M's word for it has no row in the agent's table");
const NOT_TOLD: Row = row(UNKNOWN, undefined, "RHEV-M tells no status of it: an image of it may be broken");

/** Looks a status up; a word that is not in the table is UNKNOWN, never a guess. */
export function vmStatusRow(status: string | undefined): Row {
  if (status === undefined) return NOT_TOLD;
  return isVmStatusWord(status) ? VM_STATUS[status] : NOT_LISTED;
}

function isVmStatusWord(word: string): word is keyof typeof VM_STATUS {
  return Object.hasOwn(VM_STATUS, word);
}

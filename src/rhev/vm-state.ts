import type { Reading } from "../platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, type ResourceState, UNKNOWN } from "../resource-state.ts";
import type { RhevHost } from "./host-document.ts";
import { hostContact } from "./host-status.ts";
import { oneLine } from "./one-line.ts";
import type { OwnHost } from "./own-host.ts";
import type { RunEnd } from "./run-ends.ts";
import type { Vm } from "./vm-document.ts";
import { vmStatusRow } from "./vm-status.ts";

/** One snapshot of what decides a guest's state on this host. */
export interface VmSight {
  readonly vm: Vm;
  readonly hosts: readonly RhevHost[];
  readonly own: OwnHost;
  /** Whether this host is the last that is known to have run it. */
  readonly ranHereLast: boolean;
  /** How its last run ended, where events told. */
  readonly end?: RunEnd | undefined;
}

/** Why a paused VM is paused, where nobody asked for it. Source: oVirt engine, VmPauseStatus. */
const STORAGE_PAUSES = ["eio", "enospc", "eother", "eperm"];

/** What of foreign words is shown. */
const WORDS_CHARACTERS = 80;

/**
 * The state of a VM on this host.
 *
 * RHEV-M's status is that of the whole data centre; only the host that it names has it. What it says of a host that it does
 * not hear proves nothing, and neither does its silence about this host.
 */
export function readingOf(sight: VmSight): Reading {
  const { vm, own } = sight;
  if (own.kind !== "found") return unknown(sight, own.reason);
  const row = vmStatusRow(vm.status);
  if (row.active === undefined) return unknown(sight, row.why);
  if (!row.active) return notRunning(sight, own.host);
  if (vm.hostId === undefined)
    return unknown(
      sight,
      "RHEV-M does not tell on which host: RHEVMInfo's User needs an administrator's role",
    );
  return vm.hostId === own.host.id ? here(sight, own.host) : elsewhere(sight, vm.hostId, own.host);
}

/** It runs here, says the engine. */
function here(sight: VmSight, host: RhevHost): Reading {
  const { vm } = sight;
  const row = vmStatusRow(vm.status);
  if (hostContact(host.status) !== "heard")
    return unknown(
      sight,
      `on this host, which RHEV-M does not hear (${words(host.status)}), so that may be old`,
    );
  const detail = vm.statusDetail?.toLowerCase();
  const isStalled = vm.status === "paused" && detail !== undefined && STORAGE_PAUSES.includes(detail);
  const why = isStalled ? `a disk failed under it (${detail})` : row.why;
  return {
    ...reading(sight, row.state, joined(`on this host, ${hostText(host)}`, why)),
    active: row.active,
    migrating: vm.status === "migrating",
    suspended: vm.status === "paused" && !isStalled ? "paused" : undefined,
    ...(isStalled ? { stalled: true as const } : {}),
    ...(vm.status === "saving_state" || vm.status === "reboot_in_progress" ? { passing: true as const } : {}),
  };
}

/** It runs on another host, says the engine. */
function elsewhere(sight: VmSight, hostId: string, own: RhevHost): Reading {
  const { vm, hosts, ranHereLast } = sight;
  const host = hosts.find(({ id }) => id === hostId);
  if (host === undefined) return unknown(sight, "RHEV-M names a host for it that is not among its hosts");
  if (hostContact(host.status) !== "heard")
    return unknown(sight, `on host ${hostText(host)}, which RHEV-M does not hear, so that may be old`);
  const isMigrating = vm.status === "migrating";
  const gone = ranHereLast ? INTENTIONAL_OFFLINE : OFFLINE;
  // nobody can tell what becomes of one that does not answer
  const state = vmStatusRow(vm.status).state.kind === "UNKNOWN" ? UNKNOWN : gone;
  const left = ranHereLast ? `; it left this host, ${hostText(own)}` : "";
  return {
    ...reading(sight, state, `on host ${hostText(host)}${left}`),
    // the target of a migration is not named before its end, so it may be this host
    active: isMigrating ? undefined : false,
    migrating: isMigrating,
    ...(isMigrating && !ranHereLast ? { incoming: true as const } : {}),
    moved: ranHereLast ? "away" : undefined,
  };
}

/** It runs nowhere, says the engine. That counts only while it hears this host, or sent it to maintenance. */
function notRunning(sight: VmSight, own: RhevHost): Reading {
  const { vm, ranHereLast, end } = sight;
  const row = vmStatusRow(vm.status);
  const isSuspended = vm.status === "suspended";
  if (vm.hostId !== undefined && !isSuspended)
    return unknown(sight, "RHEV-M names a host for it all the same");
  if (hostContact(own.status) === "lost")
    return unknown(sight, `RHEV-M does not hear this host (${words(own.status)}), so it cannot know that`);
  return {
    ...reading(sight, isSuspended && !ranHereLast ? OFFLINE : row.state, row.why),
    active: false,
    suspended: isSuspended && ranHereLast ? "asleep" : undefined,
    saved: isSuspended ? "yes" : "no",
    ...(end?.hostId === own.id && !isSuspended ? { ended: end.words, endedHere: end.words } : {}),
  };
}

function unknown(sight: VmSight, why: string): Reading {
  return { ...reading(sight, UNKNOWN, why), active: undefined, saved: "unknown" };
}

function reading({ vm }: VmSight, state: ResourceState, reason: string): Reading {
  return {
    state,
    reason: joined(`RHEV-M says "${words(vm.status)}"`, reason),
    active: undefined,
    migrating: false,
    moved: undefined,
    suspended: undefined,
    uuid: vm.id,
    source: "platform",
    ended: undefined,
    saved: "no",
  };
}

function hostText({ name, status }: RhevHost): string {
  return `${oneLine(name, WORDS_CHARACTERS)} (${words(status)})`;
}

function words(status: string | undefined): string {
  return status === undefined ? "no status" : oneLine(status, WORDS_CHARACTERS);
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(": ");
}

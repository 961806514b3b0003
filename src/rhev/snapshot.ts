import type { RhevEvent } from "./event-document.ts";
import type { RhevHost } from "./host-document.ts";
import type { OwnHost } from "./own-host.ts";
import type { VmRuns } from "./run-ends.ts";
import type { Vm } from "./vm-document.ts";
import { vmStatusRow } from "./vm-status.ts";

/** What one cycle of the poller read: all followed guests and all hosts. */
export interface Snapshot {
  /** When its first request began, as performance.now() tells it: what is older shows in it. */
  readonly beganAt: number;
  /** The names that were asked for. */
  readonly names: ReadonlySet<string>;
  readonly vms: readonly Vm[];
  readonly hosts: readonly RhevHost[];
  readonly own: OwnHost;
  /** Since the cycle before, newest first. */
  readonly events: readonly RhevEvent[];
  /** What this and earlier cycles showed of the VMs' last runs. */
  readonly runs: VmRuns;
}

/** Statuses of hosts that pass by themselves. */
const PASSING_HOST = [
  "connecting",
  "unassigned",
  "initializing",
  "reboot",
  "preparing_for_maintenance",
  "kdumping",
];

/** Whether something is on its way to another state, so that it pays to look often. */
export function isMoving({ vms, hosts, own }: Snapshot): boolean {
  if (vms.some(({ status }) => vmStatusRow(status).passing)) return true;
  // an engine may have hundreds of hosts that concern nobody here
  const concerned = new Set(vms.map(({ hostId }) => hostId));
  if (own.kind === "found") concerned.add(own.host.id);
  return hosts.some(
    ({ id, status }) => concerned.has(id) && status !== undefined && PASSING_HOST.includes(status),
  );
}

/** Names of guests that differ between two snapshots, or that events are about. */
export function changedNames(before: Snapshot | undefined, after: Snapshot): ReadonlySet<string> {
  const withEvents = new Set(after.events.map(({ vmId }) => vmId));
  const names = after.vms.filter(({ id }) => withEvents.has(id)).map(({ name }) => name);
  if (before === undefined) return new Set(names);
  const common = [...after.names].filter((name) => before.names.has(name));
  return new Set([...names, ...common.filter((name) => signOf(before, name) !== signOf(after, name))]);
}

/** Names of guests that were started between two snapshots. */
export function startedNames(before: Snapshot | undefined, after: Snapshot): readonly string[] {
  if (before === undefined) return [];
  const times = new Map(before.vms.map(({ id, startTime }) => [id, startTime]));
  return after.vms
    .filter(({ id, startTime }) => times.has(id) && startTime !== undefined && times.get(id) !== startTime)
    .map(({ name }) => name);
}

/** What a snapshot shows of a guest, for the operator: RHEV-M's status, and the host that it names. */
export function sightWords({ vms, hosts }: Snapshot, name: string): string {
  const sights = vms
    .filter((vm) => vm.name === name)
    .map(({ status, hostId }) => {
      const host = hosts.find((one) => one.id === hostId);
      return `${status ?? "no status"}${host === undefined ? "" : ` on ${host.name}`}`;
    });
  return sights.length === 0 ? "not there" : sights.join(", ");
}

/** All that decides the state of a guest, in one text. */
function signOf({ vms, hosts, own }: Snapshot, name: string): string {
  const sights = vms
    .filter((vm) => vm.name === name)
    .map(({ id, status, statusDetail, hostId }) => {
      const host = hosts.find((one) => one.id === hostId);
      return JSON.stringify([id, status, statusDetail, hostId, host?.status]);
    })
    .toSorted();
  const here = own.kind === "found" ? [own.host.id, own.host.status] : [own.kind];
  return JSON.stringify([sights, here]);
}

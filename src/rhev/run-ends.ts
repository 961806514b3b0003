import type { RhevEvent } from "./event-document.ts";
import type { Vm } from "./vm-document.ts";
import { vmStatusRow } from "./vm-status.ts";

/** An end of a VM's run, as an event told of it. */
export interface RunEnd {
  readonly eventId: number;
  /** The host on which it ended. */
  readonly hostId: string;
  /** For the operator, and different for each end. */
  readonly words: string;
}

/** What is known of a VM's last run beside the status that RHEV-M shows now. */
interface VmRun {
  /** How it was when a reading showed it active last, until its second one as down: an event may come a reading late. */
  readonly seen: { readonly hostId: string; readonly isMigrating: boolean } | undefined;
  /** Whether the last reading showed it as down. */
  readonly isDown: boolean;
  /** How it ended, where an event told and it has not run since. */
  readonly end: RunEnd | undefined;
}

/** By ids of VMs. */
export type VmRuns = ReadonlyMap<string, VmRun>;

/** Nothing is known: there is no reading before, or events were missed since. */
export const NO_RUNS: VmRuns = new Map();

/** Events of an end that name the host on which it was. Source: ovirt-engine, AuditLogType. */
const ENDS: ReadonlyMap<number | undefined, string> = new Map([
  [61, "VM_DOWN"],
  [119, "VM_DOWN_ERROR"],
]);

/** What is known of all VMs after a reading; an event counts only of a VM that is read as down. */
export function runsAfter(
  before: VmRuns,
  { vms, events }: { readonly vms: readonly Vm[]; readonly events: readonly RhevEvent[] },
): VmRuns {
  return new Map(vms.map((vm) => [vm.id, runAfter(before.get(vm.id), vm, events)]));
}

function runAfter(known: VmRun | undefined, vm: Vm, events: readonly RhevEvent[]): VmRun {
  const { active } = vmStatusRow(vm.status);
  if (active === true && vm.hostId !== undefined) {
    return {
      seen: { hostId: vm.hostId, isMigrating: vm.status === "migrating" },
      isDown: false,
      end: undefined,
    };
  }
  const isDown = active === false;
  const told = isDown ? newestEnd(vm.id, events) : undefined;
  // whatever end comes after that is one of a start that no reading saw
  const isOver = known?.end !== undefined || (known?.isDown === true && told === undefined);
  return { seen: isOver ? undefined : known?.seen, isDown, end: told ?? known?.end };
}

function newestEnd(vmId: string, events: readonly RhevEvent[]): RunEnd | undefined {
  const ends = events.flatMap((event): RunEnd[] => {
    const name = ENDS.get(event.code);
    if (event.vmId !== vmId || event.hostId === undefined || name === undefined) return [];
    return [{ eventId: event.id, hostId: event.hostId, words: `RHEV-M's event ${event.id}, ${name}` }];
  });
  return ends.toSorted((a, b) => b.eventId - a.eventId)[0];
}

/**
 * Guests whose run is known to have ended on this host since the reading before, and that no reading had shown at rest here:
 * they migrated, or had just come.
 */
export function endsInMigration(
  before: VmRuns,
  { vms, runs, ownId }: { readonly vms: readonly Vm[]; readonly runs: VmRuns; readonly ownId: string },
): readonly { readonly guest: string; readonly event: string }[] {
  return vms.flatMap(({ id, name }) => {
    const run = runs.get(id);
    if (run?.end?.hostId !== ownId || run.end.eventId === before.get(id)?.end?.eventId) return [];
    const wasMoving = run.seen !== undefined && (run.seen.isMigrating || run.seen.hostId !== ownId);
    return wasMoving ? [{ guest: name, event: run.end.words }] : [];
  });
}

import type { Log } from "../log.ts";
import type { Snapshot } from "./snapshot.ts";

/** Whether RHEV-M itself would restart a guest elsewhere, whichever VM of that name it is. */
export function isRestartedByRhevm({ vms }: Pick<Snapshot, "vms">, guest: string): boolean {
  const named = vms.filter(({ name }) => name === guest);
  return named.length > 0 && named.every(({ isHighlyAvailable }) => isHighlyAvailable);
}

/** Guests of both snapshots for which that was switched on in between. */
export function newlyRestartedByRhevm(before: Snapshot | undefined, after: Snapshot): readonly string[] {
  if (before === undefined) return [];
  return [...after.names].filter(
    (name) =>
      before.vms.some((vm) => vm.name === name) &&
      !isRestartedByRhevm(before, name) &&
      isRestartedByRhevm(after, name),
  );
}

/** Tells the operator; only RHEV-M's administrator can switch it off. */
export function warnOfOwnRestart(log: Log, guest: string): void {
  log.warn({ guest }, "RHEV-M's own high availability is on for a guest that the cluster keeps");
}

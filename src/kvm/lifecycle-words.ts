/**
 * The words of libvirt's life-cycle events, as `virsh event` prints them, by number.
 *
 * Source: libvirt-domain.h, virDomainEventType and the details of its members; virsh-domain-event.c for the words.
 */
const EVENTS = [
  ["Defined", ["Added", "Updated", "Renamed", "Snapshot"]],
  ["Undefined", ["Removed", "Renamed"]],
  ["Started", ["Booted", "Migrated", "Restored", "Snapshot", "Event wakeup"]],
  [
    "Suspended",
    [
      "Paused",
      "Migrated",
      "I/O Error",
      "Watchdog",
      "Restored",
      "Snapshot",
      "API error",
      "Post-copy",
      "Post-copy Error",
    ],
  ],
  ["Resumed", ["Unpaused", "Migrated", "Snapshot", "Post-copy", "Post-copy Error"]],
  ["Stopped", ["Shutdown", "Destroyed", "Crashed", "Migrated", "Saved", "Failed", "Snapshot"]],
  ["Shutdown", ["Finished", "Finished after guest request", "Finished after host request"]],
  ["PMSuspended", ["Memory", "Disk"]],
  ["Crashed", ["Panicked", "Crashloaded"]],
] as const satisfies readonly (readonly [event: string, details: readonly string[]])[];

/** An event in the words of `virsh event`: `Stopped Destroyed`. A number without words stays a number. */
export function lifecycleWords({
  event,
  detail,
}: {
  readonly event: number;
  readonly detail: number;
}): string {
  const [word, details]: readonly [string, readonly string[]] = EVENTS[event] ?? [`event ${event}`, []];
  return `${word} ${details[detail] ?? `(${detail})`}`;
}

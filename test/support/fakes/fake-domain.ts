import type { DomainRef, DomainStateCode } from "../../../src/kvm/hypervisor.ts";
import type { TypedParam } from "../../../src/libvirt/structures.ts";
import { invalid } from "./libvirt-error.ts";

/** States and reasons by libvirt's numbers. Source: libvirt-domain.h, virDomainState and its reasons. */
export const CODE = {
  booted: { state: 1, reason: 1 },
  migrated: { state: 1, reason: 2 },
  unpaused: { state: 1, reason: 5 },
  migrationCanceled: { state: 1, reason: 6 },
  wokenUp: { state: 1, reason: 8 },
  pausedByUser: { state: 3, reason: 1 },
  pausedMigrating: { state: 3, reason: 2 },
  pausedSaving: { state: 3, reason: 3 },
  pausedByIoError: { state: 3, reason: 5 },
  startingUp: { state: 3, reason: 11 },
  postCopy: { state: 3, reason: 12 },
  postCopyFailed: { state: 3, reason: 13 },
  inShutdown: { state: 4, reason: 0 },
  asleep: { state: 7, reason: 0 },
  panicked: { state: 6, reason: 1 },
  offUnknown: { state: 5, reason: 0 },
  offShutdown: { state: 5, reason: 1 },
  offDestroyed: { state: 5, reason: 2 },
  offCrashed: { state: 5, reason: 3 },
  offMigrated: { state: 5, reason: 4 },
  offSaved: { state: 5, reason: 5 },
} as const satisfies Record<string, DomainStateCode>;

/** Life-cycle events by libvirt's numbers. Source: libvirt-domain.h, virDomainEventType and its details. */
export const EVENT = {
  startedBooted: [2, 0],
  startedMigrated: [2, 1],
  startedWakeup: [2, 4],
  suspendedPaused: [3, 0],
  suspendedMigrated: [3, 1],
  suspendedIoError: [3, 2],
  suspendedPostCopy: [3, 7],
  suspendedPostCopyFailed: [3, 8],
  resumedUnpaused: [4, 0],
  resumedMigrated: [4, 1],
  stoppedShutdown: [5, 0],
  stoppedDestroyed: [5, 1],
  stoppedCrashed: [5, 2],
  stoppedMigrated: [5, 3],
  stoppedSaved: [5, 4],
  stoppedFailed: [5, 5],
  shutdownByGuest: [6, 1],
  shutdownByHost: [6, 2],
  pmSuspended: [7, 0],
  crashedPanicked: [8, 0],
} as const satisfies Record<string, readonly [event: number, detail: number]>;

/**
 * What libvirt says of a domain's job; `refused` is what it says on the target of a migration, `hangs` is its own refusal
 * after a while, and `silent` is no answer at all.
 */
export type Job = "none" | "outgoing" | "incoming" | "backup" | "refused" | "ended" | "hangs" | "silent";

/**
 * What its agent does: there is no channel; nobody is at its other end; it answers, also while it has frozen the guest's
 * file systems; it writes nonsense; it hangs; it refuses guest-ping; or libvirt itself does not come to ask it.
 */
export type Agent =
  | "no channel"
  | "not connected"
  | "answers"
  | "frozen"
  | "raves"
  | "silent"
  | "refuses"
  | "busy";

/** What was asked of libvirt for one migration. */
export interface MigrationAsked {
  readonly destinationUri: string;
  readonly params: readonly TypedParam[];
  readonly flags: number;
}

/** One domain of a fake libvirtd. */
export class FakeDomain {
  readonly name: string;
  readonly uuid: string;
  id = -1;
  code: DomainStateCode = CODE.offUnknown;
  autostart = false;
  job: Job = "none";
  /** Gone with its end. */
  isTransient = false;
  /** What its job's statistics say beside the operation. */
  figures: ReadonlyMap<string, unknown> = new Map();
  /** When its migration began, milliseconds since 1970. */
  jobBeganAt = 0;
  /** The downtime that was set for its migration. */
  maxDowntimeMs: number | undefined;
  /** Its migration was turned to post-copy. */
  isPostCopy = false;
  /** Set while a migration runs. */
  abortJob: (() => void) | undefined;
  /** A start under way; aborted by a destroy. */
  starting: AbortController | undefined;
  /** Milliseconds until the guest has obeyed a shutdown request; undefined: it never does. */
  obeysAfterMs: number | undefined = 1000;
  /** Whether a guest agent answers. */
  hasAgent = false;
  agent: Agent = "no channel";
  /** What the agent calls the guest; undefined: it does not know that command. */
  hostName: string | undefined;
  /** What libvirt says of the emulator's monitor: state by its number, and for how long. */
  control = { state: 0, details: 0, stateTimeMs: 0 };
  /** Whether a guest that is let go on fails at its disk again. */
  diskFails = false;
  /** Whether its memory lies saved in libvirt's own folder. */
  isSaved = false;
  /** Whether its last start went on from saved memory. */
  wasRestored = false;
  /** The password of its display. */
  password: string | undefined;
  /** Its disks, in XML; running and defined are the same. */
  readonly disks: string[] = [];
  /** Whether it lets a medium out of a drive. */
  locksMedia: "no" | "unless forced" | "always" = "no";
  /** What a start fails with while set. */
  startFailure: string | undefined;

  constructor(name: string, uuid: string) {
    this.name = name;
    this.uuid = uuid;
  }

  get ref(): DomainRef {
    return { name: this.name, uuid: this.uuid, id: this.id };
  }

  get isActive(): boolean {
    return this.code.state !== 5;
  }

  attach(disk: string): void {
    this.disks.push(disk);
  }

  /** A device is known by its target. */
  detach(disk: string): void {
    const others = this.disks.filter((one) => targetOf(one) !== targetOf(disk));
    this.disks.splice(0, this.disks.length, ...others);
  }

  update(disk: string, isForced: boolean): void {
    if (this.locksMedia === "always" || (this.locksMedia === "unless forced" && !isForced))
      throw invalid("updateDevice", "cannot change media: Device 'ide0-1-1' is locked");
    this.disks.splice(
      this.disks.findIndex((one) => targetOf(one) === targetOf(disk)),
      1,
      disk,
    );
  }
}

function targetOf(disk: string): string | undefined {
  return /<target dev='(\w+)'/.exec(disk)?.[1];
}

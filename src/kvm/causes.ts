import type { DomainLifecycle } from "./hypervisor.ts";

/** How a run of a guest ended. */
export type EndCause =
  | "powered off from inside"
  | "terminated on the host"
  | "destroyed on the host"
  | "crashed or killed"
  | "ended at the hand-over of a migration"
  | "panicked"
  | "saved"
  | "migrated away"
  | "reverted to a snapshot"
  | "stopped by this agent"
  | "unknown";

/** Source: libvirt-domain.h, virDomainEventType and the details of its members. */
const EVENT = { started: 2, suspended: 3, resumed: 4, stopped: 5, shutdown: 6 } as const;
const SUSPENDED = { migrated: 1, postCopy: 7, postCopyFailed: 8 } as const;
const STOPPED = {
  shutdown: 0,
  destroyed: 1,
  crashed: 2,
  migrated: 3,
  saved: 4,
  failed: 5,
  fromSnapshot: 6,
} as const;
const SHUTDOWN = { guest: 1, host: 2 } as const;

interface Run {
  shutdown: number | undefined;
  ourStop: boolean;
  /** The count of events when it began to stand still while the other host takes over; undefined: it does not. */
  handedOverAt: number | undefined;
  ended: EndCause | undefined;
  /** The count of events when it ended. */
  endedAt: number;
}

/** Follows the events of all domains and says how each one's last run ended. */
export interface Causes {
  /** Takes an event in the order in which libvirt sent it. */
  add(event: DomainLifecycle): void;
  /** From now on, until the next start, an end of this domain is our own doing. */
  stopAsked(uuid: string): void;
  /** What was asked did not happen. */
  stopWithdrawn(uuid: string): void;
  /** The number of events taken so far: note it when a question is sent. */
  count(): number;
  /**
   * The answer to a question that was sent at `count` says active: an end that was known before belongs to an
   * earlier run, whose successor nobody saw start. A later end overtook the answer and stays. One that runs does not
   * stand still for a migration any more.
   */
  seenActive(uuid: string, count: number, isRunning: boolean): void;
  /** Events may have been missed: announcements no longer explain the next end. */
  eventsLost(): void;
  /** An earlier process of the agent saw it stand still while the other host takes over. */
  recallHandOver(uuid: string): void;
  /** How the last run ended, as far as events told; undefined while it runs or when nobody watched. */
  endOf(uuid: string): EndCause | undefined;
  /** The same of a domain that is shut off: one that stood still for the other host ended so, though no event came of it. */
  endOfShutOff(uuid: string): EndCause | undefined;
  forget(uuid: string): void;
}

/**
 * The cause of an end is in the order of events: a power-off inside the guest is announced as such before the
 * end, a SIGTERM on the host too, while a crash, a kill -9 and the kernel's out-of-memory killer announce nothing.
 */
export function createCauses(): Causes {
  const runs = new Map<string, Run>();
  let events = 0;
  const runOf = (uuid: string): Run => {
    const run = runs.get(uuid) ?? newRun();
    runs.set(uuid, run);
    return run;
  };
  const restart = (uuid: string) => {
    runs.delete(uuid);
  };
  const endOf = (uuid: string): EndCause | undefined => {
    const run = runs.get(uuid);
    if (run === undefined) return undefined;
    return run.ended ?? announced(run);
  };

  return {
    add({ domain, event, detail }) {
      events += 1;
      if (event === EVENT.started) restart(domain.uuid);
      if (event === EVENT.suspended) standStill(runOf(domain.uuid), detail, events);
      if (event === EVENT.resumed) runOf(domain.uuid).handedOverAt = undefined;
      if (event === EVENT.shutdown) runOf(domain.uuid).shutdown = detail;
      if (event === EVENT.stopped) {
        const run = runOf(domain.uuid);
        run.ended = causeOf(run, detail);
        run.endedAt = events;
      }
    },
    stopAsked(uuid) {
      runOf(uuid).ourStop = true;
    },
    stopWithdrawn(uuid) {
      const run = runs.get(uuid);
      if (run !== undefined && run.ended === undefined) run.ourStop = false;
    },
    count: () => events,
    seenActive(uuid, count, isRunning) {
      const run = runs.get(uuid);
      if (run === undefined) return;
      if (run.ended !== undefined && run.endedAt <= count) return restart(uuid);
      if (isRunning && (run.handedOverAt ?? Number.POSITIVE_INFINITY) <= count) run.handedOverAt = undefined;
    },
    eventsLost() {
      for (const run of runs.values()) run.shutdown = undefined;
    },
    recallHandOver(uuid) {
      if (!runs.has(uuid)) runOf(uuid).handedOverAt = events;
    },
    endOf,
    endOfShutOff(uuid) {
      const run = runs.get(uuid);
      const isUnseen = run?.ended === undefined && run?.handedOverAt !== undefined;
      return isUnseen ? "ended at the hand-over of a migration" : endOf(uuid);
    },
    forget: restart,
  };
}

function newRun(): Run {
  return { shutdown: undefined, ourStop: false, handedOverAt: undefined, ended: undefined, endedAt: 0 };
}

/** Post-copy fails at both ends: only the one that had handed over before may have lost the guest to the other. */
function standStill(run: Run, detail: number, event: number): void {
  if (detail === SUSPENDED.postCopyFailed) return;
  const isHandOver = detail === SUSPENDED.migrated || detail === SUSPENDED.postCopy;
  run.handedOverAt = isHandOver ? event : undefined;
}

/** The reading may arrive before the last event: the announcement alone tells then. */
function announced(run: Run): EndCause | undefined {
  if (run.ourStop) return "stopped by this agent";
  if (run.shutdown === SHUTDOWN.guest) return "powered off from inside";
  return undefined;
}

function causeOf(run: Run, detail: number): EndCause {
  if (detail === STOPPED.migrated) return "migrated away";
  if (detail === STOPPED.saved) return "saved";
  if (detail === STOPPED.crashed) return "panicked";
  // by whatever hand it ended, ours too: the other host may run it
  if (run.handedOverAt !== undefined) return "ended at the hand-over of a migration";
  if (run.ourStop) return "stopped by this agent";
  switch (detail) {
    case STOPPED.shutdown:
      return shutdownBy(run);
    case STOPPED.destroyed:
      return "destroyed on the host";
    case STOPPED.failed:
      return "crashed or killed";
    case STOPPED.fromSnapshot:
      return "reverted to a snapshot";
    default:
      return "unknown";
  }
}

/** An end without its announcement, or one announced without an author (old emulators), proves neither. */
function shutdownBy(run: Run): EndCause {
  if (run.shutdown === SHUTDOWN.guest) return "powered off from inside";
  return run.shutdown === SHUTDOWN.host ? "terminated on the host" : "unknown";
}

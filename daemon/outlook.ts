import type { Answer } from "../src/answer.ts";
import type { Heartbeat, HeartbeatLimits } from "../src/heartbeat.ts";
import type { MigrationRecord } from "../src/migration.ts";
import type { Registration } from "../src/resource.ts";
import { type ResourceState, sameState, stateText } from "../src/resource-state.ts";
import type { PendingProbe } from "./prober.ts";

/** A look that is missing for so many times between two looks, and this long, has failed. */
const LOOKS_MISSED = 3;
const LATE_MS = 5000;

/** What is known of a resource at one moment. */
export interface OutlookFacts {
  readonly registration: Registration;
  /** The operation on the guest that runs now. */
  readonly operation: string | undefined;
  /** The answer that the newest look leads to, a monitor's or the follower's; undefined: nobody has looked yet. */
  readonly due: Answer | undefined;
  /** How long ago that look was. */
  readonly dueAgeMs: number;
  /** The engine was told UNKNOWN last. */
  readonly isUnknownTold: boolean;
  readonly probe: PendingProbe | undefined;
  /** An operation of the engine has ended the guest here, and the engine's monitor after that has not come. */
  readonly isEndAwaited: boolean;
  /** Milliseconds for which the framework's own monitor is still awaited after an operation. */
  readonly awaitedMs: number;
  /** Milliseconds for which an end of the guest still means that its online failed. */
  readonly onlineMs: number;
  readonly migration: MigrationRecord | undefined;
  readonly heartbeat: Heartbeat;
  readonly limits: HeartbeatLimits & { readonly intervalMs: number };
  /** performance.now, as in the heartbeat. */
  readonly nowMs: number;
  /** A failed disk paused the guest; whether it is resumed by itself. */
  readonly stalled: "no" | "left alone" | "resumed";
  /** How often guests are read, and both ends of a doubtful migration. */
  readonly readEveryMs: number;
}

/**
 * What happens next to a resource, as far as what is known now decides it: whole sentences for the operator, what hinders
 * or is under way first.
 */
export function outlookOf(facts: OutlookFacts): readonly string[] {
  return [
    ...ofWatch(facts),
    ...ofOperation(facts),
    ...ofMigration(facts),
    ...ofAnswer(facts),
    ...ofProbe(facts),
    ...ofStall(facts),
    ...ofHeartbeat(facts),
    ...ofDelay(facts),
  ];
}

function ofWatch({ registration: { watched } }: OutlookFacts): readonly string[] {
  if (watched) return [];
  return [
    "The engine's agent has ended here: the engine is asked nothing until it opens the resource again.",
  ];
}

function ofOperation({ registration, operation }: OutlookFacts): readonly string[] {
  if (operation !== undefined)
    return [`${operation} works on the guest now; the engine hears from its own monitor how that ended.`];
  return [
    ...(registration.stopping
      ? [
          "An offline or clean has begun and the guest is not proved gone: as long as an emulator lives it is answered ONLINE, and the engine calls clean.",
        ]
      : []),
    ...(registration.starting
      ? ["A start was asked for whose answer nobody got: it may still happen; a clean brings it out."]
      : []),
  ];
}

function ofMigration({ migration, readEveryMs }: OutlookFacts): readonly string[] {
  if (migration === undefined) return [];
  const { kind, peer, at, why, asked } = migration;
  const to = peer ?? "another host";
  const every = `every ${seconds(readEveryMs)}`;
  switch (kind) {
    case "moving":
      return [
        `Its migration to ${to} is not decided: both ends are read until they tell${asked === undefined ? "" : `, and it is aborted at ${asked.abortAt}`}.`,
      ];
    case "stuck":
      return [
        `It stands still since the hand-over of a migration: the other hosts are looked at ${every}, and what is left here is ended once one of them has the guest.`,
      ];
    case "doubtful":
      return [
        `Nothing is started, cleaned or destroyed until both ends of its migration tell; they are read ${every}. What is not known: ${why ?? `whether it lives on ${to}`}.`,
      ];
    case "left":
      return [
        `It left for ${to} at ${at}: as long as it does not run here, that is INTENTIONAL OFFLINE and no fault.`,
      ];
    case "lost":
      return [`It left for ${to}, which was read and does not run it: the engine may start it.`];
  }
}

function ofAnswer(facts: OutlookFacts): readonly string[] {
  const { due, dueAgeMs, readEveryMs, isUnknownTold } = facts;
  const { lastAnswer, watched } = facts.registration;
  if (!watched) return []; // nobody reads it
  if (due === undefined) return ["Nothing was read of it yet: the next monitor reads it."];
  const next = stateText(due.state);
  const told = lastAnswer === undefined ? undefined : stateText(lastAnswer.state);
  if (dueAgeMs > LOOKS_MISSED * readEveryMs + LATE_MS)
    return [
      `Nothing could be read of it for ${seconds(dueAgeMs)}: until that succeeds its monitors are answered UNKNOWN (in plain KVM ONLINE(30), where its emulator proves to be the one that ran), and the engine keeps ${told ?? "what it knows"}.`,
    ];
  if (due.state.kind === "UNKNOWN")
    return [
      `The next monitor is answered UNKNOWN: the engine keeps ${told ?? "what it knows"}, and neither cleans nor starts anything, until this is over: ${due.reason}.`,
    ];
  if (lastAnswer === undefined)
    return [
      `The engine was told nothing since it opened the resource; its next monitor is answered ${next}.`,
    ];
  if (!isUnknownTold && sameState(lastAnswer.state, due.state))
    return [`The next monitor is answered ${next} again: nothing follows from that.`];
  const before = isUnknownTold ? `UNKNOWN, and ${told} before that` : told;
  const follows = sameState(lastAnswer.state, due.state)
    ? "the resource stays as it was before"
    : consequence(lastAnswer.state, due, facts);
  return [`The engine was told ${before}; its next monitor is answered ${next}: ${follows}.`];
}

/** Source: VCS User's Guide, how VCS handles resource faults; ToleranceLimit, IntentionalOffline. */
function consequence(
  last: ResourceState,
  { state, isArriving }: Answer,
  { isEndAwaited, registration: { stopping } }: OutlookFacts,
): string {
  if (state.kind === "ONLINE")
    return last.kind === "ONLINE" ? "only the confidence changes" : "the resource becomes ONLINE here";
  if (last.kind !== "ONLINE") return "the resource stays OFFLINE here, which is no fault";
  if (state.kind === "INTENTIONAL OFFLINE") return "the resource becomes OFFLINE here, no fault, no failover";
  if (isArriving === true) return "it arrives here and is not ONLINE yet";
  if (isEndAwaited) return "that is what the engine's own operation was to bring about";
  if (stopping)
    return "the resource becomes OFFLINE here, which is no fault unless the offline was an operator's own, by hand";
  return "an end nobody asked for, so (after as many more such monitors as ToleranceLimit says) the engine cleans the resource and restarts it here or on another system";
}

function ofProbe({ probe, awaitedMs, operation, registration }: OutlookFacts): readonly string[] {
  if (probe !== undefined) {
    const when = probe.inMs === 0 ? "now" : `again in ${seconds(probe.inMs)}`;
    const asked = `The engine is asked to probe (hares -probe) ${when}, until its monitor has come.`;
    if (!probe.isFailing) return [asked];
    return [`${asked} It did not take the last request: its own monitor comes every MonitorInterval.`];
  }
  if (awaitedMs > 0 && operation === undefined && registration.watched)
    return [`The engine's own monitor after the operation is awaited for ${seconds(awaitedMs)} more.`];
  return [];
}

/** As StalledGuests does it. */
function ofStall({ stalled, registration, migration }: OutlookFacts): readonly string[] {
  if (stalled === "no") return [];
  const { watched, stopping, lastAnswer } = registration;
  const isKept = watched && !stopping && lastAnswer?.state.kind === "ONLINE" && migration === undefined;
  if (stalled === "resumed" && !isKept)
    return [
      "A failed disk paused it: it is not resumed by itself unless the engine knows it as ONLINE, nobody stops it and no migration of it is recorded.",
    ];
  if (stalled === "resumed")
    return ["A failed disk paused it: it is resumed again and again until the disk is back."];
  return ["A failed disk paused it: mend the storage, then virsh resume it (kvm.ioErrorPause is wait)."];
}

function ofHeartbeat({ registration, heartbeat, limits, nowMs }: OutlookFacts): readonly string[] {
  const { enabled, faultOnHbLoss } = registration.attributes.ceInfo;
  if (!enabled || !registration.watched) return [];
  const loss = faultOnHbLoss ? "OFFLINE, a fault" : "ONLINE(50)";
  switch (heartbeat.phase) {
    case "unarmed":
      return [
        "Its guest agent has not answered since the guest started: until it does, its silence is no fault.",
      ];
    case "lost":
      return [`Its heartbeat is lost (${loss}), until the agent answers or the guest starts anew.`];
    case "armed": {
      if (heartbeat.misses === 0) return [];
      const byTimeMs = heartbeat.answeredMs + limits.lossMs - nowMs;
      const byCountMs = (limits.misses - heartbeat.misses) * limits.intervalMs;
      return [
        `Its guest agent did not answer ${heartbeat.misses} of ${limits.misses} questions: unless it answers, the heartbeat is lost (${loss}) in about ${seconds(Math.max(0, byTimeMs, byCountMs))}.`,
      ];
    }
  }
}

function ofDelay({ onlineMs }: OutlookFacts): readonly string[] {
  if (onlineMs <= 0) return [];
  return [`If it ends within ${seconds(onlineMs)}, its online has failed (DelayAfterGuestOnline).`];
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}

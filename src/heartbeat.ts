import type { Attributes } from "./attributes.ts";

/** How patient the heartbeat is: lost is what missed so many questions over so long a time. */
export interface HeartbeatLimits {
  readonly misses: number;
  readonly lossMs: number;
}

/**
 * The heartbeat of one guest: its agent's answers.
 *
 * It is armed by the first good answer since the guest started, so that a guest without an agent, or one that boots,
 * is never taken for a dead one. `run` tells the starts of a guest apart. Times are milliseconds of one clock.
 */
export type Heartbeat =
  | {
      readonly phase: "unarmed";
      readonly run: number | undefined;
      /** Since when its agent is known to be silent. */
      readonly silentSinceMs: number | undefined;
      /** Whether it is worth telling that this heartbeat says nothing; stays until it is armed or a new start. */
      readonly isUseless: boolean;
    }
  | {
      readonly phase: "armed";
      readonly run: number;
      readonly answeredMs: number;
      readonly misses: number;
    }
  | {
      readonly phase: "lost";
      readonly run: number;
      /** 0: it was lost before this process began. */
      readonly misses: number;
      readonly silentMs: number;
    };

/**
 * What happened to a heartbeat.
 *
 * - `answered`, `silent`, `no channel`: what came of a question. While it is frozen for a snapshot an agent that
 *   answers proves no more than that
 * - `disturbed`: something may explain a silence: an operation of ours, a suspend, a migration, an event of the guest,
 *   a connection to the hypervisor that was lost and with it events
 * - `over`: the guest is off, or boots anew
 */
export type HeartbeatEvent =
  | { readonly kind: "answered"; readonly run: number; readonly frozen: boolean }
  | { readonly kind: "silent" | "no channel"; readonly run: number }
  | { readonly kind: "disturbed" | "over" };

/** A guest that never answered is told of after this many times the time in which an armed one is lost: it may boot. */
const BOOT_FACTOR = 5;

/** The heartbeat of a guest of which nothing is known. */
export const UNARMED: Heartbeat = unarmed(undefined);

/**
 * The heartbeat after an event.
 *
 * A loss ends by an answer, or with the start of the guest that it belongs to; nothing else makes a silent agent speak.
 */
export function nextHeartbeat(
  heartbeat: Heartbeat,
  event: HeartbeatEvent,
  nowMs: number,
  limits: HeartbeatLimits,
): Heartbeat {
  switch (event.kind) {
    case "over":
      return UNARMED;
    case "disturbed":
      return disturbed(heartbeat);
    case "answered":
      if (event.frozen) return unarmed(event.run);
      return { phase: "armed", run: event.run, answeredMs: nowMs, misses: 0 };
    case "no channel":
      return { ...unarmed(event.run), isUseless: true };
    case "silent":
      return missed(heartbeat.run === event.run ? heartbeat : unarmed(event.run), event.run, nowMs, limits);
  }
}

/** The heartbeat that an earlier process declared lost, in the start of the guest with that number. */
export function restoredHeartbeat(lostRun: number | undefined): Heartbeat {
  return lostRun === undefined ? UNARMED : { phase: "lost", run: lostRun, misses: 0, silentMs: 0 };
}

/** What a lost heartbeat means for the answer to the engine. */
export interface HeartbeatLoss {
  /** FaultOnHBLoss: whether the resource has failed, or its confidence is lower. */
  readonly isFault: boolean;
  readonly words: string;
}

/** The loss that an answer has to tell of; undefined while there is none, or when nobody wants to know. */
export function lossOf(heartbeat: Heartbeat, { ceInfo }: Attributes): HeartbeatLoss | undefined {
  if (!ceInfo.enabled || heartbeat.phase !== "lost") return undefined;
  const { misses, silentMs } = heartbeat;
  const how =
    misses === 0
      ? "it fell silent before this daemon started"
      : `${misses} questions over ${Math.round(silentMs / 1000)} s had no answer`;
  return { isFault: ceInfo.faultOnHbLoss, words: `its guest agent is silent: ${how}` };
}

/**
 * Whether the name that a guest gives itself is the one it was expected to give. Case does not count; where one of both
 * is a full name and the other is not, only the first label does.
 */
export function nameFits(expected: string, given: string): boolean {
  const [one, other] = [expected, given].map((name) => name.trim().toLowerCase().replace(/\.$/, ""));
  if (one === undefined || other === undefined) return false;
  const areBothFull = one.includes(".") && other.includes(".");
  return areBothFull ? one === other : firstLabel(one) === firstLabel(other);
}

function firstLabel(name: string): string {
  return name.split(".")[0] ?? name;
}

function unarmed(run: number | undefined): Extract<Heartbeat, { phase: "unarmed" }> {
  return { phase: "unarmed", run, silentSinceMs: undefined, isUseless: false };
}

/** Nothing is expected any more until the next answer; what is lost stays lost. */
function disturbed(heartbeat: Heartbeat): Heartbeat {
  if (heartbeat.phase === "lost") return heartbeat;
  if (heartbeat.phase === "armed") return unarmed(heartbeat.run);
  return { ...heartbeat, silentSinceMs: undefined };
}

function missed(heartbeat: Heartbeat, run: number, nowMs: number, limits: HeartbeatLimits): Heartbeat {
  switch (heartbeat.phase) {
    case "lost":
      return heartbeat;
    case "armed": {
      const misses = heartbeat.misses + 1;
      const silentMs = nowMs - heartbeat.answeredMs;
      const isLost = misses >= limits.misses && silentMs >= limits.lossMs;
      return isLost ? { phase: "lost", run, misses, silentMs } : { ...heartbeat, misses };
    }
    case "unarmed": {
      const silentSinceMs = heartbeat.silentSinceMs ?? nowMs;
      const isUseless = heartbeat.isUseless || nowMs - silentSinceMs >= BOOT_FACTOR * limits.lossMs;
      return { phase: "unarmed", run, silentSinceMs, isUseless };
    }
  }
}

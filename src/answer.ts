import { type MigrationRecord, speaksOf } from "./migration.ts";
import type { Reading } from "./platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, type ResourceState, UNKNOWN } from "./resource-state.ts";

/** What the engine is told, with the words that go to the log. */
export interface Answer {
  readonly state: ResourceState;
  readonly reason: string;
}

/** What the engine was told last: needed to tell a fault from a guest that was never ours. */
export interface LastAnswer {
  readonly state: ResourceState;
  /** Whether the guest was active then: true beside OFFLINE only where a policy declared a fault. */
  readonly active: boolean;
}

/** What decides an answer beside the reading itself. */
export interface AnswerFacts {
  /** An offline or clean has begun and the emulator is not yet proved gone. */
  readonly stopping: boolean;
  /** Undefined until the first monitor after open. */
  readonly lastAnswer?: LastAnswer | undefined;
  readonly migration?: MigrationRecord | undefined;
  /** It came by migration, and the system it left may still be known as ONLINE. */
  readonly arriving?: boolean;
}

/**
 * Turns a reading into the answer for the engine.
 *
 * A live emulator is not hidden while the engine acts: the engine takes OFFLINE and INTENTIONAL OFFLINE as done
 * and starts the guest elsewhere. So an active guest that is not migrating is ONLINE with low confidence while
 * it is being stopped and at the first monitor after open; and a policy's OFFLINE is given only for a guest that
 * the engine knows as ONLINE here, or that was already declared faulted in this way.
 *
 * Never two ONLINE: a guest that arrives is OFFLINE here until the system it left is told its end. A migration record
 * says what the hypervisor forgets, or cannot know.
 */
export function answerOf(reading: Reading, facts: AnswerFacts): Answer {
  const byMigration = afterMigration(reading, facts);
  if (byMigration !== undefined) return byMigration;
  const told = { state: reading.state, reason: reading.reason };
  if (reading.active !== true || reading.migrating || reading.state.kind === "ONLINE") return told;

  const last = facts.lastAnswer;
  if (facts.stopping) return visible(reading, "it is being stopped and its emulator still lives");
  if (last === undefined) return visible(reading, "it holds an emulator here and this is the first look");
  if (reading.state.kind !== "OFFLINE") return told;

  const known = last.state.kind === "ONLINE" || (last.state.kind === "OFFLINE" && last.active);
  return known ? told : visible(reading, "it holds an emulator here and was not online under the engine");
}

function afterMigration(reading: Reading, facts: AnswerFacts): Answer | undefined {
  if (facts.arriving === true && reading.state.kind === "ONLINE" && !facts.stopping) {
    return {
      state: OFFLINE,
      reason: `arriving: ${reading.reason}; online as soon as the system it left is known to be rid of it`,
    };
  }
  const record = facts.migration;
  return record === undefined || !speaksOf(record, reading) ? undefined : byRecord(reading, record);
}

/** What a record changes; undefined where the reading alone is right. */
function byRecord(reading: Reading, { kind, peer, at, why }: MigrationRecord): Answer | undefined {
  const { state, reason, active } = reading;
  const to = peer ?? "another host";
  const isGone = active === false;
  if (kind === "doubtful") return { state: UNKNOWN, reason: `${reason}; ${why ?? `it may live on ${to}`}` };
  if (kind === "left" && isGone && state.kind === "OFFLINE")
    return { state: INTENTIONAL_OFFLINE, reason: `${reason}; it left for ${to}, recorded at ${at}` };
  if (kind === "lost" && isGone && state.kind === "INTENTIONAL OFFLINE")
    return { state: OFFLINE, reason: `${reason}; but ${to} was read and does not run it` };
  if (kind === "moving" && isGone && reading.moved !== "away")
    return { state: UNKNOWN, reason: `${reason}; its migration to ${to} is not decided yet` };
  return undefined;
}

function visible(reading: Reading, why: string): Answer {
  return { state: online(10), reason: `${reading.reason}; reported as online because ${why}` };
}

import { answerByMigration } from "./answer-by-migration.ts";
import type { HeartbeatLoss } from "./heartbeat.ts";
import type { MigrationRecord } from "./migration.ts";
import type { Reading } from "./platform.ts";
import { atMost, OFFLINE, online, type ResourceState } from "./resource-state.ts";

/** How sure a guest is well whose agent is silent, where that is no fault. */
const WITHOUT_HEARTBEAT = 50;

/** What the engine is told, with the words that go to the log. */
export interface Answer {
  readonly state: ResourceState;
  readonly reason: string;
  /** Set for the OFFLINE of a live guest that arrives: no fault, and soon ONLINE. */
  readonly isArriving?: true;
}

/** What the engine was told last: needed to tell a fault from a guest that was never ours. */
export interface LastAnswer {
  readonly state: ResourceState;
  /** Whether the guest was active then: true beside OFFLINE only where a policy declared a fault. */
  readonly active: boolean;
  /** Where a lost heartbeat was that fault: the start of the guest to which the loss belongs. */
  readonly lostRun?: number | undefined;
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
  /** Set while the guest's agent, once heard, is silent. */
  readonly heartbeatLoss?: HeartbeatLoss | undefined;
}

/**
 * Turns a reading into the answer for the engine.
 *
 * A live emulator is not hidden while the engine acts: the engine takes OFFLINE and INTENTIONAL OFFLINE as done
 * and starts the guest elsewhere. So an active guest that is not migrating is ONLINE with low confidence while
 * it is being stopped and at the first monitor after open; and a policy's OFFLINE is given only for a guest that
 * the engine knows as ONLINE here, or that was already declared faulted in this way. A lost heartbeat is such a
 * policy's fault, or lowers the confidence. What is known of a migration comes before all of it.
 */
export function answerOf(read: Reading, facts: AnswerFacts): Answer {
  const byMigration = answerByMigration(read, facts);
  if (byMigration !== undefined) return byMigration;
  const reading = withHeartbeat(read, facts.heartbeatLoss);
  const told = { state: reading.state, reason: reading.reason };
  if (reading.active !== true || reading.migrating || reading.state.kind === "ONLINE") return told;

  const last = facts.lastAnswer;
  if (facts.stopping) return visible(reading, "it is being stopped and its emulator still lives");
  if (last === undefined) return visible(reading, "it holds an emulator here and this is the first look");
  if (reading.state.kind !== "OFFLINE") return told;

  const known = last.state.kind === "ONLINE" || (last.state.kind === "OFFLINE" && last.active);
  return known ? told : visible(reading, "it holds an emulator here and was not online under the engine");
}

/** A lost heartbeat makes a live guest doubtful or, as a policy does, faulted. */
function withHeartbeat(reading: Reading, loss: HeartbeatLoss | undefined): Reading {
  if (loss === undefined || reading.active !== true || reading.migrating) return reading;
  if (reading.state.kind !== "ONLINE") return reading;
  const state = loss.isFault ? OFFLINE : atMost(WITHOUT_HEARTBEAT, reading.state);
  return { ...reading, state, reason: `${reading.reason}; ${loss.words}` };
}

function visible(reading: Reading, why: string): Answer {
  return { state: online(10), reason: `${reading.reason}; reported as online because ${why}` };
}

import type { Answer, AnswerFacts } from "./answer.ts";
import { isContradicted, type MigrationRecord, speaksOf } from "./migration.ts";
import type { Reading } from "./platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, UNKNOWN } from "./resource-state.ts";

/**
 * What is known of a migration where it changes the answer; undefined where the reading alone is right.
 *
 * Never two ONLINE: a guest that arrives is OFFLINE here until the system it left is told its end. A migration record
 * says what the hypervisor forgets, or cannot know.
 */
export function answerByMigration(reading: Reading, facts: AnswerFacts): Answer | undefined {
  if (facts.arriving === true && reading.state.kind === "ONLINE" && !facts.stopping) {
    return {
      isArriving: true,
      state: OFFLINE,
      reason: `arriving: ${reading.reason}; online as soon as the system it left is known to be rid of it`,
    };
  }
  const record = facts.migration;
  const isKnown = record !== undefined && speaksOf(record, reading);
  return (isKnown ? byRecord(reading, record, facts) : undefined) ?? ofReturn(reading, facts);
}

/**
 * A guest that receives here and that the engine knows as ONLINE here has left and comes back before the engine was told:
 * OFFLINE would be a fault, and the clean after it would break the migration.
 */
function ofReturn({ migrating, state, reason }: Reading, { lastAnswer }: AnswerFacts): Answer | undefined {
  if (!migrating || state.kind !== "OFFLINE" || lastAnswer?.state.kind !== "ONLINE") return undefined;
  return { state: INTENTIONAL_OFFLINE, reason: `${reason}; it had left this host and comes back` };
}

/**
 * What a record changes; undefined where the reading alone is right. An emulator that lives proves nothing of a guest that
 * may have gone to another host without it.
 */
function byRecord(
  reading: Reading,
  record: MigrationRecord,
  { lastAnswer }: AnswerFacts,
): Answer | undefined {
  const { kind, peer, at, why } = record;
  const { state, reason, active, source, migrating } = reading;
  const to = peer ?? "another host";
  const isGone = active === false;
  const isAway = isGone || migrating; // what receives here is not here yet
  if (kind === "doubtful") return { state: UNKNOWN, reason: `${reason}; ${why ?? `it may live on ${to}`}` };
  if (source === "emulator")
    return { state: UNKNOWN, reason: `${reason}; a migration of it to ${to} is recorded at ${at}` };
  // where the engine does not know it as ONLINE, there is no fault to hide and none to make
  if (lastAnswer?.state.kind === "ONLINE" && isContradicted(record, reading))
    return {
      state: UNKNOWN,
      reason: `${reason}; it left for ${to}, recorded at ${at}, and nothing proves yet that it has not come back and ended here since`,
    };
  if (kind === "left" && isAway && state.kind === "OFFLINE")
    return { state: INTENTIONAL_OFFLINE, reason: `${reason}; it left for ${to}, recorded at ${at}` };
  if (kind === "lost" && reading.moved === "away")
    return { state: OFFLINE, reason: `${reason}; but ${to} was read and does not run it` };
  if (isUndecided(reading, record))
    return { state: UNKNOWN, reason: `${reason}; its migration to ${to} is not decided yet` };
  return undefined;
}

/**
 * What stands still here since the hand-over is what it seems, as long as the other end can be read and does not have it.
 * Before our own migration is decided, and while an end is silent, it may run there.
 */
function isUndecided({ active, moved }: Reading, { kind, isUnread }: MigrationRecord): boolean {
  if (moved === "away") return false;
  if (kind === "moving") return active === false || moved === "split" || moved === "stuck";
  return kind === "stuck" && (active === false || (isUnread === true && moved === "stuck"));
}

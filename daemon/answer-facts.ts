import type { Answer, AnswerFacts, LastAnswer } from "../src/answer.ts";
import { lossOf } from "../src/heartbeat.ts";
import type { Reading } from "../src/platform.ts";
import type { Arrivals } from "./arrivals.ts";
import type { MigrationBook } from "./migration-book.ts";
import type { ResourceRecord } from "./resource-book.ts";

/** What is known of guests beside their readings and registrations. */
export interface FactSources {
  readonly migrations: MigrationBook;
  readonly arrivals: Arrivals;
}

/** All that decides the answer for a resource beside the reading itself, as it stands now. */
export function answerFacts(
  { migrations, arrivals }: FactSources,
  record: ResourceRecord,
  reading: Reading,
): AnswerFacts {
  const { registration, heartbeat } = record;
  const { resource, attributes, stopping, lastAnswer } = registration;
  return {
    stopping,
    lastAnswer,
    heartbeatLoss: lossOf(heartbeat, attributes),
    migration: migrations.get(attributes.guestName),
    arriving: arrivals.isArriving(resource, reading, lastBeforeArrival(record)),
  };
}

/**
 * What the engine was told last, as far as it tells whether a guest has come since: one that the engine itself has brought
 * online has not, until its monitor has told so.
 */
export function lastBeforeArrival({ registration, awaited }: ResourceRecord): LastAnswer | undefined {
  const isBrought = awaited?.online === true && performance.now() < awaited.until;
  return isBrought ? undefined : registration.lastAnswer;
}

/** What to remember of an answer that goes to the engine. */
export function lastAnswerOf(
  { registration, heartbeat }: ResourceRecord,
  { state, isArriving }: Answer,
  reading: Reading | undefined,
): LastAnswer {
  // what arrives, or receives yet, is not here for the engine
  const active = reading?.active === true && !reading.migrating && isArriving !== true;
  const isLoss = active && state.kind === "OFFLINE" && lossOf(heartbeat, registration.attributes)?.isFault;
  const { run } = heartbeat;
  return isLoss === true && run !== undefined ? { state, active, lostRun: run } : { state, active };
}

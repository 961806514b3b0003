import type { AnswerFacts } from "../src/answer.ts";
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
  { registration }: ResourceRecord,
  reading: Reading,
): AnswerFacts {
  const { resource, attributes, stopping, lastAnswer } = registration;
  return {
    stopping,
    lastAnswer,
    migration: migrations.get(attributes.guestName),
    arriving: arrivals.isArriving(resource, reading, lastAnswer),
  };
}

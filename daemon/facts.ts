import type { Answer, AnswerFacts, LastAnswer } from "../src/answer.ts";
import { lossOf } from "../src/heartbeat.ts";
import type { Reading } from "../src/platform.ts";
import type { ResourceRecord } from "./resource-book.ts";

/** What decides an answer beside the reading, as it stands now. */
export function factsOf({ registration, heartbeat }: ResourceRecord): AnswerFacts {
  const { stopping, lastAnswer, attributes } = registration;
  return { stopping, lastAnswer, heartbeatLoss: lossOf(heartbeat, attributes) };
}

/** What to remember of an answer that goes to the engine. */
export function lastAnswerOf(
  { registration, heartbeat }: ResourceRecord,
  { state }: Answer,
  reading: Reading | undefined,
): LastAnswer {
  const active = reading?.active === true;
  const isLoss = active && state.kind === "OFFLINE" && lossOf(heartbeat, registration.attributes)?.isFault;
  const { run } = heartbeat;
  return isLoss === true && run !== undefined ? { state, active, lostRun: run } : { state, active };
}

import { z } from "zod";
import { IpcError } from "./ipc-error.ts";

/** A state in words, `ONLINE(100)`, with the parts that programs want. */
const state = {
  state: z.string(),
  /** Percent; null for what is not ONLINE. */
  confidence: z.number().nullable(),
};

/** ISO 8601, and the seconds since then. */
const moment = { at: z.string(), ageS: z.number() };

const guest = z.object({
  resource: z.string(),
  guest: z.string(),
  environment: z.string(),
  watched: z.boolean(),
  stopping: z.boolean(),
  operation: z.string().nullable(),
  heartbeat: z.string().nullable(),
  /** What the engine was told last. Reason and time are null where an earlier process told it. */
  answer: z
    .object({
      ...state,
      code: z.number(),
      reason: z.string().nullable(),
      at: z.string().nullable(),
      ageS: z.number().nullable(),
    })
    .nullable(),
  /** What was read last, whatever was told. */
  reading: z
    .object({ ...state, ...moment, reason: z.string(), source: z.string(), uuid: z.string().nullable() })
    .nullable(),
});

/** One resource as GET /v1/guests shows it. */
export type GuestAnswer = z.infer<typeof guest>;

/** Reads the answer of GET /v1/guests. @throws {IpcError} BAD_ANSWER */
export function parseGuests(text: string): readonly GuestAnswer[] {
  return parsed(z.array(guest), text);
}

function parsed<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new IpcError(
      "BAD_ANSWER",
      "the answer is not one of this version's vcskvmguestd: is it older, and was it not restarted?",
      { cause: error },
    );
  }
}

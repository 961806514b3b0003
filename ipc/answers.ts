import { z } from "zod";
import { IpcError } from "./ipc-error.ts";

/** `platform`: libvirt or RHEV-M; `emulator`: the guest's process, as libvirt did not answer. */
const source = z.enum(["platform", "emulator"]);

/** A state in words, `ONLINE(100)`, and how sure it is in percent; null for what is not ONLINE. */
const state = { state: z.string(), confidence: z.number().nullable() };

const guestFields = {
  resource: z.string(),
  guest: z.string(),
  environment: z.enum(["kvm", "rhev"]),
  /** False between the agent's end and its next start. */
  watched: z.boolean(),
  /** An offline or clean has begun, and the guest is not proved gone. */
  stopping: z.boolean(),
  /** What works on the guest now. */
  operation: z.string().nullable(),
  /** How far the migration is that runs now. */
  migration: z.record(z.string(), z.json()).nullable(),
  /** The state that the engine was told last. */
  told: z.string().nullable(),
  /** The same in full. Reason and time are null where an earlier process told it. Times are ISO 8601. */
  answer: z
    .object({
      ...state,
      /** What monitor exited with. */
      code: z.number(),
      reason: z.string().nullable(),
      /** Who had said so; null as above, and where nothing was proved. */
      source: source.nullable(),
      at: z.string().nullable(),
      ageS: z.number().nullable(),
    })
    .nullable(),
  heartbeat: z.string().nullable(),
  /** What was read last, whatever was told. */
  reading: z
    .object({
      ...state,
      reason: z.string(),
      source,
      uuid: z.string().nullable(),
      at: z.string(),
      ageS: z.number(),
    })
    .nullable(),
};

const event = z.object({
  /** Grows with each event of one process. */
  seq: z.number(),
  at: z.string(),
  level: z.enum(["debug", "info", "warn", "error"]),
  /** The constant words of the log. */
  what: z.string(),
  resource: z.string().nullable(),
  guest: z.string().nullable(),
  /** What varies. */
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** How often in a row, and when for the last time. */
  times: z.number(),
  lastAt: z.string(),
});

const guest = z.object(guestFields);

const why = z.object({
  guest: z.string(),
  /** When this process began to remember. */
  since: z.string(),
  /** What is recorded of a migration that is over, or not decided. */
  migrationRecord: z
    .object({
      kind: z.string(),
      at: z.string(),
      peer: z.string().nullable(),
      why: z.string().nullable(),
    })
    .nullable(),
  resources: z.array(z.object({ ...guestFields, next: z.array(z.string()) })),
  events: z.array(event),
});

const history = z.object({ since: z.string(), events: z.array(event) });

const noted = event.extend({ event: z.literal("noted") });

const dryRun = z.object({
  entryPoint: z.string(),
  resource: z.string().nullable(),
  guest: z.string().nullable(),
  environment: z.enum(["kvm", "rhev"]).nullable(),
  /** Whether the resource is open here. */
  registered: z.boolean(),
  deadlineS: z.number(),
  /** What makes the entry point fail, or do without something. */
  problems: z.array(z.string()),
  /** What would be asked and done, in order. */
  steps: z.array(z.string()),
  /** What monitor would answer now. */
  answer: z.object({ ...state, code: z.number(), reason: z.string() }).nullable(),
});

const attributes = z.record(z.string(), z.array(z.string()));

const logLevel = z.object({ level: z.string(), before: z.string() });

/** One resource as GET /v1/guests shows it. */
export type GuestAnswer = z.infer<typeof guest>;
/** What GET /v1/guests/{name}/why shows. */
export type WhyAnswer = z.infer<typeof why>;
/** One thing that happened or was decided. */
export type EventAnswer = z.infer<typeof event>;
/** What a dry run answers. */
export type DryRunAnswer = z.infer<typeof dryRun>;

/** Each reads the text of one answer. @throws {IpcError} BAD_ANSWER */
export const parseGuests = parser(z.array(guest));
export const parseWhy = parser(why);
export const parseHistory = parser(history);
export const parseDryRun = parser(dryRun);
export const parseAttributes = parser(attributes);
export const parseLogLevel = parser(logLevel);

/** Reads a line of /v1/events; undefined for one of another kind. @throws {IpcError} BAD_ANSWER */
export function parseNoted(line: string): EventAnswer | undefined {
  const any = parser(z.looseObject({ event: z.string() }))(line);
  return any.event === "noted" ? parser(noted)(line) : undefined;
}

function parser<T>(schema: z.ZodType<T>): (text: string) => T {
  return (text) => {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw new IpcError(
        "BAD_ANSWER",
        "the answer is not one of this version's vcskvmguestd: restart it (no guest is touched), or ask with its own kvmguestctl",
        { cause: error },
      );
    }
  };
}

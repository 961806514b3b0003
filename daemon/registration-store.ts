import { z } from "zod";
import type { Log } from "../src/log.ts";
import type { Registration } from "../src/resource.ts";
import { durableRecords } from "./durable-records.ts";

const text = z.string();
const optional = z.string().optional();
const state = z.union([
  z.strictObject({
    kind: z.literal("ONLINE"),
    confidence: z.union(
      ([10, 20, 30, 40, 50, 60, 70, 80, 90, 100] as const).map((value) => z.literal(value)),
    ),
  }),
  z.strictObject({ kind: z.literal("OFFLINE") }),
  z.strictObject({ kind: z.literal("INTENTIONAL OFFLINE") }),
  z.strictObject({ kind: z.literal("UNKNOWN") }),
]);

/** The file of one registration; a version that is not ours is not guessed at. */
const fileSchema = z.strictObject({
  version: z.literal(1),
  resource: text,
  watched: z.boolean(),
  stopping: z.boolean(),
  starting: z.boolean(),
  uuid: optional,
  emulator: z.strictObject({ pid: z.number(), startTicks: text, bootId: text }).optional(),
  gaveAway: z.strictObject({ run: z.number(), bootId: text, isBroken: z.boolean() }).optional(),
  lastAnswer: z.strictObject({ state, active: z.boolean(), lostRun: z.number().optional() }).optional(),
  saved: z.strictObject({ uuid: text, at: text }).optional(),
  attributes: z.strictObject({
    guestName: text,
    delayAfterGuestOnlineS: z.number(),
    delayAfterGuestOfflineS: z.number(),
    syncDir: optional,
    guestConfigFilePath: optional,
    resyncVmCfg: z.boolean(),
    ceInfo: z.strictObject({ enabled: z.boolean(), ceSystem: optional, faultOnHbLoss: z.boolean() }),
    rhevmInfo: z.strictObject({
      enabled: z.boolean(),
      url: optional,
      user: optional,
      cluster: optional,
      useManualRhevmFencing: z.boolean(),
    }),
    drOpts: z.strictObject({
      configureNetwork: z.boolean(),
      ipAddress: optional,
      netmask: optional,
      gateway: optional,
      dnsServers: z.array(text),
      dnsSearchPath: z.array(text),
      device: optional,
    }),
  }),
});

/** What a registration's file holds. Throws for one that is not ours, or of a version that we do not know. */
export function parseRegistration(content: unknown): Registration {
  const { version: _version, ...registration } = fileSchema.parse(content);
  return registration;
}

/** Keeps registrations on disk, one small file a resource. */
export interface RegistrationStore {
  /** Reads all; a file that cannot be understood is set aside and logged, a folder that cannot be read holds none. */
  load(): Promise<readonly Registration[]>;
  save(registration: Registration): Promise<void>;
  remove(resource: string): Promise<void>;
}

/** @param directory the daemon's state directory; `registrations` below it is made when it is missing */
export function registrationStore(directory: string, log: Log): RegistrationStore {
  const records = durableRecords<Registration>(
    directory,
    {
      folder: "registrations",
      parse: parseRegistration,
      words: {
        notKept: "registrations cannot be kept, resources are known when the engine asks",
        unreadable: "registration cannot be read, it is set aside until the engine asks again",
        notSetAside: "registration cannot be set aside",
      },
    },
    log,
  );
  return {
    load: () => records.load(),
    save: (registration) => records.save(registration.resource, registration),
    remove: (resource) => records.remove(resource),
  };
}

import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../src/agent-error.ts";
import type { Log } from "../src/log.ts";
import type { Registration } from "../src/resource.ts";
import { syncFolder, TEMPORARY_SUFFIX, writeDurably } from "./durable-file.ts";

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
  lastAnswer: z.strictObject({ state, active: z.boolean(), lostRun: z.number().optional() }).optional(),
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

/** Keeps registrations on disk, one small file a resource. */
export interface RegistrationStore {
  /** Reads all; a file that cannot be understood is set aside and logged, a folder that cannot be read holds none. */
  load(): Promise<readonly Registration[]>;
  save(registration: Registration): Promise<void>;
  remove(resource: string): Promise<void>;
}

/** @param directory the daemon's state directory; `registrations` below it is made when it is missing */
export function registrationStore(directory: string, log: Log): RegistrationStore {
  const folder = join(directory, "registrations");
  const makeFolder = () => makeFolders(directory, folder);
  const fileOf = (resource: string) => join(folder, `${resource}.json`);

  return {
    async load() {
      const registrations: Registration[] = [];
      for (const name of await namesIn(folder, makeFolder, log)) {
        if (name.endsWith(TEMPORARY_SUFFIX)) await removeLeftOver(join(folder, name), log);
        if (!name.endsWith(".json")) continue;
        const registration = await loadOne(join(folder, name), log);
        if (registration !== undefined) registrations.push(registration);
      }
      return registrations;
    },
    async save(registration) {
      await makeFolder();
      await writeDurably(
        fileOf(registration.resource),
        `${JSON.stringify({ version: 1, ...registration }, null, 2)}\n`,
      );
    },
    async remove(resource) {
      await rm(fileOf(resource), { force: true });
      await syncFolder(folder);
    },
  };
}

/** Node says ENOENT where a recursive mkdir meets a read-only file system; the last step is made so that it does not. */
async function makeFolders(directory: string, folder: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

/** Guests can be kept without a disk; only what a restart would need is lost. */
async function namesIn(folder: string, make: () => Promise<unknown>, log: Log): Promise<readonly string[]> {
  try {
    await make();
    return await readdir(folder);
  } catch (error) {
    log.error(
      { folder, err: error },
      "registrations cannot be kept, resources are known when the engine asks",
    );
    return [];
  }
}

async function removeLeftOver(file: string, log: Log): Promise<void> {
  try {
    await rm(file, { force: true });
  } catch (error) {
    log.warn({ file, err: error }, "file that a crash left cannot be removed");
  }
}

async function loadOne(file: string, log: Log): Promise<Registration | undefined> {
  try {
    const { version: _version, ...registration } = fileSchema.parse(JSON.parse(await readFile(file, "utf8")));
    return registration;
  } catch (error) {
    log.error(
      { file, reason: messageOf(error) },
      "registration cannot be read, it is set aside until the engine asks again",
    );
    await rename(file, `${file}.unreadable`).catch((cause: unknown) => {
      log.error({ file, err: cause }, "registration cannot be set aside");
    });
    return undefined;
  }
}

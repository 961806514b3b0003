import { z } from "zod";
import type { Log } from "../src/log.ts";
import type { MigrationRecord } from "../src/migration.ts";
import { durableRecords } from "./durable-records.ts";

/** The file of one record; a version that is not ours is not guessed at. */
const fileSchema = z.strictObject({
  version: z.literal(1),
  guest: z.string(),
  uuid: z.string().optional(),
  kind: z.enum(["moving", "stuck", "left", "doubtful", "lost"]),
  at: z.string(),
  peer: z.string().optional(),
  bootId: z.string(),
  why: z.string().optional(),
  asked: z.strictObject({ at: z.string(), abortAt: z.string() }).optional(),
});

/** Keeps migration records on disk, one small file a guest. */
export interface MigrationStore {
  load(): Promise<readonly MigrationRecord[]>;
  save(record: MigrationRecord): Promise<void>;
  remove(guest: string): Promise<void>;
}

/** @param directory the daemon's state directory; `migrations` below it is made when it is missing */
export function migrationStore(directory: string, log: Log): MigrationStore {
  const records = durableRecords<MigrationRecord>(
    directory,
    {
      folder: "migrations",
      parse(content) {
        const { version: _version, uuid, peer, why, asked, ...record } = fileSchema.parse(content);
        return { ...record, uuid, peer, why, asked };
      },
      words: {
        notKept: "migration records cannot be kept, a guest that left may look stopped after a restart",
        unreadable: "migration record cannot be read, it is set aside",
        notSetAside: "migration record cannot be set aside",
      },
    },
    log,
  );
  return {
    load: () => records.load(),
    save: ({ despite: _despite, ...record }) => records.save(record.guest, record),
    remove: (guest) => records.remove(guest),
  };
}

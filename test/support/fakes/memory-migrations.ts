import type { MigrationStore } from "../../../daemon/migration-store.ts";
import type { MigrationRecord } from "../../../src/migration.ts";

/** A record with its usual values, changed where a test says so. */
export function aRecord(changes: Partial<MigrationRecord> = {}): MigrationRecord {
  return {
    guest: "web1",
    uuid: undefined,
    kind: "left",
    at: "2026-01-01T00:00:00.000Z",
    peer: undefined,
    bootId: "this boot",
    why: undefined,
    ...changes,
  };
}

/** Migration records in memory; outlives the books that are made on it, as the disk outlives the daemon. */
export class MemoryMigrations implements MigrationStore {
  readonly saved = new Map<string, MigrationRecord>();
  /** What saves fail with while set. */
  trouble: Error | undefined;

  load(): Promise<readonly MigrationRecord[]> {
    return Promise.resolve([...this.saved.values()]);
  }

  save(record: MigrationRecord): Promise<void> {
    if (this.trouble !== undefined) return Promise.reject(this.trouble);
    this.saved.set(record.guest, record);
    return Promise.resolve();
  }

  remove(guest: string): Promise<void> {
    this.saved.delete(guest);
    return Promise.resolve();
  }
}

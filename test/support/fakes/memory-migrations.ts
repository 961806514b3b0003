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
  /** `web1 left`, `web1 gone`: every write in order. */
  readonly writes: string[] = [];
  /** What writes fail with while set. */
  trouble: Error | undefined;
  /** Is awaited by each write before it takes effect: a disk that takes its time, or hangs. */
  onWrite: () => Promise<void> = () => Promise.resolve();

  load(): Promise<readonly MigrationRecord[]> {
    return Promise.resolve([...this.saved.values()]);
  }

  async save(record: MigrationRecord): Promise<void> {
    await this.#write(`${record.guest} ${record.kind}`);
    this.saved.set(record.guest, record);
  }

  async remove(guest: string): Promise<void> {
    await this.#write(`${guest} gone`);
    this.saved.delete(guest);
  }

  async #write(words: string): Promise<void> {
    this.writes.push(words);
    await this.onWrite();
    if (this.trouble !== undefined) throw this.trouble;
  }
}

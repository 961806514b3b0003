import { pause } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import { isOutdated, type MigrationEnd, type MigrationRecord, speaksOf } from "../src/migration.ts";
import type { Reading } from "../src/platform.ts";
import type { MigrationStore } from "./migration-store.ts";

/** A record that is not on disk by then is waited for no longer: the engine must be told. */
const DISK_PATIENCE_MS = 1000;

/**
 * What is known of migrations beside the hypervisor's own word, by guest. A change is in force at once; who has to, waits
 * until it is on disk.
 */
export class MigrationBook {
  readonly #store: MigrationStore;
  readonly #bootId: string;
  readonly #log: Log;
  readonly #records = new Map<string, MigrationRecord>();
  #writing: Promise<void> = Promise.resolve();

  /** @param bootId the present boot of this host */
  constructor(store: MigrationStore, bootId: string, log: Log) {
    this.#store = store;
    this.#bootId = bootId;
    this.#log = log;
  }

  async load(): Promise<void> {
    for (const record of await this.#store.load()) {
      if (this.#records.has(record.guest)) continue;
      this.#records.set(record.guest, record);
      const { guest, kind, at, peer, bootId } = record;
      const earlierBoot = bootId !== this.#bootId;
      this.#log.info({ guest, kind, at, peer, earlierBoot }, "migration record is in force");
    }
  }

  get(guest: string): MigrationRecord | undefined {
    return this.#records.get(guest);
  }

  all(): readonly MigrationRecord[] {
    return [...this.#records.values()];
  }

  /** True for a record that an earlier boot of this host left. */
  isOfEarlierBoot(record: MigrationRecord): boolean {
    return record.bootId !== this.#bootId;
  }

  /** This agent is about to ask for a migration; resolves when that is on disk, or shortly after when the disk hangs. */
  begin(guest: string, uuid: string, peer: string): Promise<void> {
    return this.#put({ guest, uuid, peer, kind: "moving", why: undefined });
  }

  /** It stands still here and may live on another host; resolves as begin does. */
  suspect(guest: string, uuid: string | undefined): Promise<void> {
    return this.#put({ guest, uuid, peer: undefined, kind: "stuck", why: undefined });
  }

  /** The end of a migration is known, or known to be doubtful; resolves as begin does. */
  end(guest: string, uuid: string | undefined, peer: string | undefined, end: MigrationEnd): Promise<void> {
    switch (end.kind) {
      case "moved":
        return this.#put({ guest, uuid, peer: end.peer ?? peer, kind: "left", why: undefined });
      case "lost":
        return this.#put({ guest, uuid, peer, kind: "lost", why: undefined });
      case "doubtful":
        return this.#put({ guest, uuid, peer, kind: "doubtful", why: end.why });
      case "stayed":
        return this.forget(guest);
    }
  }

  /**
   * Takes in what a reading shows: a guest that left without us, one whose emulator ended in the moment of the hand-over,
   * one that runs here again. Resolves when the record is on disk, or shortly after when the disk hangs.
   */
  async note(guest: string, reading: Reading): Promise<void> {
    const known = this.#records.get(guest);
    if (known !== undefined && isOutdated(known, reading)) {
      this.#log.info(
        { guest, kind: known.kind, reason: reading.reason },
        "guest runs here again, its migration record is dropped",
      );
      return this.forget(guest);
    }
    if (known !== undefined && known.kind !== "stuck" && speaksOf(known, reading)) return undefined;
    const { uuid } = reading;
    if (reading.moved === "away")
      return this.#put({ guest, uuid, peer: undefined, kind: "left", why: undefined });
    if (reading.moved !== "unclear") return undefined;
    const why =
      "its emulator ended in the moment of a migration in which the other host takes over, it may live there";
    return this.#put({ guest, uuid, peer: undefined, kind: "doubtful", why });
  }

  /** Drops what is known of a guest; resolves as begin does. */
  forget(guest: string): Promise<void> {
    if (!this.#records.delete(guest)) return Promise.resolve();
    return this.#write(guest, () => this.#store.remove(guest));
  }

  /** Resolves when everything is on disk. */
  flush(): Promise<void> {
    return this.#writing;
  }

  #put(record: Omit<MigrationRecord, "at" | "bootId">): Promise<void> {
    const before = this.#records.get(record.guest);
    const whole = { ...record, at: new Date().toISOString(), bootId: this.#bootId };
    this.#records.set(record.guest, whole);
    const { guest, kind, peer, why } = whole;
    if (kind === "doubtful") {
      if (before?.kind !== "doubtful" || before.why !== why)
        this.#log.error(
          { guest, peer, reason: why },
          "nobody knows where the guest lives, nothing is destroyed or started",
        );
    } else {
      this.#log.info({ guest, kind, peer }, "migration recorded");
    }
    return this.#write(guest, () => this.#store.save(whole));
  }

  /** One write after another: the last one says what is true. */
  async #write(guest: string, work: () => Promise<void>): Promise<void> {
    const done = new AbortController();
    this.#writing = this.#after(this.#writing, guest, work).finally(() => done.abort());
    await pause(DISK_PATIENCE_MS, done.signal);
  }

  async #after(earlier: Promise<void>, guest: string, work: () => Promise<void>): Promise<void> {
    await earlier;
    try {
      await work();
    } catch (error) {
      this.#log.error({ guest, err: error }, "migration record cannot be written, a restart would lose it");
    }
  }
}

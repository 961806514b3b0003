import { EventEmitter } from "eventemitter3";
import { pause } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import { isOutdated, type MigrationEnd, type MigrationRecord, speaksOf } from "../src/migration.ts";
import type { Reading } from "../src/platform.ts";
import { announce } from "./announce.ts";
import type { MigrationStore } from "./migration-store.ts";

/** A record that is not on disk by then is waited for no longer: the engine must be told. */
const DISK_PATIENCE_MS = 1000;

/** What the book publishes of migrations away from this host. */
export interface MigrationBookEvents {
  /** The engine asked for one, and it is about to be begun. */
  began: [];
  /** The end of one is known, whoever asked for it; `doubtful` when nobody can tell it yet. */
  ended: [by: "engine" | "others", end: MigrationEnd["kind"]];
  /** The end of one is found out beside the readings of its guest: those that have begun show what was. */
  decided: [guest: string];
}

/** What a record says of the end of its migration. */
const ENDS: Readonly<Record<MigrationRecord["kind"], MigrationEnd["kind"] | undefined>> = {
  moving: undefined,
  stuck: undefined,
  left: "moved",
  lost: "lost",
  doubtful: "doubtful",
};

/**
 * What is known of migrations beside the hypervisor's own word, by guest. A change is in force at once; who has to, waits
 * until it is on disk.
 */
export class MigrationBook {
  readonly events = new EventEmitter<MigrationBookEvents>();
  readonly #store: MigrationStore;
  readonly #bootId: string;
  readonly #log: Log;
  readonly #records = new Map<string, MigrationRecord>();
  /** Guests of which the disk does not say yet what is known. */
  readonly #unwritten = new Set<string>();
  /** Guests whose last write failed. */
  readonly #failed = new Set<string>();
  #writing: Promise<void> | undefined;

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

  /**
   * This agent is about to ask for a migration; resolves when that is on disk, or shortly after when the disk hangs.
   *
   * @param abortAfterMs when it is to be aborted, if it runs then
   */
  begin(guest: string, uuid: string, peer: string, abortAfterMs: number): Promise<void> {
    const now = Date.now();
    const abortAt = new Date(now + abortAfterMs).toISOString();
    const asked = { at: new Date(now).toISOString(), abortAt };
    announce(() => this.events.emit("began"), this.#log);
    return this.#put({ guest, uuid, peer, kind: "moving", why: undefined, asked });
  }

  /** It stands still here and may live on another host; resolves as begin does. */
  suspect(guest: string, uuid: string | undefined): Promise<void> {
    return this.#put({ guest, uuid, peer: undefined, kind: "stuck", why: undefined });
  }

  /** The end of a migration is known, or known to be doubtful; resolves as begin does. */
  end(guest: string, uuid: string | undefined, peer: string | undefined, end: MigrationEnd): Promise<void> {
    announce(() => this.events.emit("decided", guest), this.#log);
    switch (end.kind) {
      case "moved":
        return this.#put({ guest, uuid, peer: end.peer ?? peer, kind: "left", why: undefined });
      case "lost":
        return this.#put({ guest, uuid, peer, kind: "lost", why: undefined });
      case "doubtful": {
        const asked = this.#records.get(guest)?.asked; // it may run on, unseen
        return this.#put({ guest, uuid, peer, kind: "doubtful", why: end.why, asked });
      }
      case "stayed":
        announce(() => this.events.emit("ended", byWhom(this.#records.get(guest)), "stayed"), this.#log);
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
    if (known !== undefined && known.kind !== "stuck" && speaksOf(known, reading))
      return this.#written(guest);
    const { uuid } = reading;
    if (reading.moved === "away")
      return this.#put({ guest, uuid, peer: undefined, kind: "left", why: undefined });
    if (reading.moved !== "unclear") return undefined;
    const why =
      "its emulator ended in the moment of a migration in which the other host takes over, it may live there";
    return this.#put({ guest, uuid, peer: undefined, kind: "doubtful", why });
  }

  /** It is proved to be elsewhere, though an emulator of it ended here since it left. */
  confirm(record: MigrationRecord, despite: string | undefined): void {
    if (this.#records.get(record.guest) === record) this.#records.set(record.guest, { ...record, despite });
  }

  /** Whether an end could not be read when one that stands still was looked for last. */
  sought(record: MigrationRecord, isUnread: true | undefined): void {
    if (this.#records.get(record.guest) === record) this.#records.set(record.guest, { ...record, isUnread });
  }

  /** Drops what is known of a guest; resolves as begin does. */
  forget(guest: string): Promise<void> {
    if (!this.#records.delete(guest)) return Promise.resolve();
    return this.#write(guest);
  }

  /** Resolves when everything is on disk, or its write has failed. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  #put(record: Omit<MigrationRecord, "at" | "bootId">): Promise<void> {
    const before = this.#records.get(record.guest);
    const whole = { ...record, at: new Date().toISOString(), bootId: this.#bootId };
    this.#records.set(record.guest, whole);
    const { guest, kind, peer, why } = whole;
    const end = ENDS[kind];
    if (end !== undefined && before?.kind !== kind)
      announce(() => this.events.emit("ended", byWhom(before), end), this.#log);
    if (kind === "doubtful") {
      if (before?.kind !== "doubtful" || before.why !== why)
        this.#log.error(
          { guest, peer, reason: why },
          "nobody knows where the guest lives, nothing is destroyed or started",
        );
    } else {
      this.#log.info({ guest, kind, peer }, "migration recorded");
    }
    return this.#write(guest);
  }

  #write(guest: string): Promise<void> {
    this.#unwritten.add(guest);
    this.#writing ??= this.#writeAll();
    return this.#written(guest);
  }

  /** Waits for the disk; a write that failed is tried again whenever somebody waits for it. */
  async #written(guest: string): Promise<void> {
    if (this.#failed.has(guest) && !this.#unwritten.has(guest)) return this.#write(guest);
    if (!this.#unwritten.has(guest)) return;
    const done = new AbortController();
    void this.#writing?.then(() => done.abort());
    await pause(DISK_PATIENCE_MS, done.signal);
  }

  /** One write after another; what changed meanwhile is written again, so the last write says what is true. */
  async #writeAll(): Promise<void> {
    for (let [guest] = this.#unwritten; guest !== undefined; [guest] = this.#unwritten) {
      const record = this.#records.get(guest);
      await this.#writeOne(guest, record);
      if (this.#records.get(guest) === record) this.#unwritten.delete(guest);
    }
    this.#writing = undefined;
  }

  /** A full disk is two lines for each guest, not one for each try. */
  async #writeOne(guest: string, record: MigrationRecord | undefined): Promise<void> {
    try {
      await (record === undefined ? this.#store.remove(guest) : this.#store.save(record));
      if (this.#failed.delete(guest)) this.#log.info({ guest }, "migration record is written again");
    } catch (error) {
      if (this.#failed.has(guest)) return;
      this.#failed.add(guest);
      this.#log.error({ guest, err: error }, "migration record cannot be written, a restart would lose it");
    }
  }
}

/** A migration that the engine asked for has a deadline, in its record. */
function byWhom(before: MigrationRecord | undefined): "engine" | "others" {
  return before?.asked === undefined ? "others" : "engine";
}

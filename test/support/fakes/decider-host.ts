import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { decideMigrations } from "../../../daemon/migration-decider.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import type { MigrationEnd, MigrationRecord } from "../../../src/migration.ts";
import { DispatcherHost } from "./dispatcher-host.ts";
import { attributesOfGuest } from "./resources.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The product's decider over fakes, on virtual time; guest web1 is kept. */
export class DeciderHost {
  static readonly intervalMs = 5000;
  readonly clock = new VirtualClock();
  readonly host = new DispatcherHost();
  readonly queue = new GuestQueue();
  readonly ending = new AbortController();
  /** Guests that the decider had looked at. */
  readonly looked: string[] = [];

  constructor() {
    this.host.book.open("web1_res", attributesOfGuest("web1"));
  }

  /** Lets it look once; it goes on as time passes. */
  async decide(): Promise<void> {
    const { book, facts, platform, log } = this.host;
    const parts = {
      platform,
      book,
      migrations: facts.migrations,
      queue: this.queue,
      intervalMs: () => DeciderHost.intervalMs,
      look: (guest: string) => void this.looked.push(guest),
      log,
    };
    void decideMigrations(parts, UNWATCHED, this.ending.signal);
    await this.clock.settle();
  }

  /** What the platform finds, look by look; the last answer stays. */
  answers(...ends: (MigrationEnd | undefined)[]): void {
    this.host.platform.deeds.whereIs = async () => (ends.length > 1 ? ends.shift() : ends[0]);
  }

  /** What is on disk of the guest. */
  get record(): MigrationRecord | undefined {
    return this.host.migrations.saved.get("web1");
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.clock.settle();
    this.clock.stop();
  }
}

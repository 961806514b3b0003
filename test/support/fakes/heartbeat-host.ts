import { Heartbeats } from "../../../daemon/heartbeats.ts";
import { ResourceBook, type ResourceRecord } from "../../../daemon/resource-book.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import type { AgentAnswer } from "../../../src/platform.ts";
import { FakePlatform, RUNNING } from "./fake-platform.ts";
import { MemoryStore } from "./memory-store.ts";
import { RecordingLog } from "./recording-log.ts";
import { attributesOfGuest } from "./resources.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** Between two questions to one guest. */
export const INTERVAL_MS = 20_000;

export const ANSWERED = { kind: "answered", run: 1, frozen: false, hostName: undefined } as const;
export const SILENT = { kind: "silent", run: 1, reason: "not connected" } as const;

const SETTINGS = { intervalMs: INTERVAL_MS, timeoutS: 5, misses: 3, lossMs: 60_000 };

/** CEInfo as a test changes it. */
export type SomeCeInfo = Partial<{ ceSystem: string; faultOnHbLoss: boolean }>;

/** The product's heartbeats over a fake platform, on a virtual clock; a loss takes three misses and sixty seconds. */
export class HeartbeatHost {
  readonly clock = new VirtualClock();
  readonly platform = new FakePlatform();
  readonly log = new RecordingLog();
  readonly store = new MemoryStore();
  /** What each guest's agent answers now; well by default. */
  readonly answers = new Map<string, AgentAnswer>();
  /** Guests that were looked at because of their heartbeat. */
  readonly looks: string[] = [];
  book = new ResourceBook(this.store, this.log);
  #ending = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor() {
    this.platform.deeds.askAgent = async (guest) => this.answers.get(guest) ?? ANSWERED;
  }

  /** Opens a resource of a running guest, named GUEST_res. */
  open(guest: string, ceInfo: SomeCeInfo = {}): ResourceRecord {
    const attributes = attributesOfGuest(guest, {
      ceInfo: { enabled: true, faultOnHbLoss: true, ...ceInfo },
    });
    const record = this.book.open(`${guest}_res`, attributes);
    record.lastReading = { reading: RUNNING, at: new Date() };
    return record;
  }

  /** Lets the heartbeats begin. */
  async ask(): Promise<void> {
    const { platform, book, log } = this;
    const look = (guest: string) => {
      this.looks.push(guest);
      for (const record of book.ofGuest(guest)) record.epoch += 1; // as the follower does
    };
    this.#running = new Heartbeats({ platform, book, look, settings: () => SETTINGS, log }).run(
      UNWATCHED,
      this.#ending.signal,
    );
    await this.clock.settle();
  }

  /** An armed heartbeat of the guest web1, which then falls silent. */
  async silenced(): Promise<ResourceRecord> {
    const record = this.open("web1");
    await this.ask();
    await this.clock.advance(INTERVAL_MS);
    if (record.heartbeat.phase !== "armed") throw new Error("the heartbeat is not armed");
    this.answers.set("web1", SILENT);
    return record;
  }

  /** How often a guest's agent was asked. */
  asked(guest: string): number {
    return this.platform.count(`askAgent ${guest}`);
  }

  /** Ends the heartbeats as the daemon does. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await this.clock.settle();
  }

  /** A new process on what the one before has written; its heartbeats have not begun. */
  async restart(): Promise<void> {
    await this.book.flush();
    await this.end();
    this.#ending = new AbortController();
    this.book = new ResourceBook(this.store, this.log);
    await this.book.load();
  }
}

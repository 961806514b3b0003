import { EventEmitter } from "eventemitter3";
import { messageOf } from "../src/agent-error.ts";
import { type Answer, answerOf, type LastAnswer } from "../src/answer.ts";
import { type Beats, SLACK_MS } from "../src/beat.ts";
import { pause } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import type { Platform, Reading } from "../src/platform.ts";
import { monitorExitCode, sameState, stateText } from "../src/resource-state.ts";
import { announce } from "./announce.ts";
import { answerFacts, type FactSources, lastBeforeArrival } from "./answer-facts.ts";
import type { Prober } from "./prober.ts";
import type { ResourceBook, ResourceRecord } from "./resource-book.ts";

/** The longest wait for the first guest, one of RHEV-M, and for each that follows: it, and the disk, may answer slowly. */
const STEP_MS = { first: 45_000, each: 3000 } as const;

export interface FollowerParts extends FactSources {
  readonly platform: Platform;
  readonly book: ResourceBook;
  readonly prober: Prober;
  /** milliseconds between two reads of everything; read at each cycle */
  readonly intervalMs: () => number;
  readonly log: Log;
}

/** What the follower publishes. */
export interface FollowerEvents {
  /** A guest is in another state than at the last look: an event made us look, or the reading of all guests showed it. */
  found: [by: "event" | "reading"];
}

/**
 * Looks at all watched guests: at once when an event hints at one, and every few seconds at all of them with one
 * call. Where the engine was told something else last, it is asked to probe.
 */
export class Follower {
  readonly events = new EventEmitter<FollowerEvents>();
  readonly #parts: FollowerParts;
  /** Guests that are being looked at; true when another hint came meanwhile. */
  readonly #looking = new Map<string, boolean>();
  #blind = false;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /** Follows until the signal aborts. */
  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    const { platform, book, migrations, intervalMs } = this.#parts;
    const beat = beats("follower");
    let cycle = new AbortController();
    const onConnected = () => {
      overtake(book.all()); // after a new connection nothing that was read before may answer a monitor
      cycle.abort();
    };
    const onChanged = (guest: string) => {
      void this.look(guest, signal);
    };
    const onDecided = (guest: string) => overtake(book.ofGuest(guest));
    platform.events.on("connected", onConnected);
    platform.events.on("changed", onChanged);
    migrations.events.on("decided", onDecided);
    const stop = () => cycle.abort();
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      cycle = new AbortController();
      beat.within(STEP_MS.first + book.all().length * STEP_MS.each + SLACK_MS);
      await this.#lookAtAll(signal);
      beat.within(intervalMs() + SLACK_MS);
      await pause(intervalMs(), cycle.signal);
    }
    beat.end();
    platform.events.off("connected", onConnected);
    platform.events.off("changed", onChanged);
    migrations.events.off("decided", onDecided);
  }

  async #lookAtAll(signal: AbortSignal): Promise<void> {
    const { book, platform, log } = this.#parts;
    const records = book.all().filter((record) => record.registration.watched);
    if (records.length === 0) return;
    const epochs = new Map(records.map((record) => [record, record.epoch]));
    try {
      const readings = await platform.readAll([...new Set(records.map(guestOf))], signal);
      if (this.#blind) log.info({}, "guests can be read again");
      this.#blind = false;
      for (const record of records) {
        const reading = readings.get(guestOf(record));
        if (reading !== undefined) await this.#take(record, reading, epochs.get(record), "reading");
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!this.#blind) log.error({ reason: messageOf(error) }, "guests cannot be read");
      this.#blind = true;
    }
  }

  /** Looks at one guest now. An event makes us look; it is never the answer. */
  async look(guest: string, signal: AbortSignal): Promise<void> {
    const { book, platform, log } = this.#parts;
    const records = book.ofGuest(guest);
    overtake(records);
    if (!records.some((record) => record.registration.watched)) return;
    if (this.#looking.has(guest)) {
      this.#looking.set(guest, true);
      return;
    }
    do {
      this.#looking.set(guest, false);
      const epochs = new Map(book.ofGuest(guest).map((record) => [record, record.epoch]));
      try {
        const reading = await platform.read(guest, signal);
        for (const record of book.ofGuest(guest))
          await this.#take(record, reading, epochs.get(record), "event");
      } catch (error) {
        log.debug({ guest, err: error }, "guest could not be read after an event");
      }
    } while (this.#looking.get(guest) === true && !signal.aborted);
    this.#looking.delete(guest);
  }

  /**
   * What a reading shows of a migration is on disk before the engine hears of it. One that an event, the end of an
   * operation or that of a migration overtook shows what was: a guest that left meanwhile does not run here again.
   */
  async #take(
    record: ResourceRecord,
    reading: Reading,
    epoch: number | undefined,
    by: "event" | "reading",
  ): Promise<void> {
    const { resource } = record.registration;
    if (this.#parts.book.get(resource) !== record) return; // closed meanwhile
    // an event that came while all guests were read has told of it
    this.#note(record, reading, record.epoch === epoch ? by : "event");
    if (record.epoch === epoch) {
      await this.#parts.migrations.note(guestOf(record), reading);
      this.#parts.arrivals.note(resource, reading, lastBeforeArrival(record));
    }
    this.#weigh(record, reading);
  }

  #weigh(record: ResourceRecord, reading: Reading): void {
    const { registration } = record;
    // an entry point at work tells the engine itself, and its own doing is no news
    if (!registration.watched || record.operation !== undefined || isTried(record, reading)) return;
    if (registration.stopping && reading.active === false) void this.#endStop(record);
    if (registration.lastAnswer === undefined) return;

    const answer = answerOf(reading, answerFacts(this.#parts, record, reading));
    const { resource } = registration;
    // UNKNOWN leaves the last proved answer as it is, so it is compared with what was told beside that
    const isUnknown = answer.state.kind === "UNKNOWN";
    const isTold =
      isUnknown ||
      sameState(answer.state, registration.lastAnswer.state) ||
      isStillHere(reading, answer, registration.lastAnswer);
    if (isTold && record.unknownTold === isUnknown) {
      this.#parts.prober.settled(resource);
      return;
    }
    const isOnline = answer.state.kind === "ONLINE";
    const { awaited } = record;
    const isAwaited = awaited?.online === isOnline && performance.now() < awaited.until;
    if (!isAwaited) this.#parts.prober.request(resource, monitorExitCode(answer.state));
  }

  /** The hypervisor's word is not enough to call a stop ended. */
  async #endStop(record: ResourceRecord): Promise<void> {
    const { book, log, platform } = this.#parts;
    try {
      await platform.proveStopped(guestOf(record), new AbortController().signal);
      if (record.operation === undefined) await book.change(record, { stopping: false });
    } catch (error) {
      log.debug({ resource: record.registration.resource, err: error }, "guest is not proved stopped yet");
    }
  }

  #note(record: ResourceRecord, reading: Reading, by: "event" | "reading"): void {
    const { log } = this.#parts;
    const before = record.lastReading?.reading;
    record.lastReading = { reading, at: new Date() };
    this.#parts.book.learn(record, reading);
    const { resource } = record.registration;
    const about = {
      resource,
      guest: guestOf(record),
      state: stateText(reading.state),
      reason: reading.reason,
    };
    if (
      reading.active === false &&
      performance.now() < record.onlineUntil &&
      record.operation === undefined
    ) {
      record.onlineUntil = 0;
      log.warn(about, "guest ended within DelayAfterGuestOnline, its online has failed");
    }
    if (before === undefined || sameState(before.state, reading.state) || isTried(record, reading)) return;
    log.info({ ...about, from: stateText(before.state) }, "guest changed state");
    announce(() => this.events.emit("found", by), log);
  }
}

/** Readings that have begun show what was. */
function overtake(records: readonly ResourceRecord[]): void {
  for (const record of records) record.epoch += 1;
}

/**
 * A guest that migrates away and runs here still. That it leaves nothing proves before its end: a monitor that comes says so,
 * but the engine, which knows it as ONLINE, would hold for a departure what may become a fault.
 */
function isStillHere(
  { active, migrating, moved, runsOnTarget }: Reading,
  answer: Answer,
  last: LastAnswer,
): boolean {
  const isOnItsWay = active === true && migrating && moved === undefined && runsOnTarget !== true;
  return isOnItsWay && answer.state.kind === "INTENTIONAL OFFLINE" && last.state.kind === "ONLINE";
}

/** A resume that is tried tells of its end itself: until then the guest may run for a moment only. */
function isTried({ resumedUntil }: ResourceRecord, { active }: Reading): boolean {
  return active === true && performance.now() < resumedUntil;
}

function guestOf(record: ResourceRecord): string {
  return record.registration.attributes.guestName;
}

import { hasCode, messageOf } from "../src/agent-error.ts";
import { type Beats, SLACK_MS } from "../src/beat.ts";
import { pause, throwIfAborted, withDeadline } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import type { Platform, Reading } from "../src/platform.ts";
import { guestKey } from "../src/resource.ts";
import type { GuestQueue } from "./guest-queue.ts";
import type { MigrationBook } from "./migration-book.ts";
import { operate } from "./operations.ts";
import type { ResourceBook, ResourceRecord } from "./resource-book.ts";

/** How often guests are looked through; what they do is known from the follower. */
const LOOK_MS = 1000;

/** Pauses between two attempts for one guest. */
const WAIT_MS = { first: 5000, last: 60_000 } as const;

/** A guest that stalls again within this goes on with the pauses it had. */
const STEADY_MS = 60_000;

/** For one attempt; an entry point that comes meanwhile waits for its end. */
const ATTEMPT_MS = 5000;

/** A guest whose disk still fails is paused again within this, as a rule. */
const SETTLE_MS = 1000;

/** Readings that began during an attempt may end this much later. */
const LATE_MS = 2000;

export interface StalledParts {
  readonly platform: Platform;
  readonly book: ResourceBook;
  readonly migrations: Pick<MigrationBook, "get">;
  readonly queue: GuestQueue;
  /** Has the guest looked at, and the engine asked where it was told something else. */
  readonly look: (guest: string) => void;
  /** Whether stalled guests are resumed at all; read at each use. */
  readonly isWanted: () => boolean;
  readonly log: Log;
}

/** What is under way for one stalled guest. */
interface Episode {
  waitMs: number;
  nextAtMs: number;
  attempts: number;
  isTrying: boolean;
  /** It was told that the guest runs elsewhere. */
  isRefused: boolean;
  /** It was not stalled at the last look; a moment of running between two failures is no end. */
  isCalm: boolean;
  /** When the guest ran again; undefined while it is stalled. */
  endedMs: number | undefined;
}

/**
 * Resumes guests that a failed disk has paused, again and again until the disk is back. Nothing is done for a guest that
 * anybody else works on, that the engine does not know as ONLINE, or that is paused for another reason.
 */
export class StalledGuests {
  readonly #parts: StalledParts;
  readonly #episodes = new Map<ResourceRecord, Episode>();

  constructor(parts: StalledParts) {
    this.#parts = parts;
  }

  /** Looks after them until the signal aborts. */
  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    const beat = beats("stalled guests");
    while (!signal.aborted) {
      beat.within(LOOK_MS + SLACK_MS);
      const records = this.#parts.isWanted() ? this.#parts.book.all() : [];
      for (const record of records) this.#tend(record, signal);
      for (const record of this.#episodes.keys()) {
        if (!records.includes(record)) this.#episodes.delete(record);
      }
      await pause(LOOK_MS, signal);
    }
    beat.end();
  }

  #tend(record: ResourceRecord, signal: AbortSignal): void {
    const now = performance.now();
    const episode = this.#episodes.get(record);
    if (!isStalled(record)) {
      if (episode !== undefined && !episode.isTrying) this.#calm(record, episode, now);
      return;
    }
    if (episode !== undefined) episode.isCalm = false;
    if (!this.#mayTry(record)) return;
    if (episode === undefined || episode.endedMs !== undefined) {
      this.#begin(record, episode, now);
    } else if (!episode.isTrying && now >= episode.nextAtMs) {
      void this.#attempt(record, episode, signal);
    }
  }

  /** What the engine was told to be gone is gone for it: it is cleaning the guest, or about to. */
  #mayTry({ registration, operation }: ResourceRecord): boolean {
    const { watched, stopping, lastAnswer, attributes } = registration;
    if (!watched || stopping || lastAnswer?.state.kind !== "ONLINE") return false;
    if (this.#parts.migrations.get(attributes.guestName) !== undefined) return false;
    return operation === undefined && !this.#parts.queue.isBusy(guestKey(attributes));
  }

  #begin(record: ResourceRecord, earlier: Episode | undefined, now: number): void {
    const waitMs = earlier?.waitMs ?? WAIT_MS.first;
    this.#episodes.set(record, {
      waitMs,
      nextAtMs: now + waitMs,
      attempts: 0,
      isTrying: false,
      isRefused: false,
      isCalm: false,
      endedMs: undefined,
    });
    this.#parts.log.info(about(record), "guest is resumed again and again until its disk is back");
  }

  /** Somebody has ended the stall: this agent, a person, or the guest's end. */
  #calm(record: ResourceRecord, episode: Episode, now: number): void {
    const wasCalm = episode.isCalm;
    episode.isCalm = true;
    if (episode.endedMs !== undefined) {
      if (now - episode.endedMs >= STEADY_MS) this.#episodes.delete(record);
    } else if (wasCalm) {
      this.#end(record, episode, record.lastReading?.reading);
    }
  }

  #end(record: ResourceRecord, episode: Episode, reading: Reading | undefined): void {
    const fields = { ...about(record), attempts: episode.attempts, reason: reading?.reason };
    this.#parts.log.info(fields, "guest is not stalled any more");
    episode.endedMs = performance.now();
  }

  async #attempt(record: ResourceRecord, episode: Episode, signal: AbortSignal): Promise<void> {
    const { queue, log, look } = this.#parts;
    const { attributes } = record.registration;
    episode.isTrying = true;
    episode.attempts += 1;
    record.resumedUntil = performance.now() + ATTEMPT_MS + LATE_MS;
    let reading: Reading | undefined;
    try {
      reading = await withDeadline(ATTEMPT_MS, "letting a stalled guest go on", [signal], (limit) =>
        operate({ queue }, { record, attributes, log: log.child(about(record)) }, "resume", limit, (inTurn) =>
          this.#resume(record, inTurn),
        ),
      );
      if (reading?.stalled === true) log.debug(about(record), "stalled guest has stalled again");
      else if (reading !== undefined) this.#end(record, episode, reading);
    } catch (error) {
      if (!hasCode(error, "CANCELLED")) {
        const level = hasCode(error, "REFUSED") && !episode.isRefused ? "warn" : "debug";
        episode.isRefused ||= level === "warn";
        log[level]({ ...about(record), reason: messageOf(error) }, "stalled guest could not be resumed");
      }
    } finally {
      episode.isTrying = false;
      episode.waitMs = Math.min(episode.waitMs * 2, WAIT_MS.last);
      episode.nextAtMs = performance.now() + episode.waitMs;
      const hasStalledAgain = reading?.stalled === true;
      record.resumedUntil = hasStalledAgain ? performance.now() + LATE_MS : 0;
      look(attributes.guestName);
    }
  }

  /** @returns what became of the guest; undefined when nothing was done */
  async #resume(record: ResourceRecord, signal: AbortSignal): Promise<Reading | undefined> {
    const { platform } = this.#parts;
    const { stopping, attributes } = record.registration;
    if (stopping) return undefined;
    const guest = attributes.guestName;
    // while it stood still the cluster may have started it elsewhere
    await platform.refuseIfElsewhere(guest, signal);
    if (!(await platform.resumeStalled(guest, signal))) return undefined;
    const until = performance.now() + SETTLE_MS;
    for (;;) {
      const leftMs = until - performance.now();
      if (leftMs > 0) await platform.nextChange(guest, leftMs, signal);
      throwIfAborted(signal);
      const reading = await platform.read(guest, signal);
      if (reading.stalled === true || leftMs <= 0) return reading;
    }
  }
}

function isStalled({ lastReading }: ResourceRecord): boolean {
  return lastReading?.reading.stalled === true;
}

function about({ registration }: ResourceRecord): { readonly resource: string; readonly guest: string } {
  return { resource: registration.resource, guest: registration.attributes.guestName };
}

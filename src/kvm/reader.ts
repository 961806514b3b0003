import { type AgentError, hasCode, messageOf } from "../agent-error.ts";
import { orAbort, throwIfAborted, withDeadline } from "../deadline.ts";
import { isNoDomain, isTimedOut } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import type { Reading } from "../platform.ts";
import { atMost, online } from "../resource-state.ts";
import type { Causes } from "./causes.ts";
import { isMigrating } from "./emulator.ts";
import { isStopped, stillLives } from "./emulator-facts.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { DomainFigures, Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";
import { Translator } from "./translator.ts";
import { STANDS_STILL, VitalSigns } from "./vital-signs.ts";

/** libvirt answers a state in a tenth of a millisecond; after this long it is taken as hung for this reading. */
const ANSWER_MS = 5000;

/** The same for the read of all guests; and for one guest of many, so that one that hangs costs the others little. */
const BULK_MS = 3000;
const ONE_MS = 1000;

/** When the first so many guests hang, libvirt itself does. */
const HUNG_AT_MOST = 3;

/** What hung in libvirt is not asked again for this long, unless the engine asks. */
const HANG_PAUSE_MS = 60_000;

/** A libvirtd that is being restarted is waited for this long. */
const SESSION_MS = 2000;

/** Source: libvirt-domain.h, VIR_DOMAIN_STATS_STATE and VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT. */
const STATE_WITHOUT_WAITING = { stats: 1, flags: 0x2000_0000 } as const;

export interface ReaderParts {
  readonly watch: Lane;
  readonly slow: Lane;
  readonly causes: Causes;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Reads guests from libvirt and, when it does not answer, from the emulator process alone. */
export class Reader {
  readonly #parts: ReaderParts;
  readonly #translator: Translator;
  readonly #vitals: VitalSigns;
  /** Until then (performance.now) all guests are not read with one call: the last such call hung. */
  #noBulkBefore = 0;
  /** Said until all can be read at once again. */
  #isBulkHeld = false;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#translator = new Translator(parts);
    this.#vitals = new VitalSigns(parts);
  }

  /** See Platform.read. */
  async read(guest: string, signal: AbortSignal, patienceMs = ANSWER_MS): Promise<Reading> {
    const limitMs = Math.min(patienceMs, ANSWER_MS);
    try {
      return await this.#ask(`reading guest ${guest}`, limitMs, signal, (session, limit) =>
        this.#one(session, guest, limit),
      );
    } catch (error) {
      throwIfAborted(signal);
      const isSilent = hasCode(error, "PLATFORM_DOWN", "TIMED_OUT");
      const proof = isSilent ? await this.#byEmulator(guest, error) : undefined;
      if (proof === undefined) throw error;
      return proof;
    }
  }

  /**
   * See Platform.readAll. One domain whose lock libvirtd holds (a dump into dead storage) keeps the read of all from
   * ending; then guests are read one by one, and the one that hangs is left out for a while.
   */
  async readAll(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    if (performance.now() < this.#noBulkBefore) return this.#oneByOne(guests, signal);
    try {
      const readings = await this.#ask("reading all guests", BULK_MS, signal, (session, limit) =>
        this.#all(session, guests, limit),
      );
      if (this.#isBulkHeld) this.#parts.log.info({}, "all guests are read at once again");
      this.#isBulkHeld = false;
      return readings;
    } catch (error) {
      throwIfAborted(signal);
      if (!hasCode(error, "TIMED_OUT")) throw error;
      const readings = await this.#oneByOne(guests, signal);
      this.#noBulkBefore = performance.now() + HANG_PAUSE_MS;
      if (this.#isBulkHeld) return readings;
      this.#isBulkHeld = true;
      this.#parts.log.warn({}, "a domain keeps libvirt from reading all at once, guests are read one by one");
      return readings;
    }
  }

  /** Reads what is remembered on a session that is not yet open to others, which a domain that hangs must not prevent. */
  async readFirst(session: Hypervisor, signal: AbortSignal): Promise<void> {
    this.#noBulkBefore = 0;
    for (const guest of this.#parts.memories.names()) this.#parts.memories.of(guest).noLookBefore = 0;
    try {
      await withDeadline(BULK_MS, "the first read of all guests", [signal], (limit) =>
        orAbort(this.#all(session, this.#parts.memories.names(), limit), limit),
      );
    } catch (error) {
      throwIfAborted(signal);
      if (!hasCode(error, "TIMED_OUT") && !isTimedOut(error)) throw error;
    }
  }

  /** @throws {AgentError} TIMED_OUT when libvirt answers for no guest: then it hangs as a whole */
  async #oneByOne(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    const readings = new Map<string, Reading>();
    const hung: string[] = [];
    for (const guest of guests) {
      if (performance.now() < this.#parts.memories.of(guest).noLookBefore) continue;
      try {
        const reading = await this.#ask(`reading guest ${guest}`, ONE_MS, signal, (session, limit) =>
          this.#one(session, guest, limit),
        );
        readings.set(guest, reading);
      } catch (error) {
        throwIfAborted(signal);
        if (!hasCode(error, "TIMED_OUT")) throw error;
        hung.push(guest);
        if (readings.size === 0 && (hung.length === HUNG_AT_MOST || hung.length === guests.length))
          throw error;
      }
    }
    for (const guest of hung) this.#parts.memories.of(guest).noLookBefore = performance.now() + HANG_PAUSE_MS;
    return readings;
  }

  async #all(
    session: Hypervisor,
    guests: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Reading>> {
    const count = this.#parts.causes.count();
    const figures = await session.getAllDomainStats(STATE_WITHOUT_WAITING, { signal });
    const byName = new Map(figures.map((record) => [record.domain.name, record]));
    const readings = new Map<string, Reading>();
    await Promise.all(
      guests.map(async (guest) => {
        const reading = await this.#ofFigures(session, guest, byName.get(guest), count, signal);
        if (reading !== undefined) readings.set(guest, reading);
      }),
    );
    return readings;
  }

  /** One guest that cannot be read must not blind the agent for all others. */
  async #ofFigures(
    session: Hypervisor,
    guest: string,
    figures: DomainFigures | undefined,
    count: number,
    signal: AbortSignal,
  ): Promise<Reading | undefined> {
    if (figures === undefined) return this.#translator.undefinedHere(guest);
    const code = {
      state: number(figures.params.get("state.state")),
      reason: number(figures.params.get("state.reason")),
    };
    try {
      const reading = await this.#translator.reading(guest, figures.domain, code, count, signal);
      return await this.#vitals.examine(guest, reading, { session, isThorough: false }, signal);
    } catch (error) {
      throwIfAborted(signal);
      this.#parts.log.debug({ guest, err: error }, "guest could not be read with the others");
      return undefined;
    }
  }

  /** Asks libvirt; a connection that breaks under the question is waited for and the question asked once more. */
  async #ask<T>(
    doing: string,
    limitMs: number,
    signal: AbortSignal,
    question: (session: Hypervisor, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withDeadline(limitMs, `libvirt's answer (${doing})`, [signal], async (limit) => {
      const once = async () => {
        try {
          return await this.#parts.watch.use(SESSION_MS, limit, (session) => question(session, limit));
        } catch (error) {
          throwIfAborted(limit);
          throw agentErrorOf(error, doing);
        }
      };
      try {
        return await once();
      } catch (error) {
        // without a cause there was no session to ask on, and a second look finds none either
        if (!hasCode(error, "PLATFORM_DOWN") || error.cause === undefined || limit.aborted) throw error;
        return once();
      }
    });
  }

  async #one(session: Hypervisor, guest: string, signal: AbortSignal): Promise<Reading> {
    const count = this.#parts.causes.count();
    try {
      const domain = await session.lookupByName(guest, { signal });
      const code = await session.getState(domain.uuid, { signal });
      const reading = await this.#translator.reading(guest, domain, code, count, signal);
      return await this.#vitals.examine(guest, reading, { session, isThorough: true }, signal);
    } catch (error) {
      if (isNoDomain(error)) return this.#translator.undefinedHere(guest);
      throw error;
    }
  }

  /** libvirt does not answer: the process that last ran this guest proves it, or nothing does. */
  async #byEmulator(guest: string, error: AgentError): Promise<Reading | undefined> {
    const known = this.#parts.memories.of(guest).emulator;
    const facts = known === undefined ? undefined : await stillLives(known);
    if (facts === undefined || facts.isDying || facts.incoming) return undefined;
    if (await isMigrating(this.#parts.settings().runDirectory, guest)) return undefined;
    const isFrozen = isStopped(facts.threadState);
    return {
      state: isFrozen ? atMost(STANDS_STILL, online(30)) : online(30),
      reason: `its emulator (pid ${facts.pid}) ${isFrozen ? "lives and is stopped by a signal or a debugger" : "lives"}, but ${messageOf(error)}`,
      active: true,
      migrating: false,
      moved: undefined,
      suspended: undefined,
      uuid: facts.uuid,
      source: "emulator",
      ended: undefined,
      saved: "no",
    };
  }
}

function number(value: unknown): number {
  return typeof value === "number" ? value : Number.NaN;
}

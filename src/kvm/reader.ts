import { type AgentError, hasCode, messageOf } from "../agent-error.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import { isNoDomain } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import type { Reading } from "../platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, type ResourceState } from "../resource-state.ts";
import type { Causes } from "./causes.ts";
import { type DomainWords, domainWords } from "./domain-words.ts";
import { emulatorOf } from "./emulator.ts";
import { stillLives } from "./emulator-facts.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { DomainFigures, DomainRef, DomainStateCode, Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import { migrationSide } from "./migration-side.ts";
import type { KvmSettings } from "./settings.ts";
import { needsMigrationSide, verdictOf } from "./state-table.ts";

/** libvirt answers a state in a tenth of a millisecond; after this long it is taken as hung for this reading. */
const ANSWER_MS = 5000;

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

  constructor(parts: ReaderParts) {
    this.#parts = parts;
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

  /** See Platform.readAll. */
  readAll(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    return this.#ask("reading all guests", ANSWER_MS, signal, (session, limit) =>
      this.all(session, guests, limit),
    );
  }

  /** Reads many guests on a session that is not yet open to others. */
  async all(
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
        const reading = await this.#ofFigures(guest, byName.get(guest), count, signal);
        if (reading !== undefined) readings.set(guest, reading);
      }),
    );
    return readings;
  }

  /** One guest that cannot be read must not blind the agent for all others. */
  async #ofFigures(
    guest: string,
    figures: DomainFigures | undefined,
    count: number,
    signal: AbortSignal,
  ): Promise<Reading | undefined> {
    if (figures === undefined) return this.#undefinedHere(guest);
    const code = {
      state: number(figures.params.get("state.state")),
      reason: number(figures.params.get("state.reason")),
    };
    try {
      return await this.#reading(guest, figures.domain, code, count, signal);
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
      return await this.#reading(guest, domain, code, count, signal);
    } catch (error) {
      if (isNoDomain(error)) return this.#undefinedHere(guest);
      throw error;
    }
  }

  /** @param count the causes' count when libvirt was asked */
  async #reading(
    guest: string,
    domain: DomainRef,
    code: DomainStateCode,
    count: number,
    signal: AbortSignal,
  ): Promise<Reading> {
    const words = domainWords(code.state, code.reason);
    const { uuid } = domain;
    const side = needsMigrationSide(words)
      ? await migrationSide(this.#parts, { guest, uuid, words }, signal)
      : "none";
    const verdict = verdictOf(words, side, this.#parts.settings().overrides);
    if (verdict.active === true) this.#parts.causes.seenActive(uuid, count);
    await this.#remember(guest, domain, words);
    const ended = verdict.active === false ? this.#parts.causes.endOf(uuid) : undefined;
    const reason = sentence(words, verdict.why, ended);
    if (verdict.alarming) this.#alarm(guest, words, reason);
    this.#parts.memories.of(guest).lastWords = words.text;
    return {
      state: this.#withPolicy(verdict.state, words, ended),
      reason,
      active: verdict.active,
      migrating: verdict.migrating,
      suspended: verdict.suspended,
      uuid,
      source: "platform",
      ended,
    };
  }

  #withPolicy(state: ResourceState, words: DomainWords, ended: string | undefined): ResourceState {
    const wished =
      ended === "powered off from inside" && words.state === "shut off" && state.kind === "OFFLINE";
    return wished && this.#parts.settings().guestPowerOff === "intentional" ? INTENTIONAL_OFFLINE : state;
  }

  #alarm(guest: string, words: DomainWords, reason: string): void {
    if (this.#parts.memories.of(guest).lastWords === words.text) return;
    this.#parts.log.warn({ guest, reason }, "guest is in an alarming state");
  }

  #undefinedHere(guest: string): Reading {
    const memory = this.#parts.memories.of(guest);
    memory.readings += 1;
    memory.emulator = undefined;
    const ended = memory.uuid === undefined ? undefined : this.#parts.causes.endOf(memory.uuid);
    return {
      state: OFFLINE,
      reason: `not defined on this host${ended === undefined ? "" : `; its last run ended: ${ended}`}`,
      active: false,
      migrating: false,
      suspended: undefined,
      uuid: memory.uuid,
      source: "platform",
      ended,
    };
  }

  /** Keeps the emulator's identity of a running guest, read once a run. */
  async #remember(guest: string, domain: DomainRef, words: DomainWords): Promise<void> {
    const memory = this.#parts.memories.of(guest);
    memory.uuid = domain.uuid;
    memory.readings += 1;
    if (words.state !== "running" && words.state !== "idle") {
      memory.emulator = undefined;
      return;
    }
    if (memory.emulator?.uuid === domain.uuid && memory.runId === domain.id) return;
    const turn = memory.readings;
    const facts = await emulatorOf(this.#parts.settings().runDirectory, guest);
    if (memory.readings !== turn) return;
    memory.runId = domain.id;
    memory.emulator = facts?.uuid === domain.uuid ? facts : undefined;
  }

  /** libvirt does not answer: the process that last ran this guest proves it, or nothing does. */
  async #byEmulator(guest: string, error: AgentError): Promise<Reading | undefined> {
    const known = this.#parts.memories.of(guest).emulator;
    const facts = known === undefined ? undefined : await stillLives(known);
    if (facts === undefined || facts.isDying || facts.incoming) return undefined;
    return {
      state: online(30),
      reason: `its emulator (pid ${facts.pid}) lives, but ${messageOf(error)}`,
      active: true,
      migrating: false,
      suspended: undefined,
      uuid: facts.uuid,
      source: "emulator",
      ended: undefined,
    };
  }
}

function sentence(words: DomainWords, why: string, ended: string | undefined): string {
  const parts = [
    `libvirt says ${words.text}`,
    why,
    ended === undefined ? "" : `its last run ended: ${ended}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

function number(value: unknown): number {
  return typeof value === "number" ? value : Number.NaN;
}

import { type AgentError, hasCode, messageOf } from "../agent-error.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import { ERROR_CODE, hasErrorCode, isNoDomain, isOperationInvalid } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import type { Reading } from "../platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, type ResourceState } from "../resource-state.ts";
import type { Causes } from "./causes.ts";
import { type DomainWords, domainWords } from "./domain-words.ts";
import { emulatorOf, isSameEmulator } from "./emulator.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { DomainRef, DomainStateCode, Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";
import { type MigrationSide, needsMigrationSide, verdictOf } from "./state-table.ts";

/** libvirt answers a state in a tenth of a millisecond; after this long it is taken as hung for this reading. */
const ANSWER_MS = 5000;

/** A libvirtd that is being restarted is waited for this long. */
const SESSION_MS = 2000;

/** Job statistics ask the emulator, which may hang. */
const JOB_MS = 2000;

/** Source: libvirt-domain.h, VIR_DOMAIN_STATS_STATE and VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT. */
const STATE_WITHOUT_WAITING = { stats: 1, flags: 0x2000_0000 } as const;

/** Source: libvirt-domain.h, virDomainJobOperation. */
const OPERATION = { migrationIn: 4, migrationOut: 5 } as const;

export interface ReaderParts {
  readonly watch: Lane;
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
  async read(guest: string, signal: AbortSignal): Promise<Reading> {
    try {
      return await this.#ask(`reading guest ${guest}`, signal, (session, limit) =>
        this.#one(session, guest, limit),
      );
    } catch (error) {
      throwIfAborted(signal);
      const proof = hasCode(error, "PLATFORM_DOWN", "TIMED_OUT")
        ? await this.#byEmulator(guest, error)
        : undefined;
      if (proof === undefined) throw error;
      return proof;
    }
  }

  /** See Platform.readAll. */
  readAll(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    return this.#ask("reading all guests", signal, (session, limit) => this.all(session, guests, limit));
  }

  /** Reads many guests on a session that is not yet open to others. */
  async all(
    session: Hypervisor,
    guests: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Reading>> {
    const figures = await session.getAllDomainStats(STATE_WITHOUT_WAITING, { signal });
    const byName = new Map(figures.map((record) => [record.domain.name, record]));
    const readings = new Map<string, Reading>();
    for (const guest of guests) {
      const record = byName.get(guest);
      if (record === undefined) {
        readings.set(guest, this.#undefinedHere(guest));
        continue;
      }
      const code = {
        state: number(record.params.get("state.state")),
        reason: number(record.params.get("state.reason")),
      };
      readings.set(guest, await this.#reading(session, guest, record.domain, code, signal));
    }
    return readings;
  }

  /** Asks libvirt; a connection that breaks under the question is waited for and the question asked once more. */
  async #ask<T>(
    doing: string,
    signal: AbortSignal,
    question: (session: Hypervisor, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withDeadline(ANSWER_MS, `libvirt's answer (${doing})`, [signal], async (limit) => {
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
    try {
      const domain = await session.lookupByName(guest, { signal });
      const code = await session.getState(domain.uuid, { signal });
      return await this.#reading(session, guest, domain, code, signal);
    } catch (error) {
      if (isNoDomain(error)) return this.#undefinedHere(guest);
      throw error;
    }
  }

  async #reading(
    session: Hypervisor,
    guest: string,
    domain: DomainRef,
    code: DomainStateCode,
    signal: AbortSignal,
  ): Promise<Reading> {
    const words = domainWords(code.state, code.reason);
    const side = needsMigrationSide(words) ? await this.#side(session, guest, domain, signal) : "none";
    const verdict = verdictOf(words, side, this.#parts.settings().overrides);
    if (verdict.active === true) this.#parts.causes.seenActive(domain.uuid);
    await this.#remember(guest, domain, words);
    const ended = verdict.active === false ? this.#parts.causes.endOf(domain.uuid) : undefined;
    const reason = sentence(words, verdict.why, ended);
    if (verdict.alarming) this.#alarm(guest, words, reason);
    this.#parts.memories.of(guest).lastWords = words.text;
    return {
      state: this.#withPolicy(verdict.state, words, ended),
      reason,
      active: verdict.active,
      migrating: verdict.migrating,
      suspended: verdict.suspended,
      uuid: domain.uuid,
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
    memory.emulator = undefined;
    memory.unsureStart = false;
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
    memory.unsureStart = false;
    if (words.state !== "running" && words.state !== "idle") {
      memory.emulator = undefined;
      return;
    }
    if (memory.emulator?.uuid === domain.uuid && memory.runId === domain.id) return;
    memory.runId = domain.id;
    memory.emulator = await emulatorOf(this.#parts.settings().runDirectory, guest, domain.uuid);
  }

  /**
   * On the target of a migration libvirt refuses job statistics as unsupported (measured, 9.0.0). Where it does not
   * answer, the command line tells; it keeps `-incoming` for the emulator's life, so it is the last resort.
   */
  async #side(
    session: Hypervisor,
    guest: string,
    domain: DomainRef,
    signal: AbortSignal,
  ): Promise<MigrationSide> {
    try {
      const job = await session.getJobStats(domain.uuid, 0, { signal, timeoutMs: JOB_MS });
      const operation = job.type === 0 ? undefined : job.params.get("operation");
      if (operation === OPERATION.migrationOut) return "outgoing";
      return operation === OPERATION.migrationIn ? "incoming" : "none";
    } catch (error) {
      throwIfAborted(signal);
      if (hasErrorCode(error, ERROR_CODE.OPERATION_UNSUPPORTED)) return "incoming";
      if (isOperationInvalid(error)) return "none"; // it ended meanwhile
      const facts = await emulatorOf(this.#parts.settings().runDirectory, guest, domain.uuid);
      return facts?.incoming === true ? "incoming" : "none";
    }
  }

  /** libvirt does not answer: the process that last ran this guest proves it, or nothing does. */
  async #byEmulator(guest: string, error: AgentError): Promise<Reading | undefined> {
    const known = this.#parts.memories.of(guest).emulator;
    const facts = known === undefined ? undefined : await isSameEmulator(known);
    if (facts === undefined || facts.incoming) return undefined;
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

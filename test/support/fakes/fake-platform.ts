import { EventEmitter } from "eventemitter3";
import type { AgentError } from "../../../src/agent-error.ts";
import type { Attributes } from "../../../src/attributes.ts";
import type { Beats } from "../../../src/beat.ts";
import { pause } from "../../../src/deadline.ts";
import type { AskedMigration, MigrationEnd, MigrationPlan, Whereabouts } from "../../../src/migration.ts";
import type { PayloadFile } from "../../../src/payload-file.ts";
import type {
  AgentAnswer,
  AgentQuestion,
  Finding,
  GuestDefinition,
  Platform,
  PlatformEvents,
  Prepared,
  Reading,
  RecalledGuest,
  StopBudget,
} from "../../../src/platform.ts";
import { OFFLINE, online } from "../../../src/resource-state.ts";
import type { SavedMemory } from "../../../src/saved-memory.ts";

/** Methods of the platform that a test can replace. */
export interface Deeds {
  read(guest: string, signal: AbortSignal): Promise<Reading>;
  readAll(guests: readonly string[]): Promise<ReadonlyMap<string, Reading>>;
  prepare(attributes: Attributes, signal: AbortSignal): Promise<Prepared>;
  setPayload(): Promise<void>;
  start(guest: string, signal: AbortSignal): Promise<void>;
  takeDefinition(guest: string, signal: AbortSignal): Promise<GuestDefinition>;
  saveDefinition(
    attributes: Attributes,
    definition: GuestDefinition,
    signal: AbortSignal,
  ): Promise<"written" | "unchanged">;
  wake(guest: string, how: "paused" | "asleep", signal: AbortSignal): Promise<void>;
  requestShutdown(guest: string, signal: AbortSignal): Promise<void>;
  destroy(guest: string, budget: StopBudget, signal: AbortSignal): Promise<void>;
  proveStopped(guest: string, signal: AbortSignal): Promise<void>;
  migrate(guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd>;
  whereIs(guest: string, known: Whereabouts, signal: AbortSignal): Promise<MigrationEnd | undefined>;
  abortOverdue(guest: string, known: Whereabouts & { readonly asked: AskedMigration }): Promise<boolean>;
  refuseIfElsewhere(guest: string, signal: AbortSignal): Promise<void>;
  askAgent(guest: string, question: AgentQuestion, signal: AbortSignal): Promise<AgentAnswer>;
  resumeStalled(guest: string, signal: AbortSignal): Promise<boolean>;
}

/** A reading with its usual values, changed where a test says so. */
export function aReading(changes: Partial<Reading> = {}): Reading {
  return {
    state: OFFLINE,
    reason: "told by the test",
    active: false,
    migrating: false,
    moved: undefined,
    suspended: undefined,
    uuid: undefined,
    source: "platform",
    ended: undefined,
    saved: "no",
    ...changes,
  };
}

export const RUNNING: Reading = aReading({ state: online(100), active: true });
export const STOPPED: Reading = aReading();

/** A platform that answers as it is told and remembers what it was asked. */
export class FakePlatform implements Platform {
  readonly events = new EventEmitter<PlatformEvents>();
  /** `start web1`, `destroy web1 27000`, in the order of the calls; `nextChange` is left out. */
  readonly calls: string[] = [];
  /** A guest that is not in it is stopped. */
  readonly readings = new Map<string, Reading>();
  readonly deeds: Partial<Deeds> = {};
  /** What every reading fails with while set. */
  trouble: AgentError | undefined;
  /** What guests were given for their next starts. */
  readonly payloads: (PayloadFile | undefined)[] = [];
  findings: readonly Finding[] = [];
  /** The memory that lies saved of every guest. */
  memory: SavedMemory | undefined;

  run(_: Beats, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  async read(guest: string, signal: AbortSignal): Promise<Reading> {
    this.calls.push(`read ${guest}`);
    if (this.trouble !== undefined) throw this.trouble;
    return this.deeds.read?.(guest, signal) ?? this.readings.get(guest) ?? STOPPED;
  }

  async readAll(guests: readonly string[]): Promise<ReadonlyMap<string, Reading>> {
    this.calls.push(`readAll ${guests.join(" ")}`);
    if (this.trouble !== undefined) throw this.trouble;
    if (this.deeds.readAll !== undefined) return this.deeds.readAll(guests);
    return new Map(guests.map((guest) => [guest, this.readings.get(guest) ?? STOPPED]));
  }

  async nextChange(guest: string, maxMs: number, signal: AbortSignal): Promise<void> {
    const either = new AbortController();
    const wake = (changed: string) => {
      if (changed === guest) either.abort();
    };
    const end = () => either.abort();
    this.events.on("changed", wake);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    await pause(maxMs, either.signal);
    signal.removeEventListener("abort", end);
    this.events.off("changed", wake);
  }

  async prepare(attributes: Attributes, signal: AbortSignal): Promise<Prepared> {
    this.calls.push(`prepare ${attributes.guestName}`);
    return (await this.deeds.prepare?.(attributes, signal)) ?? { resynced: false };
  }

  async setPayload(attributes: Attributes, payload: PayloadFile | undefined): Promise<void> {
    this.payloads.push(payload);
    this.calls.push(`setPayload ${attributes.guestName} ${payload?.name ?? "none"}`);
    await this.deeds.setPayload?.();
  }

  savedMemory(): Promise<SavedMemory | undefined> {
    return Promise.resolve(this.memory);
  }

  async restore(guest: string, signal: AbortSignal): Promise<void> {
    this.calls.push(`restore ${guest}`);
    await this.deeds.start?.(guest, signal);
  }

  async start(guest: string, signal: AbortSignal): Promise<void> {
    this.calls.push(`start ${guest}`);
    await this.deeds.start?.(guest, signal);
  }

  async wake(guest: string, how: "paused" | "asleep", signal: AbortSignal): Promise<void> {
    this.calls.push(`wake ${guest} ${how}`);
    await this.deeds.wake?.(guest, how, signal);
  }

  async requestShutdown(guest: string, signal: AbortSignal): Promise<void> {
    this.calls.push(`requestShutdown ${guest}`);
    await this.deeds.requestShutdown?.(guest, signal);
  }

  withdrawStop(guest: string): void {
    this.calls.push(`withdrawStop ${guest}`);
  }

  async destroy(guest: string, budget: StopBudget, signal: AbortSignal): Promise<void> {
    this.calls.push(`destroy ${guest} ${budget.patienceMs}`);
    await this.deeds.destroy?.(guest, budget, signal);
  }

  async takeDefinition(guest: string, signal: AbortSignal): Promise<GuestDefinition> {
    this.calls.push(`takeDefinition ${guest}`);
    return this.deeds.takeDefinition?.(guest, signal) ?? { text: `definition of ${guest}`, active: true };
  }

  async saveDefinition(
    attributes: Attributes,
    definition: GuestDefinition,
    signal: AbortSignal,
  ): Promise<"written" | "unchanged"> {
    this.calls.push(`saveDefinition ${attributes.syncDir}/${attributes.guestName}`);
    return this.deeds.saveDefinition?.(attributes, definition, signal) ?? "written";
  }

  async proveStopped(guest: string, signal: AbortSignal): Promise<void> {
    this.calls.push(`proveStopped ${guest}`);
    await this.deeds.proveStopped?.(guest, signal);
  }

  async migrate(guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd> {
    this.calls.push(`migrate ${guest} ${plan.target}`);
    return this.deeds.migrate?.(guest, plan, signal) ?? { kind: "moved", why: "told by the test" };
  }

  async whereIs(guest: string, known: Whereabouts, signal: AbortSignal): Promise<MigrationEnd | undefined> {
    this.calls.push(`whereIs ${guest} ${known.peer ?? "anywhere"}`);
    if (this.deeds.whereIs !== undefined) return this.deeds.whereIs(guest, known, signal);
    return { kind: "stayed", why: "told by the test" };
  }

  async abortOverdue(
    guest: string,
    known: Whereabouts & { readonly asked: AskedMigration },
  ): Promise<boolean> {
    this.calls.push(`abortOverdue ${guest}`);
    return this.deeds.abortOverdue?.(guest, known) ?? true;
  }

  async refuseIfElsewhere(guest: string, signal: AbortSignal): Promise<void> {
    this.calls.push(`refuseIfElsewhere ${guest}`);
    await this.deeds.refuseIfElsewhere?.(guest, signal);
  }

  async askAgent(guest: string, question: AgentQuestion, signal: AbortSignal): Promise<AgentAnswer> {
    this.calls.push(`askAgent ${guest}${question.wantsHostName ? " for its name" : ""}`);
    return this.deeds.askAgent?.(guest, question, signal) ?? { kind: "not available" };
  }

  async resumeStalled(guest: string, signal: AbortSignal): Promise<boolean> {
    this.calls.push(`resumeStalled ${guest}`);
    return this.deeds.resumeStalled?.(guest, signal) ?? false;
  }

  async claim(guest: string): Promise<void> {
    this.calls.push(`claim ${guest}`);
  }

  async validate(attributes: Attributes): Promise<readonly Finding[]> {
    this.calls.push(`validate ${attributes.guestName}`);
    return this.findings;
  }

  recall(guest: string, { uuid }: RecalledGuest): void {
    this.calls.push(`recall ${guest} ${uuid ?? "without UUID"}`);
  }

  forget(guest: string): void {
    this.calls.push(`forget ${guest}`);
  }

  /** How often a call was made, by its first words. */
  count(call: string): number {
    return this.calls.filter((made) => made === call || made.startsWith(`${call} `)).length;
  }
}

import { EventEmitter } from "eventemitter3";
import { type Attributes, type Environment, environmentOf } from "../../src/attributes.ts";
import type { Beats } from "../../src/beat.ts";
import type { AskedMigration, MigrationEnd, MigrationPlan, Whereabouts } from "../../src/migration.ts";
import type { PayloadFile } from "../../src/payload-file.ts";
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
} from "../../src/platform.ts";
import type { SavedMemory } from "../../src/saved-memory.ts";

export interface EnvironmentParts {
  readonly platforms: Readonly<Record<Environment, Platform>>;
  /** The environment in which a guest is kept. */
  readonly environmentOf: (guest: string) => Environment;
}

/** All environments as one platform: what is asked of a guest is asked of the platform that keeps it. */
export class PlatformByEnvironment implements Platform {
  readonly events = new EventEmitter<PlatformEvents>();
  readonly #parts: EnvironmentParts;

  constructor(parts: EnvironmentParts) {
    this.#parts = parts;
    for (const platform of this.#all()) {
      platform.events.on("changed", (guest) => this.events.emit("changed", guest));
      platform.events.on("started", (guest) => this.events.emit("started", guest));
      platform.events.on("connected", (source) => this.events.emit("connected", source));
      platform.events.on("lost", (source, reason) => this.events.emit("lost", source, reason));
      platform.events.on("dropped", (source) => this.events.emit("dropped", source));
      platform.events.on("requested", (source, outcome) => this.events.emit("requested", source, outcome));
    }
  }

  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all().map((platform) => platform.run(beats, signal)));
  }

  read(guest: string, signal: AbortSignal, patienceMs?: number): Promise<Reading> {
    return this.#of(guest).read(guest, signal, patienceMs);
  }

  /** One environment that cannot be read hides the guests of no other; it tells of its trouble itself. */
  async readAll(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    const reads = this.#all()
      .map((platform) => ({ platform, its: guests.filter((guest) => this.#of(guest) === platform) }))
      .filter(({ its }) => its.length > 0)
      .map(({ platform, its }) => platform.readAll(its, signal));
    const results = await Promise.allSettled(reads);
    const failed = results.filter((result) => result.status === "rejected");
    if (failed[0] !== undefined && failed.length === results.length) throw failed[0].reason;
    return new Map(results.flatMap((result) => (result.status === "fulfilled" ? [...result.value] : [])));
  }

  nextChange(guest: string, maxMs: number, signal: AbortSignal): Promise<void> {
    return this.#of(guest).nextChange(guest, maxMs, signal);
  }

  prepare(attributes: Attributes, signal: AbortSignal): Promise<Prepared> {
    return this.#for(attributes).prepare(attributes, signal);
  }

  setPayload(attributes: Attributes, payload: PayloadFile | undefined, signal: AbortSignal): Promise<void> {
    return this.#for(attributes).setPayload(attributes, payload, signal);
  }

  savedMemory(guest: string, signal: AbortSignal): Promise<SavedMemory | undefined> {
    return this.#of(guest).savedMemory(guest, signal);
  }

  start(guest: string, signal: AbortSignal): Promise<void> {
    return this.#of(guest).start(guest, signal);
  }

  restore(guest: string, signal: AbortSignal): Promise<void> {
    return this.#of(guest).restore(guest, signal);
  }

  wake(guest: string, how: "paused" | "asleep", signal: AbortSignal): Promise<void> {
    return this.#of(guest).wake(guest, how, signal);
  }

  requestShutdown(guest: string, signal: AbortSignal): Promise<void> {
    return this.#of(guest).requestShutdown(guest, signal);
  }

  withdrawStop(guest: string): void {
    this.#of(guest).withdrawStop(guest);
  }

  destroy(guest: string, budget: StopBudget, signal: AbortSignal): Promise<void> {
    return this.#of(guest).destroy(guest, budget, signal);
  }

  takeDefinition(guest: string, signal: AbortSignal): Promise<GuestDefinition> {
    return this.#of(guest).takeDefinition(guest, signal);
  }

  saveDefinition(
    attributes: Attributes,
    definition: GuestDefinition,
    signal: AbortSignal,
  ): Promise<"written" | "unchanged"> {
    return this.#for(attributes).saveDefinition(attributes, definition, signal);
  }

  proveStopped(guest: string, signal: AbortSignal): Promise<void> {
    return this.#of(guest).proveStopped(guest, signal);
  }

  migrate(guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd> {
    return this.#of(guest).migrate(guest, plan, signal);
  }

  whereIs(guest: string, known: Whereabouts, signal: AbortSignal): Promise<MigrationEnd | undefined> {
    return this.#of(guest).whereIs(guest, known, signal);
  }

  abortOverdue(
    guest: string,
    known: Whereabouts & { readonly asked: AskedMigration },
    signal: AbortSignal,
  ): Promise<boolean> {
    return this.#of(guest).abortOverdue(guest, known, signal);
  }

  refuseIfElsewhere(guest: string, signal: AbortSignal): Promise<void> {
    return this.#of(guest).refuseIfElsewhere(guest, signal);
  }

  askAgent(guest: string, question: AgentQuestion, signal: AbortSignal): Promise<AgentAnswer> {
    return this.#of(guest).askAgent(guest, question, signal);
  }

  resumeStalled(guest: string, signal: AbortSignal): Promise<boolean> {
    return this.#of(guest).resumeStalled(guest, signal);
  }

  claim(guest: string, signal: AbortSignal): Promise<void> {
    return this.#of(guest).claim(guest, signal);
  }

  validate(attributes: Attributes, signal: AbortSignal): Promise<readonly Finding[]> {
    return this.#for(attributes).validate(attributes, signal);
  }

  recall(guest: string, known: RecalledGuest): void {
    this.#of(guest).recall(guest, known);
  }

  /** The guest may have been kept in another environment before. */
  forget(guest: string): void {
    for (const platform of this.#all()) platform.forget(guest);
  }

  #all(): readonly Platform[] {
    return Object.values(this.#parts.platforms);
  }

  #of(guest: string): Platform {
    return this.#parts.platforms[this.#parts.environmentOf(guest)];
  }

  #for(attributes: Attributes): Platform {
    return this.#parts.platforms[environmentOf(attributes)];
  }
}

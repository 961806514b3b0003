import { EventEmitter } from "eventemitter3";
import { AgentError } from "../../../src/agent-error.ts";
import { orAbort, pause, throwIfAborted } from "../../../src/deadline.ts";
import type { MigrationEnd, MigrationPlan } from "../../../src/migration.ts";
import type {
  AgentAnswer,
  Finding,
  GuestDefinition,
  Platform,
  PlatformEvents,
  Prepared,
  Reading,
  StopBudget,
} from "../../../src/platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online } from "../../../src/resource-state.ts";
import { aReading, STOPPED } from "./fake-platform.ts";
import { type MigrationCourse, ModelMigration } from "./model-migration.ts";

const NEVER = new AbortController().signal;

/** What the hypervisor makes of a live guest: well, failed by policy, suspended by somebody, or lost from its sight. */
export type Mood = "well" | "failed" | "suspended" | "lost";

/** How the modelled guest and its hypervisor behave. */
export interface ModelPlan {
  readonly startMs: number;
  /** Whether the first, second, ... start fails; beyond the list none does. */
  readonly startFails: readonly boolean[];
  /** undefined: the guest ignores every request */
  readonly shutdownMs: number | undefined;
  readonly destroyMs: number;
  readonly mood: Mood;
  /** Without it the guest has nowhere to go. */
  readonly migration?: MigrationCourse;
}

const NOWHERE: MigrationCourse = { transferMs: 0, handOverMs: 0, failures: [], takesOver: false };

const READINGS: Readonly<Record<Mood, Reading>> = {
  well: aReading({ state: online(100), active: true }),
  failed: aReading({ state: OFFLINE, active: true }),
  suspended: aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" }),
  lost: STOPPED,
};

/** A platform over one modelled guest that knows the truth and every breach of the port's contract. */
export class ModelPlatform implements Platform {
  readonly events = new EventEmitter<PlatformEvents>();
  /** What must never be, as it was seen. */
  readonly breaches: string[] = [];
  isAway = false;
  mood: Mood = "well";
  /** The agent inside the live guest has fallen silent, and that is a fault. */
  isSilent = false;
  /** Somebody stops the guest: from the first request of it until it is gone or an operation starts it. */
  isBeingStopped = false;
  /** Whether an emulator lives, and since which change: a reading can be told to be older. */
  isAlive = false;
  changes = 0;
  startsInFlight = 0;
  /** Counts the times that it came to life here. */
  runs = 0;
  readonly migration: ModelMigration;
  readonly #plan: ModelPlan;
  readonly #turn: () => Promise<void>;
  #starts = 0;
  #pendingStart: Promise<void> | undefined;
  #isStarting = false;
  #isDestroying = false;

  /** @param turn is awaited before each step of an answer: whoever calls first need not be answered first */
  constructor(plan: ModelPlan, turn: () => Promise<void>) {
    this.#plan = plan;
    this.#turn = turn;
    this.migration = new ModelMigration(plan.migration ?? NOWHERE, {
      isAlive: () => this.isAlive,
      isStarting: () => this.startsInFlight > 0 || this.#isStarting,
      arrive: () => this.#appear("well"),
      leave: () => this.#disappear(),
      tell: () => this.#changed(),
    });
  }

  /** True while nothing lives and no start that was asked can bring anything to life. */
  get isSurelyStopped(): boolean {
    return !this.isAlive && this.startsInFlight === 0 && !this.migration.receives;
  }

  run(): Promise<void> {
    return Promise.resolve();
  }

  async read(_guest: string, signal: AbortSignal): Promise<Reading> {
    await this.#reach(signal);
    const reading = this.migration.reading(this.mood === "well") ?? this.#plainReading();
    await orAbort(this.#turn(), signal);
    return reading;
  }

  async readAll(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    const reading = await this.read("", signal);
    return new Map(guests.map((guest) => [guest, reading]));
  }

  nextChange(_guest: string, maxMs: number, signal: AbortSignal): Promise<void> {
    const either = new AbortController();
    const wake = () => either.abort();
    this.events.once("changed", wake);
    signal.addEventListener("abort", wake, { once: true });
    if (signal.aborted) wake();
    return pause(maxMs, either.signal).finally(() => {
      this.events.off("changed", wake);
      signal.removeEventListener("abort", wake);
    });
  }

  async prepare(_attributes: object, signal: AbortSignal): Promise<Prepared> {
    await this.#reach(signal);
    return { resynced: false };
  }

  async setPayload(_attributes: object, _payload: object | undefined, signal: AbortSignal): Promise<void> {
    await this.#reach(signal);
  }

  async savedMemory(_guest: string, signal: AbortSignal): Promise<undefined> {
    await this.#reach(signal);
  }

  async takeDefinition(_guest: string, signal: AbortSignal): Promise<GuestDefinition> {
    await this.#reach(signal);
    return { text: "<domain/>", active: this.isAlive };
  }

  async saveDefinition(
    _attributes: object,
    _definition: GuestDefinition,
    signal: AbortSignal,
  ): Promise<"written"> {
    if (this.isAlive) this.breaches.push("a definition is copied before the guest is stopped");
    await this.#reach(signal);
    return "written";
  }

  restore(guest: string, signal: AbortSignal): Promise<void> {
    return this.start(guest, signal);
  }

  async start(_guest: string, signal: AbortSignal): Promise<void> {
    if (this.#isStarting) this.breaches.push("two operations start the guest");
    if (this.#isDestroying) this.breaches.push("a start begins while the guest is being destroyed");
    this.#isStarting = true;
    try {
      this.#pendingStart ??= this.#create(signal);
      await orAbort(this.#pendingStart, signal);
    } finally {
      this.#isStarting = false;
    }
  }

  async wake(_guest: string, _how: "paused" | "asleep", signal: AbortSignal): Promise<void> {
    await this.#reach(signal);
    this.mood = "well";
    this.#changed();
  }

  async requestShutdown(_guest: string, signal: AbortSignal): Promise<void> {
    this.isBeingStopped = this.isAlive;
    await this.#reach(signal);
    const { shutdownMs } = this.#plan;
    if (shutdownMs !== undefined) setTimeout(() => this.die(), shutdownMs);
  }

  withdrawStop(): void {
    // causes are not modelled
  }

  async destroy(_guest: string, { patienceMs }: StopBudget, signal: AbortSignal): Promise<void> {
    if (this.#isDestroying) this.breaches.push("two operations destroy the guest");
    if (this.#isStarting) this.breaches.push("the guest is being destroyed while an operation starts it");
    this.#isDestroying = true;
    this.isBeingStopped = this.isAlive;
    try {
      const patience = pause(patienceMs, signal);
      await Promise.race([this.#pendingStart?.catch(() => undefined), patience]);
      await (this.isAway ? patience : pause(Math.min(this.#plan.destroyMs, patienceMs), signal));
      throwIfAborted(signal);
      this.die();
      await orAbort(this.#turn(), signal);
      if (!this.isSurelyStopped) throw new AgentError("STILL_RUNNING", "the guest may start yet");
    } finally {
      this.#isDestroying = false;
    }
  }

  async proveStopped(): Promise<void> {
    await this.#turn();
    if (this.isAlive) throw new AgentError("STILL_RUNNING", "its emulator still exists");
  }

  async migrate(_guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd> {
    if (this.#plan.migration === undefined) throw new AgentError("REFUSED", "it has nowhere to go");
    await this.#reach(signal);
    return this.migration.migrate(plan, signal);
  }

  async whereIs(_guest: string, _known: object, signal: AbortSignal): Promise<MigrationEnd | undefined> {
    await orAbort(this.#turn(), signal);
    if (this.isAway) return { kind: "doubtful", why: "libvirt is away" };
    return this.migration.whereIs();
  }

  async abortOverdue(): Promise<boolean> {
    return this.migration.abort();
  }

  async refuseIfElsewhere(_guest: string, signal: AbortSignal): Promise<void> {
    await this.#reach(signal);
    const { isPeerAway, livesThere } = this.migration;
    if (livesThere || isPeerAway) throw new AgentError("REFUSED", "it may be active on the other host");
  }

  askAgent(): Promise<AgentAnswer> {
    return Promise.resolve({ kind: "not available" });
  }

  resumeStalled(): Promise<boolean> {
    return Promise.resolve(false);
  }

  claim(): Promise<void> {
    return Promise.resolve();
  }

  validate(): Promise<readonly Finding[]> {
    return Promise.resolve([]);
  }

  recall(): void {
    // nothing is remembered here
  }

  forget(): void {
    // nothing is remembered here
  }

  /** The emulator ends, by whatever hand. */
  die(): void {
    if (this.migration.receives) this.migration.endReceiving();
    else if (!this.isAlive) return;
    else this.migration.ended();
    this.#disappear();
  }

  /** The hypervisor takes another view of the guest. */
  become(mood: Mood): void {
    this.mood = mood;
    this.#changed();
  }

  /** What was asked of libvirt happens, also after the asker has given up. */
  async #create(signal: AbortSignal): Promise<void> {
    try {
      await this.#reach(signal);
      this.startsInFlight += 1;
      if (this.startsInFlight > 1) this.breaches.push("two starts are in flight");
      await this.#turn();
      // libvirt refuses to start what runs, which is no failure of the start
      const runsAlready = this.isAlive || this.migration.receives;
      if (!runsAlready) await pause(this.#plan.startMs, NEVER);
      this.startsInFlight -= 1;
      if (runsAlready) return;
      this.#starts += 1;
      if (this.#plan.startFails[this.#starts - 1] === true) throw new AgentError("REFUSED", "no memory");
      if (this.isAlive) this.breaches.push("a running guest is started");
      if (this.migration.livesThere) this.breaches.push("a guest is started that lives on the other host");
      this.migration.started();
      this.#appear(this.#plan.mood);
    } finally {
      this.#pendingStart = undefined;
    }
  }

  #plainReading(): Reading {
    return this.isAlive ? READINGS[this.mood] : STOPPED;
  }

  #appear(mood: Mood): void {
    if (this.isAlive) this.breaches.push("the guest runs twice on this host");
    this.isAlive = true;
    this.runs += 1;
    this.mood = mood;
    this.#changed();
  }

  #disappear(): void {
    this.isAlive = false;
    this.isSilent = false;
    this.isBeingStopped = false;
    this.#changed();
  }

  async #reach(signal: AbortSignal): Promise<void> {
    await orAbort(this.#turn(), signal);
    if (!this.isAway) return;
    await pause(2000, signal);
    throwIfAborted(signal);
    throw new AgentError("PLATFORM_DOWN", "libvirt is away");
  }

  #changed(): void {
    this.changes += 1;
    this.events.emit("changed", "web1");
  }
}

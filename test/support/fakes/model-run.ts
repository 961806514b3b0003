import { setMaxListeners } from "node:events";
import type { Scheduler } from "fast-check";
import { vi } from "vitest";
import { Dispatcher } from "../../../daemon/dispatcher.ts";
import { Follower } from "../../../daemon/follower.ts";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { Prober } from "../../../daemon/prober.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import { factSources } from "./fact-sources.ts";
import { FakeEngine } from "./fake-engine.ts";
import { MemoryStore } from "./memory-store.ts";
import { type ModelPlan, ModelPlatform, type Mood } from "./model-platform.ts";
import { type LogEntry, RecordingLog } from "./recording-log.ts";
import { requestArguments } from "./resources.ts";
import { VirtualClock } from "./virtual-clock.ts";

type EntryPointName = "monitor" | "online" | "offline" | "clean";

/** What the engine, the shim, the guest and libvirt do, and when. */
export type Happening =
  | {
      readonly kind: "request";
      readonly atMs: number;
      readonly name: EntryPointName;
      readonly timeoutS: number;
      /** The shim is killed this long after it asked; undefined: never. */
      readonly shimGoneMs: number | undefined;
    }
  | { readonly kind: "guest dies"; readonly atMs: number }
  | { readonly kind: "agent falls silent"; readonly atMs: number }
  | { readonly kind: "guest becomes"; readonly atMs: number; readonly mood: Mood }
  | { readonly kind: "libvirt away"; readonly atMs: number; readonly forMs: number };

const RESOURCE = "web1_res";
const OFFLINE_CODES = new Set([100, 200]);

/** The engine asks more often than a real one would, so that it asks at the wrong moments. */
const MONITOR_EVERY_MS = 1500;

/** The daemon's margin: its answer is on its way before the framework kills, and never later than this. */
const LATE_MS = 50;

/** One run of the product over a modelled guest: every breach of an invariant is noted in words. */
export class ModelRun {
  readonly breaches: string[] = [];
  readonly #clock = new VirtualClock();
  readonly #ending = new AbortController();
  readonly #platform: ModelPlatform;
  readonly #book: ResourceBook;
  readonly #dispatcher: Dispatcher;
  readonly #follower: Follower;
  readonly #scheduler: Scheduler;
  readonly #dice: readonly boolean[];
  #open = 0;
  #onlines = 0;
  /** In peace libvirt answers before time passes. */
  #isPeace = false;

  constructor(plan: ModelPlan, scheduler: Scheduler, dice: readonly boolean[]) {
    this.#scheduler = scheduler;
    setMaxListeners(0, this.#ending.signal);
    this.#dice = dice;
    const log = new RecordingLog((entry) => this.#hear(entry));
    const engine = new FakeEngine();
    engine.onProbe = async () => void this.#request("monitor", 60, undefined);
    this.#platform = new ModelPlatform(plan, () => scheduler.schedule(Promise.resolve()));
    this.#book = new ResourceBook(new MemoryStore(), log);
    const prober = new Prober(engine, log, this.#ending.signal);
    const platform = this.#platform;
    const facts = factSources({ engine, log, signal: this.#ending.signal });
    const parts = { platform, book: this.#book, ...facts };
    this.#follower = new Follower({ ...parts, prober, intervalMs: () => 5000, log });
    const look = (guest: string) => void this.#follower.look(guest, this.#ending.signal);
    const told = (resource: string, code: number) => prober.told(resource, code);
    const queue = new GuestQueue();
    this.#dispatcher = new Dispatcher(
      { ...parts, engine, queue, systems: { own: () => "node1", siteOf: () => undefined }, look, told },
      log,
      this.#ending.signal,
    );
  }

  /** Plays all happenings to their end, then asks once more what became of the guest. */
  async play(happenings: readonly Happening[]): Promise<void> {
    try {
      void this.#follower.run(this.#ending.signal);
      for (const happening of happenings) setTimeout(() => this.#happen(happening), happening.atMs);
      for (let at = 0; at < 90_000; at += MONITOR_EVERY_MS) {
        setTimeout(() => void this.#request("monitor", 60, undefined), at);
      }
      await this.#until(() => this.#clock.now > 120_000 && this.#open === 0);
      await this.#proveRest();
    } finally {
      this.#ending.abort(new Error("the daemon ends"));
      await this.#drain();
      this.#clock.stop();
    }
    this.breaches.push(...this.#platform.breaches);
  }

  #happen(happening: Happening): void {
    switch (happening.kind) {
      case "request":
        void this.#request(happening.name, happening.timeoutS, happening.shimGoneMs);
        return;
      case "guest dies":
        this.#platform.die();
        return;
      case "agent falls silent":
        this.#loseHeartbeat();
        return;
      case "guest becomes":
        this.#platform.become(happening.mood);
        return;
      case "libvirt away":
        this.#platform.isAway = true;
        setTimeout(() => {
          this.#platform.isAway = false;
        }, happening.forMs);
    }
  }

  /** As the heartbeats do it: never while an operation works on the guest. */
  #loseHeartbeat(): void {
    const record = this.#book.get(RESOURCE);
    if (record === undefined || record.operation !== undefined) return;
    if (!this.#platform.isAlive || record.registration.stopping) return;
    record.heartbeat = { phase: "lost", run: 1, misses: 3, silentMs: 60_000 };
    this.#platform.isSilent = true;
    void this.#follower.look("web1", this.#ending.signal);
  }

  async #request(name: EntryPointName, timeoutS: number, shimGoneMs: number | undefined): Promise<number> {
    this.#open += 1;
    // an online that was asked may take its turn at any time, and with it the stop is over
    if (name === "online") this.#onlines += 1;
    const shim = new AbortController();
    if (shimGoneMs !== undefined) setTimeout(() => shim.abort(new Error("killed")), shimGoneMs);
    const since = this.#clock.now;
    const before = { wasAlive: this.#platform.isAlive, changes: this.#platform.changes };
    const args = requestArguments(
      RESOURCE,
      { GuestName: "web1", SyncDir: "/sync", CEInfo: ["Enabled", "1"] },
      { timeoutS, ...(name === "clean" ? { reason: 1 } : {}) },
    );
    const { exitCode } = await this.#dispatcher.handle({
      kind: "entry-point",
      name,
      args,
      signal: shim.signal,
    });
    this.#open -= 1;
    if (name === "online") this.#platform.isBeingStopped = false;
    if (name === "online") this.#onlines -= 1;
    const tookMs = this.#clock.now - since;
    if (tookMs > timeoutS * 1000 - LATE_MS) this.breaches.push(`${name} took ${tookMs} of ${timeoutS} s`);
    if (name === "monitor") this.#weighMonitor(exitCode, before);
    return exitCode;
  }

  /** The answer is weighed against the truth of the moment: every change sends an event, which overtakes it. */
  #weighMonitor(exitCode: number, before: { readonly wasAlive: boolean; readonly changes: number }): void {
    const { changes, isAlive, isBeingStopped, isSilent, mood } = this.#platform;
    const isHidden = isAlive && OFFLINE_CODES.has(exitCode);
    if (exitCode > 100 && exitCode < 200 && !isAlive)
      this.breaches.push(`a stopped guest is told as ${exitCode}`);
    if (isHidden && mood === "well" && !isSilent)
      this.breaches.push(`a running guest is told as ${exitCode}`);
    const livedOn = before.wasAlive && changes === before.changes;
    if (isHidden && livedOn && isBeingStopped && this.#onlines === 0) {
      this.breaches.push(`a live emulator is hidden by ${exitCode} during a stop`);
    }
  }

  /** Hears the product at the moment at which it says that a guest is stopped. */
  #hear({ level, message, fields }: LogEntry): void {
    if (message === "guest is proved gone" && !this.#platform.isSurelyStopped) {
      this.breaches.push("clean succeeds while the guest lives or may yet start");
    }
    if (message === "entry point ended" && fields["stopped"] === true && fields["entryPoint"] === "offline") {
      if (this.#platform.isAlive) this.breaches.push("offline calls a live guest stopped");
    }
    if (level === "error" && message.includes("nobody foresaw")) {
      this.breaches.push(`${message}: ${String(fields["err"])}`);
    }
  }

  /** Nothing is left over: the queue is free, and monitor tells the truth. */
  async #proveRest(): Promise<void> {
    this.#isPeace = true;
    await this.#until(() => this.#platform.startsInFlight === 0);
    const asked = { isOver: false };
    void this.#askInPeace().finally(() => {
      asked.isOver = true;
    });
    await this.#until(() => asked.isOver);
  }

  async #askInPeace(): Promise<void> {
    const cleaned = await this.#request("clean", 60, undefined);
    if (cleaned !== 0) this.breaches.push(`a clean in peace fails with ${cleaned}`);
    const told = await this.#request("monitor", 60, undefined);
    if (told !== 100) this.breaches.push(`after a clean in peace the guest is told as ${told}`);
  }

  /** One step at a time: what waits for its turn goes on, or time passes; the dice decide. */
  async #until(isOver: () => boolean): Promise<void> {
    for (let step = 0; !isOver(); step++) {
      if (step > 20_000) throw new Error("the run does not end");
      const timePasses =
        this.#scheduler.count() === 0 || (!this.#isPeace && this.#dice[step % this.#dice.length] === true);
      if (timePasses && vi.getTimerCount() > 0) vi.advanceTimersToNextTimer();
      else await this.#scheduler.waitOne();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #drain(): Promise<void> {
    await this.#scheduler.waitIdle();
    await this.#clock.settle();
  }
}

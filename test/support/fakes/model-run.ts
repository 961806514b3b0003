import type { Scheduler } from "fast-check";
import { vi } from "vitest";
import { pause } from "../../../src/deadline.ts";
import { FakeEngine } from "./fake-engine.ts";
import { ModelDaemon } from "./model-daemon.ts";
import { type ModelPlan, ModelPlatform, type Mood } from "./model-platform.ts";
import { type LogEntry, RecordingLog } from "./recording-log.ts";
import { requestArguments } from "./resources.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The entry points that the model's engine runs. */
export type RequestName = "monitor" | "online" | "offline" | "clean" | "migrate";

/** What the engine, the shim, the guest and libvirt do, and when. */
export type Happening =
  | {
      readonly kind: "request";
      readonly atMs: number;
      readonly name: RequestName;
      readonly timeoutS: number;
      /** The shim is killed this long after it asked; undefined: never. */
      readonly shimGoneMs: number | undefined;
    }
  | { readonly kind: "guest dies"; readonly atMs: number }
  | { readonly kind: "agent falls silent"; readonly atMs: number }
  | { readonly kind: "guest becomes"; readonly atMs: number; readonly mood: Mood }
  | { readonly kind: "libvirt away"; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "daemon restarts"; readonly atMs: number }
  | MigrationHappening;

type MigrationHappening =
  | { readonly kind: "peer away" | "online there"; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "goes by hand" | "comes by hand" | "dies there"; readonly atMs: number };

const RESOURCE = "web1_res";
const OFFLINE_CODES = new Set([100, 200]);

/** The engine asks more often than a real one would, so that it asks at the wrong moments. */
const MONITOR_EVERY_MS = 1500;

/** So long counts that the engine brought it online here. */
const BROUGHT_MS = 10_000;

/** So long must one be that the engine has ONLINE elsewhere. */
const HELD_BACK_MS = 9900;

/** So long may a guest that has come be told as OFFLINE: the wait itself, and how slowly things are read here. */
const ARRIVAL_MS = 30_000;

/** So long after peace both ends of each migration have been read. */
const DECIDED_MS = 40_000;

/** A monitor under which so much changes, or that takes so long, is overtaken again and again; its answer may be old. */
const OVERTAKEN = { changes: 4, ms: 5000 } as const;

/** The daemon's margin: its answer is on its way before the framework kills, and never later than this. */
const LATE_MS = 50;

/** One run of the product over a modelled guest: every breach of an invariant is noted in words. */
export class ModelRun {
  readonly breaches: string[] = [];
  /** What happened and was said, with its time. */
  readonly story: string[] = [];
  readonly #clock = new VirtualClock();
  readonly #engine = new FakeEngine();
  readonly #platform: ModelPlatform;
  readonly #daemon: ModelDaemon;
  readonly #migrates: boolean;
  readonly #scheduler: Scheduler;
  readonly #dice: readonly boolean[];
  #open = 0;
  #onlines = 0;
  #restartedAtMs = 0;
  /** When libvirt answered again. */
  #backAtMs = 0;
  /** Since when the engine has it ONLINE on the other host. */
  #onlineThereSinceMs: number | undefined;
  #onlineEndedMs = 0;
  /** What the engine was told last that was no UNKNOWN. */
  #knownOnline = false;
  #stopAskedMs = 0;
  /** The run of the guest in which the engine was told ONLINE last. */
  #toldOnline = -1;
  /** In peace libvirt answers before time passes. */
  #isPeace = false;

  constructor(plan: ModelPlan, scheduler: Scheduler, dice: readonly boolean[]) {
    this.#scheduler = scheduler;
    this.#dice = dice;
    this.#migrates = plan.migration !== undefined;
    const log = new RecordingLog((entry) => this.#hear(entry));
    this.#engine.onProbe = async () => void this.#request("monitor", 60, undefined);
    this.#platform = new ModelPlatform(plan, () => scheduler.schedule(Promise.resolve()));
    this.#daemon = new ModelDaemon({ platform: this.#platform, engine: this.#engine, log });
  }

  /** Plays all happenings to their end, then asks once more what became of the guest. */
  async play(happenings: readonly Happening[]): Promise<void> {
    try {
      for (const happening of happenings) setTimeout(() => this.#happen(happening), happening.atMs);
      for (let at = 0; at < 90_000; at += MONITOR_EVERY_MS) {
        setTimeout(() => void this.#request("monitor", 60, undefined), at);
      }
      await this.#until(() => this.#clock.now > 120_000 && this.#open === 0);
      await this.#proveRest();
    } finally {
      this.#daemon.stop();
      await this.#drain();
      this.#clock.stop();
    }
    this.breaches.push(...this.#platform.breaches);
  }

  #happen(happening: Happening): void {
    this.#tell(`> ${JSON.stringify(happening)}`);
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
          this.#backAtMs = performance.now();
        }, happening.forMs);
        return;
      case "daemon restarts":
        this.#restartedAtMs = performance.now();
        this.#daemon.restart();
        return;
      case "peer away":
      case "online there":
      case "goes by hand":
      case "comes by hand":
      case "dies there":
        this.#migration(happening);
    }
  }

  #migration(happening: MigrationHappening): void {
    const { migration } = this.#platform;
    switch (happening.kind) {
      case "peer away":
        migration.isPeerAway = true;
        setTimeout(() => {
          migration.isPeerAway = false;
        }, happening.forMs);
        return;
      case "online there":
        this.#setOnlineThere(happening.forMs);
        return;
      case "goes by hand":
        void migration.send(new AbortController().signal);
        return;
      case "comes by hand":
        void migration.fetch();
        return;
      case "dies there":
        migration.livesThere = false;
    }
  }

  #setOnlineThere(forMs: number): void {
    this.#onlineThereSinceMs ??= performance.now();
    this.#engine.elsewhere.set(RESOURCE, ["node2"]);
    setTimeout(() => {
      this.#onlineThereSinceMs = undefined;
      this.#engine.elsewhere.delete(RESOURCE);
    }, forMs);
  }

  /** As the heartbeats do it: never while an operation works on the guest. */
  #loseHeartbeat(): void {
    const daemon = this.#daemon.present;
    const record = daemon?.book.get(RESOURCE);
    if (daemon === undefined || record === undefined || record.operation !== undefined) return;
    if (!this.#platform.isAlive || record.registration.stopping) return;
    record.heartbeat = { phase: "lost", run: 1, misses: 3, silentMs: 60_000 };
    this.#platform.isSilent = true;
    void daemon.follower.look("web1", daemon.ending.signal);
  }

  async #request(name: RequestName, timeoutS: number, shimGoneMs: number | undefined): Promise<number> {
    this.#open += 1;
    // an online that was asked may take its turn at any time, and with it the stop is over
    if (name === "online") this.#onlines += 1;
    if (name === "offline" || name === "clean") this.#stopAskedMs = performance.now();
    const shim = new AbortController();
    if (shimGoneMs !== undefined) setTimeout(() => shim.abort(new Error("killed")), shimGoneMs);
    const since = this.#clock.now;
    const before = { wasAlive: this.#platform.isAlive, changes: this.#platform.changes };
    const args = requestArguments(
      RESOURCE,
      {
        GuestName: "web1",
        SyncDir: "/sync",
        CEInfo: ["Enabled", "1"],
        ...(name === "migrate" ? { VCSInfo: "node2" } : {}),
      },
      { timeoutS, ...(name === "clean" ? { reason: 1 } : {}) },
    );
    const exitCode = await this.#daemon.handle(name, args, shim.signal);
    this.#open -= 1;
    if (name === "online") this.#platform.isBeingStopped = false;
    if (name === "online") this.#onlines -= 1;
    if (name === "online") this.#onlineEndedMs = performance.now();
    const tookMs = this.#clock.now - since;
    if (tookMs > timeoutS * 1000 - LATE_MS) this.#breach(`${name} took ${tookMs} of ${timeoutS} s`);
    this.#tell(`= ${name} ${exitCode}`);
    // one that is overtaken again and again is answered from the last of some readings
    const isOvertaken =
      tookMs >= OVERTAKEN.ms || this.#platform.changes - before.changes >= OVERTAKEN.changes;
    if (name === "monitor" && !isOvertaken) this.#weighMonitor(exitCode, before);
    if (name === "monitor" && exitCode !== 99) this.#knownOnline = exitCode > 100 && exitCode < 200;
    return exitCode;
  }

  /** The answer is weighed against the truth of the moment: every change sends an event, which overtakes it. */
  #weighMonitor(exitCode: number, before: { readonly wasAlive: boolean; readonly changes: number }): void {
    const { changes, isAlive, isBeingStopped, isSilent, migration, mood } = this.#platform;
    const waitsSinceMs = Math.max(migration.arrivedAtMs ?? 0, this.#restartedAtMs, this.#backAtMs);
    const isArriving = migration.arrivedAtMs !== undefined && performance.now() - waitsSinceMs < ARRIVAL_MS;
    const isHidden = isAlive && OFFLINE_CODES.has(exitCode) && !isArriving && !migration.leaves;
    if (isAlive && exitCode > 100 && exitCode < 200) this.#toldOnline = this.#platform.runs;
    if (exitCode > 100 && exitCode < 200 && !isAlive) this.#breach(`a stopped guest is told as ${exitCode}`);
    if (isHidden && mood === "well" && !isSilent) this.#breach(`a running guest is told as ${exitCode}`);
    const isOnline = exitCode > 100 && exitCode < 200;
    if (isOnline && !this.#knownOnline && this.#isHeldBack()) this.#breach("it is told as ONLINE twice");
    if (exitCode === 100 && !isAlive && this.#knownOnline && migration.livesThere)
      this.#breach("a fault is told of a guest that lives on the other host");
    const livedOn = before.wasAlive && changes === before.changes;
    if (isHidden && livedOn && isBeingStopped && this.#onlines === 0) {
      this.#breach(`a live emulator is hidden by ${exitCode} during a stop`);
    }
  }

  /** It has come a moment ago, the engine has known it as ONLINE there since before, and did not bring it online here. */
  #isHeldBack(): boolean {
    const arrivedAtMs = this.#platform.migration.arrivedAtMs;
    if (arrivedAtMs === undefined || this.#onlineThereSinceMs === undefined) return false;
    // while it is being stopped a live guest is not hidden
    if (this.#daemon.present?.book.get(RESOURCE)?.registration.stopping !== false) return false;
    const isNew = performance.now() - arrivedAtMs < HELD_BACK_MS;
    return isNew && this.#onlineThereSinceMs < arrivedAtMs && this.#onlineEndedMs + BROUGHT_MS < arrivedAtMs;
  }

  /** A guest that comes after a stop was proved was not there to be stopped. */
  #cameMeanwhile(): boolean {
    const { arrivedAtMs, receives } = this.#platform.migration;
    return receives || (arrivedAtMs !== undefined && arrivedAtMs >= this.#stopAskedMs);
  }

  /** Hears the product at the moment at which it says that a guest is stopped. */
  #hear({ level, message, fields }: LogEntry): void {
    this.#tell(`${message} ${JSON.stringify(fields)}`);
    if (this.#cameMeanwhile()) return;
    if (message === "guest is proved gone" && !this.#platform.isSurelyStopped) {
      this.#breach("clean succeeds while the guest lives or may yet start");
    }
    if (message === "entry point ended" && fields["stopped"] === true && fields["entryPoint"] === "offline") {
      if (this.#platform.isAlive) this.#breach("offline calls a live guest stopped");
    }
    if (level === "error" && message.includes("nobody foresaw")) {
      this.#breach(`${message}: ${String(fields["err"])}`);
    }
  }

  #breach(words: string): void {
    this.breaches.push(words);
    this.#tell(`BREACH: ${words}`);
  }

  #tell(words: string): void {
    this.story.push(`${Math.round(this.#clock.now)} ${words}`);
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
    await pause(this.#migrates ? DECIDED_MS : 0, new AbortController().signal);
    if (this.#migrates) this.#weighPeace(await this.#request("monitor", 60, undefined), "");
    const cleaned = await this.#request("clean", 60, undefined);
    if (cleaned !== 0) this.#breach(`a clean in peace fails with ${cleaned}`);
    await pause(this.#migrates ? DECIDED_MS : 0, new AbortController().signal);
    this.#weighPeace(await this.#request("monitor", 60, undefined), "after a clean ");
  }

  /** In peace the truth is told, and no record hides a fault that the engine has to hear of. */
  #weighPeace(told: number, when: string): void {
    const { isAlive, isSilent, migration, mood, runs } = this.#platform;
    if (isAlive && mood === "well" && !isSilent && told !== 110)
      this.#breach(`${when}in peace a running guest is told as ${told}`);
    if (isAlive) return;
    const isFault = !migration.hasLivedThere && (this.#toldOnline === runs || when !== "");
    if (told !== 100 && (isFault || told !== 200))
      this.#breach(`${when}in peace the guest is told as ${told}`);
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

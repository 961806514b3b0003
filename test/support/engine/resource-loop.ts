import {
  actionArguments,
  attributeChangedArguments,
  migrateArguments,
  resourceArguments,
  type TailEncoding,
} from "./arguments.ts";
import { CleanSequence } from "./clean-sequence.ts";
import type { ActionResult, ClusterStates } from "./cluster-states.ts";
import {
  type Act,
  CLEAN_REASON,
  type CleanReason,
  decide,
  type Memory,
  type Report,
  reportOf,
  UNPROBED,
} from "./decisions.ts";
import type { EngineLog } from "./engine-log.ts";
import { callEntryPoint } from "./entry-point-call.ts";
import { JobQueue } from "./job-queue.ts";
import { limitsOf } from "./limits.ts";
import type { ResourceSettings } from "./resource-settings.ts";
import { ResourceStatus } from "./resource-status.ts";
import type { ScriptEnd, ScriptRunner } from "./script-runner.ts";

/** What a loop works with. */
export interface LoopContext {
  readonly system: string;
  readonly settings: ResourceSettings;
  readonly log: EngineLog;
  readonly states: ClusterStates;
  readonly runner: ScriptRunner;
  readonly tail: TailEncoding;
  /** Takes the resource offline here when it comes up while it is ONLINE elsewhere. */
  readonly endsViolations: boolean;
}

/** One resource on one system: runs its entry points one after another and remembers its state. */
export class ResourceLoop {
  readonly #context: LoopContext;
  readonly #queue = new JobQueue();
  readonly #status: ResourceStatus;
  readonly #cleans: CleanSequence;
  #isProbed = false;
  #isOpen = false;
  #target: string | undefined;
  #nextMonitorS: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settleWaiters: (() => void)[] = [];

  constructor(context: LoopContext) {
    this.#context = context;
    this.#status = new ResourceStatus(context, () => {
      if (context.endsViolations) void this.offline();
    });
    this.#cleans = new CleanSequence(context, this.#status);
  }

  get settings(): ResourceSettings {
    return this.#context.settings;
  }

  /** As `hares -state` prints it. */
  get state(): string {
    return this.#status.text;
  }

  /** The confidence of the last report, 10 to 100; 0 when it was not ONLINE. */
  get confidence(): number {
    return this.#status.confidence;
  }

  /** What is under way. */
  get phase(): Memory["phase"] {
    return this.#memory.phase;
  }

  /** True after the first report that was not UNKNOWN. */
  get isProbed(): boolean {
    return this.#isProbed;
  }

  /** Opens and probes the resource, then does what it is asked for until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.settings.isEnabled()) void this.enable();
    await this.#queue.run(signal, () => this.#wakeSettled());
    clearTimeout(this.#timer);
    for (const resolve of this.#settleWaiters) resolve();
  }

  /** Runs open, then the probe. */
  async enable(): Promise<string> {
    const opened = this.#queue.add(async () => {
      if (this.#isOpen) return;
      await this.#call("open", resourceArguments(this.settings, "open"));
      this.#isOpen = true;
    });
    const probed = this.#queue.addMonitor(() => this.#monitor(), "last");
    await Promise.all([opened, probed]);
    return this.state;
  }

  /** Runs close; no entry point runs until `enable`. */
  async disable(): Promise<void> {
    await this.#queue.add(async () => {
      clearTimeout(this.#timer);
      if (!this.#isOpen) return;
      await this.#call("close", resourceArguments(this.settings, "close"));
      this.#isOpen = false;
      this.#isProbed = false;
      this.#status.change({
        report: { kind: "UNKNOWN" },
        memory: { ...UNPROBED, state: this.#memory.state },
      });
    });
  }

  /** Asks for a monitor; resolves with the state after it. */
  async probe(): Promise<string> {
    this.#context.log.add("probe requested", this.settings.name);
    await this.#queue.addMonitor(() => this.#monitor(), "last");
    return this.state;
  }

  /**
   * Brings the resource online; resolves with the state when nothing is under way any more.
   *
   * @throws {Error} when it is FAULTED or not enabled
   */
  async online(): Promise<string> {
    if (this.#memory.state === "FAULTED") throw new Error(`${this.settings.name} is FAULTED: clear it first`);
    if (!this.settings.isEnabled()) throw new Error(`${this.settings.name} is not enabled`);
    await this.#queue.add(async () => {
      if (this.#memory.phase === "steady" && this.#memory.state === "ONLINE") return;
      this.#begin("going online");
      await this.#runOnline();
      this.#schedule();
    });
    return this.#settled();
  }

  /** Takes the resource offline; resolves with the state when nothing is under way any more. */
  async offline(): Promise<string> {
    await this.#queue.add(async () => {
      if (this.#memory.phase === "steady" && this.#memory.state !== "ONLINE") return;
      this.#begin("going offline");
      const end = await this.#call("offline", resourceArguments(this.settings, "offline"));
      if (end.kind === "timed out") await this.#runClean(CLEAN_REASON.offlineHung);
      else this.#nextMonitorS = exitCodeOf(end, 0);
      this.#schedule();
    });
    return this.#settled();
  }

  /** Migrates an ONLINE resource; resolves with the state here when nothing is under way any more. */
  async migrate(target: string): Promise<string> {
    await this.#queue.add(async () => {
      if (this.#memory.phase !== "steady" || this.#memory.state !== "ONLINE") return;
      this.#begin("migrating away");
      this.#target = target;
      const end = await this.#call("migrate", migrateArguments(this.settings, target, this.#context.tail));
      const exitCode = exitCodeOf(end, 0);
      this.#nextMonitorS = exitCode <= 100 ? exitCode * 10 : 0;
      this.#schedule();
    });
    return this.#settled();
  }

  /** The other side of a migration: this resource is expected to come up here. */
  awaitArrival(): void {
    void this.#queue.add(async () => {
      if (this.#memory.phase !== "steady" || this.#memory.state === "ONLINE") return;
      this.#begin("migrating in");
      await this.#monitor();
    });
  }

  /** Runs an action. The caller has looked whether the type supports it. */
  async action(token: string, args: readonly string[]): Promise<ActionResult> {
    let result: ActionResult = { exitCode: 1, output: "" };
    await this.#queue.add(async () => {
      const argv = actionArguments(this.settings, args, this.#context.tail);
      const end = await callEntryPoint(this.#context, "action", argv, `actions/${token}`);
      if (end.kind === "exited") result = { exitCode: end.exitCode === 0 ? 0 : 1, output: end.output };
    });
    return result;
  }

  /** Tells the agent of a changed attribute. */
  async attributeChanged(attribute: string, words: readonly string[]): Promise<void> {
    const argv = attributeChangedArguments(this.settings, attribute, words, this.#context.tail);
    await this.#queue.add(async () => {
      if (this.#isOpen) await this.#call("attr_changed", argv);
    });
  }

  /** Forgets a fault and looks again; resolves with the state after that. */
  async clear(): Promise<string> {
    const cleared = this.#queue.add(async () => {
      if (this.#memory.state !== "FAULTED" && !this.#status.isInAdminWait) return;
      const state = this.#memory.state === "ONLINE" ? ("ONLINE" as const) : ("OFFLINE" as const);
      this.#cleans.forget();
      this.#status.change({ isInAdminWait: false, memory: { ...UNPROBED, state } });
    });
    const probed = this.#queue.addMonitor(() => this.#monitor(), "last");
    await Promise.all([cleared, probed]);
    return this.state;
  }

  async #monitor(): Promise<void> {
    if (!this.#isOpen) return;
    const end = await this.#call("monitor", resourceArguments(this.settings, "monitor"));
    if (end.kind === "timed out") await this.#take({ kind: "TIMED OUT" });
    else await this.#take(reportOf(exitCodeOf(end, 99), this.settings.isTrue("IntentionalOffline")));
    this.#schedule();
  }

  async #take(report: Report): Promise<void> {
    const { log, states } = this.#context;
    const before = this.#memory;
    const confidence = report.kind === "ONLINE" ? { confidence: report.confidence } : {};
    log.add("report", this.settings.name, { to: report.kind, ...confidence });
    const { next, act } = decide(before, report, limitsOf(this.settings), performance.now());
    if (report.kind !== "UNKNOWN" && report.kind !== "TIMED OUT") this.#isProbed = true;
    this.#status.change({ report, memory: next });
    if (next.phase === "steady") this.#cleans.forget();
    const hasLeft = before.phase === "migrating away" && next.phase === "steady" && next.state === "OFFLINE";
    if (hasLeft && this.#target !== undefined) states.member(this.#target)?.awaitArrival(this.settings.name);
    await this.#act(act);
  }

  async #act(act: Act): Promise<void> {
    const { log } = this.#context;
    const { name } = this.settings;
    switch (act.kind) {
      case "none":
        return;
      case "tolerated":
        return log.add("tolerated", name, { count: this.#memory.tolerated });
      case "external start":
        return log.add("external start", name);
      case "migrate failed":
        return log.add("migrate failed", name);
      case "fault":
        return log.add("faulted", name);
      case "restart":
        log.add("restart", name, { count: this.#memory.restarts });
        return this.#runOnline();
      case "retry online":
        log.add("online retry", name, { count: this.#memory.retries });
        return this.#runOnline();
      case "clean":
        return this.#runClean(act.reason);
    }
  }

  async #runOnline(): Promise<void> {
    const end = await this.#call("online", resourceArguments(this.settings, "online"));
    if (end.kind === "timed out") await this.#runClean(CLEAN_REASON.onlineHung);
    else this.#nextMonitorS = exitCodeOf(end, 0);
  }

  async #runClean(reason: CleanReason): Promise<void> {
    if ((await this.#cleans.run(reason)) === "monitor at once") this.#nextMonitorS = 0;
  }

  #begin(phase: Memory["phase"]): void {
    this.#cleans.forget();
    const restarts = phase === "going online" ? 0 : this.#memory.restarts;
    this.#status.change({
      memory: { ...this.#memory, phase, restarts, waits: 0, retries: 0, clean: undefined },
    });
  }

  get #memory(): Memory {
    return this.#status.memory;
  }

  #schedule(): void {
    const isQuick = this.#memory.state === "ONLINE" || this.#memory.phase !== "steady" || !this.#isProbed;
    const interval = this.settings.number(isQuick ? "MonitorInterval" : "OfflineMonitorInterval");
    const delayS = this.#nextMonitorS ?? interval;
    const isAtOnce = this.#nextMonitorS === 0;
    const isNever = this.#nextMonitorS === undefined && interval === 0;
    this.#nextMonitorS = undefined;
    clearTimeout(this.#timer);
    if (isAtOnce) void this.#queue.addMonitor(() => this.#monitor(), "first");
    else if (!isNever) {
      this.#timer = setTimeout(
        () => void this.#queue.addMonitor(() => this.#monitor(), "last"),
        delayS * 1000,
      );
    }
  }

  #settled(): Promise<string> {
    return new Promise((resolve) => {
      this.#settleWaiters.push(() => resolve(this.state));
      this.#wakeSettled();
    });
  }

  #wakeSettled(): void {
    if (this.#memory.phase !== "steady") return;
    const waiters = this.#settleWaiters;
    this.#settleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #call(entryPoint: Parameters<typeof callEntryPoint>[1], args: readonly string[]): Promise<ScriptEnd> {
    return callEntryPoint(this.#context, entryPoint, args);
  }
}

function exitCodeOf(end: ScriptEnd, otherwise: number): number {
  return end.kind === "exited" ? end.exitCode : otherwise;
}

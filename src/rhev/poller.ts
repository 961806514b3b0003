import { EventEmitter } from "eventemitter3";
import { AgentError, messageOf } from "../agent-error.ts";
import { type Beats, SLACK_MS } from "../beat.ts";
import { orAbort, pause, throwIfAborted, withDeadline } from "../deadline.ts";
import type { Log } from "../log.ts";
import { EventCursor, type EventSource } from "./event-cursor.ts";
import type { RhevHost } from "./host-document.ts";
import { type OwnIdentity, ownHostOf } from "./own-host.ts";
import { newlyRestartedByRhevm, warnOfOwnRestart } from "./own-restart.ts";
import { paceMs } from "./pace.ts";
import { endsInMigration, NO_RUNS, runsAfter } from "./run-ends.ts";
import { changedNames, isMoving, type Snapshot, sightWords, startedNames } from "./snapshot.ts";
import type { Vm } from "./vm-document.ts";

/** What the poller asks of an engine; RhevmReads fits. */
export interface PollerSource extends EventSource {
  vmsNamed(names: readonly string[], signal: AbortSignal): Promise<readonly Vm[]>;
  hosts(signal: AbortSignal): Promise<readonly RhevHost[]>;
}

export interface PollerParts {
  readonly source: PollerSource;
  readonly identity: () => Promise<OwnIdentity>;
  /** How RHEV-M names this host, where the configuration says so; asked each time. */
  readonly configuredHost: () => string | undefined;
  readonly log: Log;
  /** From 0 to 1: keeps the pollers of several hosts apart. */
  readonly random?: () => number;
}

/** What the poller publishes, as PlatformEvents does: hints, the listener reads the state itself. */
export interface PollerEvents {
  changed: [guest: string];
  started: [guest: string];
  connected: [];
  lost: [reason: string];
}

/** What is under way. */
interface Cycle {
  readonly names: ReadonlySet<string>;
  readonly beganAt: number;
  readonly end: Promise<Snapshot>;
}

/** How old a reading is at most that answers a monitor. */
const AGE_AT_MOST_MS = 10_000;

/** A whole cycle; each request has its own, shorter deadline. */
const CYCLE_MS = 45_000;

/** A failure is told for so long to whoever asks next, before the engine is asked again. */
const FAILURE_MS = 1000;

/**
 * Follows all guests of one engine with the same few requests, whatever their number: events, a list of VMs for every 50
 * guests, and the hosts. Whoever needs a reading shares the one that is under way, if it began late enough.
 */
export class Poller {
  readonly events = new EventEmitter<PollerEvents>();
  readonly #parts: PollerParts;
  readonly #cursor: EventCursor;
  /** Followed guests, and since when readings of each count (performance.now). */
  readonly #since = new Map<string, number>();
  #snapshot: Snapshot | undefined;
  #cycle: Cycle | undefined;
  #failure: { readonly error: unknown; readonly at: number; readonly times: number } | undefined;
  #endedAt = Number.NEGATIVE_INFINITY;
  #tookMs = 0;
  #stirredAt = Number.NEGATIVE_INFINITY;
  #wake = new AbortController();
  #lifetime = new AbortController().signal;

  constructor(parts: PollerParts) {
    this.#parts = parts;
    this.#cursor = new EventCursor(parts.source, parts.log);
  }

  /** Reads again and again, as long as a guest is followed, until the signal aborts; never throws. */
  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    this.#lifetime = signal;
    const beat = beats("poller");
    while (!signal.aborted) {
      const waitMs = this.#waitMs();
      if (waitMs < Number.POSITIVE_INFINITY) beat.within(Math.max(waitMs, CYCLE_MS) + SLACK_MS);
      else beat.rest();
      if (waitMs > 0) await this.#rest(waitMs, signal);
      else await this.#begin().end.catch(() => undefined); // logged and published
    }
    beat.end();
  }

  /** Follows a guest from now on. */
  follow(guest: string): void {
    if (this.#since.has(guest)) return;
    this.#since.set(guest, performance.now());
    this.#wake.abort();
  }

  /** Drops a guest. */
  forget(guest: string): void {
    this.#since.delete(guest);
  }

  /** Readings that began before now count no more for this guest: an operation on it begins or has ended. */
  invalidate(guest: string): void {
    const now = performance.now();
    if (this.#since.has(guest)) this.#since.set(guest, now);
    this.#stirredAt = now;
    this.#wake.abort();
  }

  /** How old the last reading is, in milliseconds; undefined before the first. */
  ageMs(): number | undefined {
    return this.#snapshot === undefined ? undefined : performance.now() - this.#snapshot.beganAt;
  }

  /**
   * A reading with this guest in it that began after its last operation, and at most 10 s before this call. A guest that
   * was not followed is from now on.
   *
   * @throws {AgentError} what keeps the engine from being read
   */
  async snapshot(guest: string, signal: AbortSignal): Promise<Snapshot> {
    return this.#readSince(guest, performance.now() - AGE_AT_MOST_MS, signal);
  }

  /** As snapshot, but the reading begins after the call. */
  async freshSnapshot(guest: string, signal: AbortSignal): Promise<Snapshot> {
    return this.#readSince(guest, performance.now(), signal);
  }

  /** Resolves at the next hint about this guest, or after the time, or when the signal aborts. */
  async nextChange(guest: string, maxMs: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    const look = (name: string) => {
      if (name === guest) end();
    };
    this.events.on("changed", look);
    signal.addEventListener("abort", end, { once: true });
    try {
      if (!signal.aborted) await pause(maxMs, over.signal);
    } finally {
      this.events.off("changed", look);
      signal.removeEventListener("abort", end);
    }
  }

  async #readSince(guest: string, oldest: number, signal: AbortSignal): Promise<Snapshot> {
    this.follow(guest);
    const isUsable = ({ names, beganAt }: Pick<Cycle, "names" | "beganAt">) =>
      names.has(guest) && beganAt >= oldest && beganAt >= (this.#since.get(guest) ?? oldest);
    for (;;) {
      throwIfAborted(signal);
      if (this.#snapshot !== undefined && isUsable(this.#snapshot)) return this.#snapshot;
      const underWay = this.#cycle;
      if (underWay !== undefined && !isUsable(underWay)) {
        // it began too early; once it is over another one can begin
        await orAbort(underWay.end.then(noResult, noResult), signal);
        continue;
      }
      if (underWay === undefined) this.#throwFreshFailure();
      await orAbort(this.#begin().end, signal);
      if (!this.#since.has(guest)) throw new AgentError("CANCELLED", `guest ${guest} is not kept any more`);
    }
  }

  #throwFreshFailure(): void {
    if (this.#failure !== undefined && performance.now() - this.#failure.at < FAILURE_MS)
      throw this.#failure.error;
  }

  /** The cycle that is under way, or a new one. */
  #begin(): Cycle {
    if (this.#cycle !== undefined) return this.#cycle;
    const names = new Set(this.#since.keys());
    const beganAt = performance.now();
    const read = withDeadline(CYCLE_MS, "a cycle of reading RHEV-M", [this.#lifetime], (limit) =>
      this.#read(names, beganAt, limit),
    );
    const end = read.then(
      (snapshot) => this.#succeed(snapshot),
      (error: unknown) => this.#fail(error),
    );
    end.catch(() => undefined); // whoever waits is told
    this.#cycle = { names, beganAt, end };
    return this.#cycle;
  }

  /** Hosts are read last: a host that was lost meanwhile makes its guests doubtful, never surer. */
  async #read(names: ReadonlySet<string>, beganAt: number, signal: AbortSignal): Promise<Snapshot> {
    throwIfAborted(signal);
    const { source, identity, configuredHost } = this.#parts;
    const events = await this.#cursor.news(signal);
    const vms = await source.vmsNamed([...names], signal);
    const hosts = await source.hosts(signal);
    const own = ownHostOf(hosts, await identity(), configuredHost());
    // after a failure events are missed: what ended then, and ran again, nobody knows
    const known = this.#failure === undefined ? this.#snapshot?.runs : undefined;
    return { beganAt, names, vms, hosts, own, events, runs: runsAfter(known ?? NO_RUNS, { vms, events }) };
  }

  #succeed(snapshot: Snapshot): Snapshot {
    const before = this.#snapshot;
    const wasLost = before === undefined || this.#failure !== undefined;
    this.#cycle = undefined;
    this.#failure = undefined;
    this.#snapshot = snapshot;
    this.#endedAt = performance.now();
    this.#tookMs = this.#endedAt - snapshot.beganAt;
    const changed = changedNames(before, snapshot);
    if (changed.size > 0) this.#stirredAt = this.#endedAt;
    if (wasLost) {
      this.#parts.log.info({ guests: snapshot.names.size }, "RHEV-M is read");
      this.#tell(() => this.events.emit("connected")); // which makes the daemon look at each guest's flag
    } else {
      for (const name of newlyRestartedByRhevm(before, snapshot)) warnOfOwnRestart(this.#parts.log, name);
    }
    this.#warnOfUnseenEnds(before, snapshot);
    for (const name of startedNames(before, snapshot)) this.#tell(() => this.events.emit("started", name));
    for (const name of changed) {
      this.#parts.log.debug({ guest: name, event: sightWords(snapshot, name) }, "RHEV-M tells of a guest");
      this.#tell(() => this.events.emit("changed", name));
    }
    return snapshot;
  }

  /** The cluster's engine, which knows a guest as OFFLINE while it moves, takes such an end for no fault. */
  #warnOfUnseenEnds(before: Snapshot | undefined, { vms, runs, own }: Snapshot): void {
    if (own.kind !== "found") return;
    for (const fields of endsInMigration(before?.runs ?? NO_RUNS, { vms, runs, ownId: own.host.id }))
      this.#parts.log.warn(
        fields,
        "guest ended in a migration or just after it, which the engine may not take for a fault",
      );
  }

  #fail(error: unknown): never {
    const at = performance.now();
    const times = (this.#failure?.times ?? 0) + 1;
    this.#cycle = undefined;
    this.#failure = { error, at, times };
    this.#endedAt = at;
    this.#cursor.reset();
    if (times === 1 && !this.#lifetime.aborted) {
      const code = error instanceof AgentError ? error.code : undefined;
      this.#parts.log.warn({ err: error, code }, "RHEV-M cannot be read");
      this.#tell(() => this.events.emit("lost", messageOf(error)));
    }
    throw error;
  }

  /** A listener that throws costs only itself. */
  #tell(emit: () => void): void {
    try {
      emit();
    } catch (error) {
      this.#parts.log.error({ err: error }, "a listener to RHEV-M's changes failed");
    }
  }

  /** Milliseconds until the next cycle is due. */
  #waitMs(): number {
    if (this.#since.size === 0) return Number.POSITIVE_INFINITY;
    const now = performance.now();
    const pace = paceMs({
      isMoving: this.#snapshot !== undefined && isMoving(this.#snapshot),
      stirredMs: now - this.#stirredAt,
      cycleMs: this.#tookMs,
      failures: this.#failure?.times ?? 0,
      random: (this.#parts.random ?? Math.random)(),
    });
    return this.#endedAt + pace - now;
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const wake = new AbortController();
    this.#wake = wake;
    const stop = () => wake.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (!signal.aborted) await pause(Math.min(ms, LONGEST_REST_MS), wake.signal);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}

/** Without a guest there is nothing to wait for but the next one. */
const LONGEST_REST_MS = 3_600_000;

function noResult(): void {
  // only that it is over counts
}

import { AgentError, messageOf } from "../agent-error.ts";
import { type Beat, type Beats, SLACK_MS } from "../beat.ts";
import { pause, throwIfAborted } from "../deadline.ts";
import { LibvirtCallError } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import { agentErrorOf } from "./errors.ts";
import type { Hypervisor } from "./hypervisor.ts";

/**
 * libvirtd serves five calls of a connection at a time and stops reading it when all five block, pongs too.
 * Source: libvirtd.conf, max_client_requests.
 */
const CALLS_AT_ONCE = 4;

/** How often a full lane is looked at. */
const FULL_LANE_LOOK_MS = 20;

/** Pauses between attempts to connect, and how long a session must last before they start small again. */
const RECONNECT_MS = { first: 100, last: 5000, steady: 10_000 } as const;

/** The longest that opening and preparing take by their own deadlines: the largest `libvirt.openTimeoutS`, and 10 s. */
const OPEN_MS = 70_000;

/** Why a connection ended: a stable kind, and words for people. */
export type CloseWords = { readonly kind: string; readonly message: string };

export interface LaneOptions {
  /** For the log: watch, control, urgent. */
  readonly name: string;
  readonly open: (signal: AbortSignal) => Promise<Hypervisor>;
  /** Runs on each new session before anybody may use it; what it throws ends the session. */
  readonly prepare?: (session: Hypervisor, signal: AbortSignal) => Promise<void>;
  /** Called when the session is open to all. */
  readonly onReady?: () => void;
  readonly onLost?: (reason: CloseWords) => void;
  /** Whether the operator reads of this lane's connections at the usual log level. */
  readonly speaks: boolean;
  /** Calls at a time, four unless it says less: each that blocks may hold one of libvirtd's few workers. */
  readonly callsAtOnce?: number;
  readonly log: Log;
}

/**
 * One connection to libvirtd that is kept alive, for one kind of calls, so that calls of another kind that block
 * cannot use it up.
 */
export class Lane {
  readonly #options: LaneOptions;
  #session: Hypervisor | undefined;
  #lastError = "not connected yet";
  readonly #waiting = new Set<() => void>();
  #granted = 0;
  #failing = false;
  #noSocket = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Why there is no session; for messages. */
  get lastError(): string {
    return this.#lastError;
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  /** Connects again and again until the signal aborts; resolves then, with the connection closed. */
  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    const beat = beats(`lane ${this.#options.name}`);
    let waitMs: number = RECONNECT_MS.first;
    while (!signal.aborted) {
      const since = performance.now();
      await this.#serve(beat, signal);
      if (performance.now() - since > RECONNECT_MS.steady) waitMs = RECONNECT_MS.first;
      beat.within(RECONNECT_MS.last * 2 + SLACK_MS);
      await pause(waitMs * (0.75 + Math.random() / 2), signal);
      waitMs = Math.min(waitMs * 2, RECONNECT_MS.last);
    }
    beat.end();
  }

  /** True when no libvirtd listens at all: what one was asked before died with it. */
  get noDaemon(): boolean {
    return this.#session === undefined && this.#noSocket;
  }

  /**
   * Runs calls on the session. A session is waited for at most `patienceMs`, room on it until the signal aborts.
   *
   * @throws {AgentError} PLATFORM_DOWN when there is none; the calls' own errors pass through
   */
  async use<T>(
    patienceMs: number,
    signal: AbortSignal,
    work: (session: Hypervisor) => Promise<T>,
  ): Promise<T> {
    const session = await this.#grant(patienceMs, signal);
    try {
      return await work(session);
    } finally {
      this.#granted -= 1;
      this.#wake();
    }
  }

  /** Looks and takes in one step: whoever waits beside finds the place taken. */
  async #grant(patienceMs: number, signal: AbortSignal): Promise<Hypervisor> {
    const until = performance.now() + patienceMs;
    for (;;) {
      throwIfAborted(signal);
      const session = this.#session;
      if (session !== undefined && this.#hasRoom(session)) {
        this.#granted += 1;
        return session;
      }
      const leftMs = until - performance.now();
      if (session === undefined && leftMs <= 0) throw this.#unusable();
      if (session !== undefined) this.#replaceIfDead(session);
      await this.#nextWake(session === undefined ? leftMs : FULL_LANE_LOOK_MS, signal);
    }
  }

  /** Calls that were given up occupy libvirtd until their reply comes, which nobody announces here. */
  #hasRoom(session: Hypervisor): boolean {
    return Math.max(this.#granted, session.inFlight) < (this.#options.callsAtOnce ?? CALLS_AT_ONCE);
  }

  /** A connection on which nothing but given-up calls is left serves nobody any more. */
  #replaceIfDead(session: Hypervisor): void {
    if (this.#granted > 0) return;
    this.#session = undefined;
    this.#say("warn", { calls: session.inFlight }, "libvirt connection is replaced, all its calls hang");
    void session.close();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #unusable(): AgentError {
    return new AgentError("PLATFORM_DOWN", `libvirt cannot be asked: ${this.#lastError}`);
  }

  #nextWake(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
      this.#waiting.add(end);
    });
  }

  async #serve(beat: Beat, signal: AbortSignal): Promise<void> {
    let session: Hypervisor;
    beat.within(OPEN_MS + SLACK_MS);
    try {
      session = await this.#open(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#lastError = messageOf(error);
      this.#noSocket = isNoSocket(error);
      if (!this.#failing) this.#say("error", { err: error }, "libvirt cannot be reached");
      this.#failing = true;
      return;
    }
    if (this.#failing) this.#say("info", {}, "libvirt is reached again");
    this.#failing = false;
    beat.rest(); // one that hangs is noticed by its keepalive
    const reason = await closed(session, signal);
    beat.within(SLACK_MS);
    this.#session = undefined;
    await session.close();
    if (reason === undefined) return;
    this.#lastError = `the connection is lost: ${reason.kind}: ${reason.message}`;
    this.#say("warn", { reason }, "libvirt connection lost");
    this.#options.onLost?.(reason);
  }

  /** The lanes share their fate: one of them tells the operator, the others only who asks for everything. */
  #say(level: "info" | "warn" | "error", fields: object, message: string): void {
    const { name, log, speaks } = this.#options;
    log[speaks ? level : "debug"]({ ...fields, lane: name }, message);
  }

  async #open(signal: AbortSignal): Promise<Hypervisor> {
    const { name, open, prepare } = this.#options;
    const session = await open(signal).catch((error: unknown) => {
      throw agentErrorOf(error, `opening the ${name} connection`);
    });
    try {
      await prepare?.(session, signal);
      if (session.closed) throw new AgentError("PLATFORM_DOWN", "the connection ended while it was prepared");
    } catch (error) {
      await session.close();
      throw agentErrorOf(error, `preparing the ${name} connection`);
    }
    this.#session = session;
    this.#noSocket = false;
    this.#wake();
    this.#options.onReady?.();
    return session;
  }
}

function isNoSocket(error: unknown): boolean {
  const cause = error instanceof AgentError ? error.cause : error;
  return cause instanceof LibvirtCallError && cause.kind === "no socket";
}

/** Waits for the end of a session and says why it ended; undefined when the signal aborted. */
function closed(session: Hypervisor, signal: AbortSignal): Promise<CloseWords | undefined> {
  return new Promise((resolve) => {
    const end = (reason: CloseWords | undefined) => {
      session.events.off("close", end);
      signal.removeEventListener("abort", onAbort);
      resolve(reason);
    };
    const onAbort = () => end(undefined);
    session.events.on("close", end);
    signal.addEventListener("abort", onAbort, { once: true });
    if (session.closed) end({ kind: "closed", message: "it ended at once" });
    else if (signal.aborted) onAbort();
  });
}

import { EventEmitter } from "eventemitter3";
import { messageOf } from "../src/agent-error.ts";
import type { Engine } from "../src/engine.ts";
import type { Log } from "../src/log.ts";
import { announce } from "./announce.ts";

/** The engine is a busy process: this many of its commands run at the same time. */
const AT_ONCE = 4;

/** Pauses between requests for the same news, while the engine has not run its monitor. */
const REPEAT_MS = { first: 5000, last: 60_000 } as const;

interface Request {
  /** The exit code that the engine should get: other news is asked for at once. */
  news: number;
  nextAt: number;
  waitMs: number;
  running: boolean;
  /** Newer news came while the request ran. */
  again: boolean;
  /** The engine was told while the request ran. */
  settled: boolean;
}

/** A monitor that the engine was asked for and that has not come. */
export interface PendingProbe {
  /** The exit code that the monitor is expected to end with. */
  readonly code: number;
  /** Milliseconds until the engine is asked again; 0 while it is asked. */
  readonly inMs: number;
  /** The engine did not take the last request. */
  readonly isFailing: boolean;
}

/** What the prober publishes. */
export interface ProberEvents {
  /** The engine was asked once. */
  asked: [outcome: "sent" | "failed"];
}

/**
 * Asks the engine to look at resources: one request at a time for each, at once for news, then again and again at
 * growing distance until its monitor came.
 */
export class Prober {
  readonly events = new EventEmitter<ProberEvents>();
  readonly #engine: Pick<Engine, "probe">;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #requests = new Map<string, Request>();
  /** Resources whose last request the engine did not take. */
  readonly #failing = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(engine: Pick<Engine, "probe">, log: Log, signal: AbortSignal) {
    this.#engine = engine;
    this.#log = log;
    this.#signal = signal;
  }

  /** Resources that the engine was asked to look at and has not looked at since. */
  get open(): number {
    return this.#requests.size;
  }

  /** Asks for a monitor of this resource, unless the same news was asked for shortly before. */
  request(resource: string, news: number): void {
    const known = this.#requests.get(resource);
    const request = known ?? newRequest(news);
    this.#requests.set(resource, request);
    const isNew = known === undefined || known.news !== news || known.settled;
    request.news = news;
    request.settled = false;
    if (request.running) {
      request.again ||= isNew;
      return;
    }
    if (isNew) request.waitMs = 0;
    else if (performance.now() < request.nextAt) return;
    void this.#send(resource, request);
  }

  /** The engine knows now: the next difference is news again. */
  settled(resource: string): void {
    const request = this.#requests.get(resource);
    if (request?.running === true) request.settled = true;
    else this.#requests.delete(resource);
  }

  /**
   * A monitor ended with this code. Only the news that was asked for settles it: an answer that keeps differing from
   * what the follower reads must not have the engine asked again and again.
   */
  told(resource: string, code: number): void {
    if (this.#requests.get(resource)?.news === code) this.settled(resource);
  }

  /** The request that the engine has not followed yet, and when it is repeated at the earliest. */
  pending(resource: string): PendingProbe | undefined {
    const request = this.#requests.get(resource);
    if (request === undefined || request.settled) return undefined;
    const inMs = request.running ? 0 : Math.max(0, request.nextAt - performance.now());
    return { code: request.news, inMs, isFailing: this.#failing.has(resource) };
  }

  async #send(resource: string, request: Request): Promise<void> {
    request.running = true;
    await this.#turn();
    try {
      if (this.#signal.aborted) return;
      await this.#engine.probe(resource, this.#signal);
      this.#log.info({ resource, code: request.news }, "engine asked to probe");
      announce(() => this.events.emit("asked", "sent"), this.#log);
      if (this.#failing.delete(resource)) this.#log.info({ resource }, "engine answers again");
    } catch (error) {
      if (!this.#failing.has(resource))
        this.#log.warn({ resource, reason: messageOf(error) }, "engine cannot be asked to probe");
      this.#failing.add(resource);
      announce(() => this.events.emit("asked", "failed"), this.#log);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
      request.running = false;
      request.waitMs = Math.min(Math.max(REPEAT_MS.first, request.waitMs * 2), REPEAT_MS.last);
      request.nextAt = performance.now() + request.waitMs;
    }
    if (request.settled) {
      this.#requests.delete(resource);
      return;
    }
    if (!request.again) return;
    request.again = false;
    await this.#send(resource, request);
  }

  /** At most one request a resource waits here, so the line is as long as there are resources. */
  async #turn(): Promise<void> {
    while (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
  }
}

function newRequest(news: number): Request {
  return { news, nextAt: 0, waitMs: 0, running: false, again: false, settled: false };
}

import type { Keepalive } from "./connection-types.ts";

/** What the timer asks its connection to do. */
export type KeepaliveActions = { ping: () => void; dead: () => void };

/**
 * Asks a silent peer whether it lives: a ping after each interval without a packet, and after `count` pings without
 * any answer it is dead. One interval has to pass after each ping, so a process that was stopped itself does not
 * take its own sleep for the peer's.
 */
export class KeepaliveTimer {
  readonly #settings: Keepalive;
  readonly #actions: KeepaliveActions;
  #timer: NodeJS.Timeout | undefined;
  #since = 0;
  #unanswered = 0;

  constructor(settings: Keepalive, actions: KeepaliveActions) {
    this.#settings = settings;
    this.#actions = actions;
  }

  start(): void {
    this.stop();
    this.heard();
    this.#wait(this.#settings.intervalMs);
  }

  /** Any packet proves that the peer lives. */
  heard(): void {
    this.#since = performance.now();
    this.#unanswered = 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    const silentMs = performance.now() - this.#since;
    const restMs = this.#settings.intervalMs - silentMs;
    if (restMs >= 1) return this.#wait(restMs);
    if (this.#unanswered >= this.#settings.count) return this.#actions.dead();
    this.#unanswered += 1;
    this.#since = performance.now();
    this.#wait(this.#settings.intervalMs);
    this.#actions.ping();
  }
}

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
  #unanswered = 0;

  constructor(settings: Keepalive, actions: KeepaliveActions) {
    this.#settings = settings;
    this.#actions = actions;
  }

  start(): void {
    this.stop();
    this.#unanswered = 0;
    this.#timer = setTimeout(() => this.#look(), this.#settings.intervalMs);
  }

  /** Any packet proves that the peer lives. */
  heard(): void {
    this.#unanswered = 0;
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    if (this.#unanswered >= this.#settings.count) return this.#actions.dead();
    this.#unanswered += 1;
    this.#timer?.refresh();
    this.#actions.ping();
  }
}

import { vi } from "vitest";
import { pause } from "../../../src/deadline.ts";

/** Rounds of the event loop without a file operation under way after which nothing but timers can happen. */
const QUIET_ROUNDS = 4;

/** What process.getActiveResourcesInfo() calls the file operations of node:fs/promises. */
const FILE_WORK = new Set(["FSReqPromise", "FSReqCallback", "CloseReq"]);

/**
 * Time that passes only when a test says so. Files and child processes stay real: before each timer everything
 * that can happen without time has happened, so the same script always gives the same log.
 */
export class VirtualClock {
  readonly #origin: number;
  #held = 0;

  constructor() {
    vi.useFakeTimers({
      now: Date.UTC(2026, 0, 1),
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"],
    });
    this.#origin = performance.now();
  }

  /** Milliseconds since the clock was made. */
  get now(): number {
    return performance.now() - this.#origin;
  }

  /** Has the clock wait for real work that no timer and no file operation shows: a process that starts or ends. */
  async hold<T>(work: Promise<T>): Promise<T> {
    this.#held += 1;
    try {
      return await work;
    } finally {
      this.#held -= 1;
    }
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      const isBusy = this.#held > 0 || process.getActiveResourcesInfo().some((name) => FILE_WORK.has(name));
      if (isBusy) quiet = -1;
    }
  }

  /** Lets time pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    await this.until(pause(ms, new AbortController().signal), Number.POSITIVE_INFINITY);
  }

  /** Lets time pass until the work has ended, at most for a time. */
  async until<T>(work: Promise<T>, atMostMs = 600_000): Promise<T> {
    const state = { isOver: false };
    const over = () => {
      state.isOver = true;
    };
    work.then(over, over);
    await this.settle();
    for (const end = this.now + atMostMs; !state.isOver && this.now < end; ) {
      if (vi.getTimerCount() === 0) throw new Error("nothing more will happen, and the work has not ended");
      vi.advanceTimersToNextTimer();
      await this.settle();
    }
    if (!state.isOver) throw new Error(`the work has not ended within ${atMostMs} ms`);
    return work;
  }

  /** Gives the real time back. */
  stop(): void {
    vi.useRealTimers();
  }
}

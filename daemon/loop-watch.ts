import type { Beats } from "../src/beat.ts";

/** A loop that did not come back in time. */
export interface LateLoop {
  readonly loop: string;
  /** milliseconds that its step was given, and that have passed since */
  readonly limitMs: number;
  readonly sinceMs: number;
}

interface Step {
  readonly loop: string;
  beganAt: number;
  limitMs: number;
}

/** Knows of all loops whether they go on. */
export class LoopWatch {
  readonly #steps = new Set<Step>();

  /** For the loops to tell of themselves. */
  readonly beats: Beats = (loop) => {
    const step: Step = { loop, beganAt: performance.now(), limitMs: Number.POSITIVE_INFINITY };
    this.#steps.add(step);
    const begin = (limitMs: number) => {
      step.beganAt = performance.now();
      step.limitMs = limitMs;
    };
    return {
      within: begin,
      rest: () => begin(Number.POSITIVE_INFINITY),
      end: () => void this.#steps.delete(step),
    };
  };

  /** Those that stand still. */
  late(): readonly LateLoop[] {
    const now = performance.now();
    return [...this.#steps]
      .map(({ loop, beganAt, limitMs }) => ({ loop, limitMs, sinceMs: Math.round(now - beganAt) }))
      .filter(({ limitMs, sinceMs }) => sinceMs > limitMs);
  }
}

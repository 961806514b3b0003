import type { SimulatedClock } from "./clock.ts";

/** What happens some time after the step before. */
export interface Step {
  readonly afterMs: number;
  readonly run: () => void;
}

/** Courses that take time, one for each thing: a new one calls off the one before. */
export class Sequences {
  readonly #clock: SimulatedClock;
  readonly #pending = new Map<string, () => void>();

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  /** Starts a course for a thing. A step that starts another course for it ends this one. */
  start(id: string, steps: readonly Step[]): void {
    this.cancel(id);
    const [step, ...rest] = steps;
    if (step === undefined) return;
    const callOff = this.#clock.after(step.afterMs, () => {
      this.#pending.delete(id);
      step.run();
      if (!this.#pending.has(id)) this.start(id, rest);
    });
    this.#pending.set(id, callOff);
  }

  /** Calls off what is under way for a thing. */
  cancel(id: string): void {
    this.#pending.get(id)?.();
    this.#pending.delete(id);
  }
}

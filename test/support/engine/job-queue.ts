/** One thing to do for a resource. */
export interface Job {
  readonly kind: "monitor" | "other";
  readonly run: () => Promise<void>;
  readonly whenDone: (() => void)[];
}

/** The jobs of one resource: one at a time, in order; a monitor that waits already serves all who ask for one. */
export class JobQueue {
  #jobs: Job[] = [];
  #wake: (() => void) | undefined;

  /** Puts a job at the end. Resolves when it has run, or was dropped. */
  add(run: () => Promise<void>): Promise<void> {
    return this.#put({ kind: "other", run, whenDone: [] }, "last");
  }

  /** Puts a monitor in the queue unless one waits there. Resolves when it has run, or was dropped. */
  addMonitor(run: () => Promise<void>, place: "first" | "last"): Promise<void> {
    const waiting = this.#jobs.find((job) => job.kind === "monitor");
    if (waiting === undefined) return this.#put({ kind: "monitor", run, whenDone: [] }, place);
    return new Promise((resolve) => waiting.whenDone.push(resolve));
  }

  /** Runs jobs until the signal; then drops the rest. `afterEach` runs after every job. */
  async run(signal: AbortSignal, afterEach: () => void): Promise<void> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener("abort", wake);
    while (!signal.aborted) {
      const job = this.#jobs.shift();
      if (job === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      await job.run();
      finish(job);
      afterEach();
    }
    signal.removeEventListener("abort", wake);
    for (const job of this.#jobs) finish(job);
    this.#jobs = [];
  }

  #put(job: Job, place: "first" | "last"): Promise<void> {
    const done = new Promise<void>((resolve) => job.whenDone.push(resolve));
    if (place === "first") this.#jobs.unshift(job);
    else this.#jobs.push(job);
    this.#wake?.();
    return done;
  }
}

function finish(job: Job): void {
  for (const done of job.whenDone) done();
}

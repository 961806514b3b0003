interface Task {
  readonly at: number;
  readonly run: () => void;
}

/** How often the clock looks at the real time when it follows it. */
const REAL_TIME_STEP_MS = 20;

/** The simulated site's time: it passes only when somebody says so, or with the real time when it was told to. */
export class SimulatedClock {
  readonly #origin: number;
  #now = 0;
  #tasks: Task[] = [];

  /** @param origin what calendars show at the start, in milliseconds since 1970 */
  constructor(origin: number) {
    this.#origin = origin;
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.#now;
  }

  /** What calendars show. */
  get date(): Date {
    return new Date(this.#origin + this.#now);
  }

  /** Has something happen later; returns how to call it off. */
  after(ms: number, run: () => void): () => void {
    const task = { at: this.#now + ms, run };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== task);
    };
  }

  /** Lets time pass: all that is due happens in its order, each at its own moment. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let task = this.#next(end); task !== undefined; task = this.#next(end)) {
      const due = task;
      this.#tasks = this.#tasks.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
  }

  /**
   * Lets time pass as it really does, until the returned function is called.
   *
   * @param speed how many simulated seconds a real one has
   */
  followRealTime(speed: number): () => void {
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      this.advance((now - last) * speed);
      last = now;
    }, REAL_TIME_STEP_MS);
    return () => clearInterval(timer);
  }

  /** The earliest task that is due; of several at one moment the one that was set first. */
  #next(end: number): Task | undefined {
    let first: Task | undefined;
    for (const task of this.#tasks) {
      if (task.at <= end && (first === undefined || task.at < first.at)) first = task;
    }
    return first;
  }
}

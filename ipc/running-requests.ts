/** The requests that a server works on, and the way to end them. */
export class RunningRequests {
  readonly #controllers = new Set<AbortController>();
  readonly #waiting = new Set<() => void>();

  get count(): number {
    return this.#controllers.size;
  }

  begin(): AbortController {
    const controller = new AbortController();
    this.#controllers.add(controller);
    return controller;
  }

  end(controller: AbortController): void {
    this.#controllers.delete(controller);
    if (this.count === 0) for (const wake of this.#waiting) wake();
  }

  abortAll(reason: Error): void {
    for (const controller of this.#controllers) controller.abort(reason);
  }

  /** Resolves when nothing runs, or after the time given. */
  async idle(limitMs: number): Promise<void> {
    if (this.count === 0) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      this.#waiting.add(wake);
    });
  }
}

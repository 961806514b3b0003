import { AgentError } from "../agent-error.ts";
import { orAbort, throwIfAborted } from "../deadline.ts";

/**
 * Node has four threads for files. One that enters a hung file system does not come back, so at most this many are in
 * storage that is not the agent's own: the others write the registrations.
 */
const THREADS_AT_MOST = 2;

interface Turn {
  readonly folder: string;
  /** Its caller has given up: the storage hangs until the work ends after all. */
  isLeft: boolean;
}

/**
 * Storage that hosts share and that may hang: SyncDir, and where GuestConfigFilePath points. One piece of work at a
 * time in a folder, few in all. Where one hangs, the next is refused at once.
 */
export class SharedStorage {
  readonly #turns = new Set<Turn>();
  readonly #waiting = new Set<() => void>();

  /**
   * Works in a folder when it is its turn.
   *
   * @param work does one call after another, and looks at the signal before each that changes something: what was
   *   given up and comes back after hours must not undo what others did meanwhile
   * @param signal ends the waiting and, seen from outside, the work
   * @throws {AgentError} TIMED_OUT when the storage hangs, or what the work throws
   */
  async use<T>(folder: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    while (this.#isBusy(folder)) await this.#change(signal);
    const turn: Turn = { folder, isLeft: false };
    this.#turns.add(turn);
    try {
      return await orAbort(this.#run(turn, work, signal), signal);
    } finally {
      turn.isLeft = true;
      this.#wake();
    }
  }

  async #run<T>(turn: Turn, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await work(signal);
    } finally {
      this.#turns.delete(turn);
      this.#wake();
    }
  }

  /** @throws {AgentError} TIMED_OUT when waiting is of no use */
  #isBusy(folder: string): boolean {
    const turns = [...this.#turns];
    const here = turns.find((turn) => turn.folder === folder);
    if (here?.isLeft === true)
      throw new AgentError("TIMED_OUT", `${folder}: still does not answer, its storage hangs`);
    if (here !== undefined) return true;
    if (turns.length < THREADS_AT_MOST) return false;
    if (turns.some((turn) => !turn.isLeft)) return true;
    const hung = turns.map((turn) => turn.folder).join(" and ");
    throw new AgentError("TIMED_OUT", `${folder}: is not entered while the storage of ${hung} hangs`);
  }

  /** Resolves when a turn has ended or was left. */
  async #change(signal: AbortSignal): Promise<void> {
    const resolvers: (() => void)[] = [];
    const changed = new Promise<void>((resolve) => resolvers.push(resolve));
    const wake = () => resolvers[0]?.();
    this.#waiting.add(wake);
    try {
      await orAbort(changed, signal);
    } finally {
      this.#waiting.delete(wake);
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

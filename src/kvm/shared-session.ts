import { orAbort } from "../deadline.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** A connection that is open or being opened, and for how many. */
interface Shared {
  users: number;
  readonly ending: AbortController;
  readonly session: Promise<Hypervisor>;
}

/**
 * One connection for all who need it at the same time: opened for the first, closed after the last. When the engine
 * starts fifty guests at once, fifty connections would be more than an sshd lets in. One that has failed somebody is left
 * to those who are on it, and the next opens another.
 */
export class SharedSession {
  readonly #open: (signal: AbortSignal) => Promise<Hypervisor>;
  #current: Shared | undefined;

  constructor(open: (signal: AbortSignal) => Promise<Hypervisor>) {
    this.#open = open;
  }

  /** Whether the next user would open a connection. */
  get isUnused(): boolean {
    return this.#current === undefined;
  }

  /**
   * Runs calls on the connection. Only calls that libvirt answers at once belong here: what blocks, blocks all.
   *
   * @param signal ends the waiting for the connection; the work has to look at it itself
   */
  async use<T>(signal: AbortSignal, work: (session: Hypervisor) => Promise<T>): Promise<T> {
    const shared = this.#current ?? this.#begin();
    this.#current = shared;
    shared.users += 1;
    try {
      return await work(await orAbort(shared.session, signal));
    } catch (error) {
      this.#abandon(shared);
      throw error;
    } finally {
      shared.users -= 1;
      if (shared.users === 0) this.#end(shared);
    }
  }

  #begin(): Shared {
    const ending = new AbortController();
    const session = this.#open(ending.signal);
    session.catch(() => undefined); // whoever waits is told
    return { users: 0, ending, session };
  }

  #abandon(shared: Shared): void {
    if (this.#current === shared) this.#current = undefined;
  }

  /** Its farewell may take a second, which nobody has to wait for. */
  #end(shared: Shared): void {
    this.#abandon(shared);
    shared.ending.abort(new Error("nobody needs the connection any more"));
    void shared.session.then(
      (session) => session.close(),
      () => undefined,
    );
  }
}

/** What is remembered of a guest beside what the engine says now. */
export interface RhevGuestMemory {
  /** Whether this host is the last that is known to have run it; undefined until that has been seen. */
  ranHere: boolean | undefined;
  /** This agent started it here in its present run, or is about to. */
  startedHere: boolean;
  /** It is being started here: that it does not run yet says nothing. */
  isStarting: boolean;
}

/** Memories by guest. */
export class RhevGuestMemories {
  readonly #memories = new Map<string, RhevGuestMemory>();

  of(guest: string): RhevGuestMemory {
    const known = this.#memories.get(guest);
    if (known !== undefined) return known;
    const fresh = { ranHere: undefined, startedHere: false, isStarting: false };
    this.#memories.set(guest, fresh);
    return fresh;
  }

  forget(guest: string): void {
    this.#memories.delete(guest);
  }
}

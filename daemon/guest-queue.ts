import { AgentError } from "../src/agent-error.ts";
import { orAbort, throwIfAborted } from "../src/deadline.ts";

/** Operations that may wait for one guest; more are refused. */
const WAITING_AT_MOST = 16;

/** One operation on a guest. */
export interface Operation<T> {
  /** For messages: online, clean. */
  readonly name: string;
  /** True for clean: what runs for the guest is cancelled, what waits is refused. */
  readonly takesOver: boolean;
  readonly work: (signal: AbortSignal) => Promise<T>;
}

interface Entry {
  readonly name: string;
  readonly takesOver: boolean;
  readonly abort: AbortController;
  readonly begin: () => void;
}

/** One operation at a time for a guest, any number across guests. */
export class GuestQueue {
  readonly #guests = new Map<string, Entry[]>();

  /**
   * Runs an operation when it is its turn.
   *
   * @param signal the operation's deadline; it also ends the waiting
   * @throws {AgentError} CANCELLED when a clean took over, REFUSED when too many wait, or what the work throws
   */
  async run<T>(guest: string, { name, takesOver, work }: Operation<T>, signal: AbortSignal): Promise<T> {
    throwIfAborted(signal);
    const entries = this.#guests.get(guest) ?? [];
    // a clean ends what waits, so only other cleans can be too many for it
    const others = takesOver ? entries.filter((entry) => entry.takesOver) : entries;
    if (others.length > WAITING_AT_MOST) {
      throw new AgentError(
        "REFUSED",
        `${name} of ${guest}: ${WAITING_AT_MOST} operations wait for this guest already`,
      );
    }
    this.#guests.set(guest, entries);
    if (takesOver) cancelAll(entries, `${name} of the same guest took over`);

    const abort = new AbortController();
    const follow = () => abort.abort(signal.reason);
    signal.addEventListener("abort", follow, { once: true });
    const turn = newTurn();
    const entry: Entry = { name, takesOver, abort, begin: turn.begin };
    entries.push(entry);
    if (entries[0] === entry) entry.begin();
    try {
      await orAbort(turn.come, abort.signal);
      return await work(abort.signal);
    } finally {
      signal.removeEventListener("abort", follow);
      this.#leave(guest, entries, entry);
    }
  }

  /** Operations that wait for their turn, over all guests. */
  get waiting(): number {
    return [...this.#guests.values()].reduce((sum, entries) => sum + entries.length - 1, 0);
  }

  /** True while an operation on the guest runs or waits. */
  isBusy(guest: string): boolean {
    return this.#guests.has(guest);
  }

  #leave(guest: string, entries: Entry[], entry: Entry): void {
    const wasFirst = entries[0] === entry;
    entries.splice(entries.indexOf(entry), 1);
    if (wasFirst) entries[0]?.begin();
    if (entries.length === 0) this.#guests.delete(guest);
  }
}

/** A clean is never cancelled by another: both want the same, and the first is further. */
function cancelAll(entries: readonly Entry[], why: string): void {
  for (const { name, takesOver, abort } of entries) {
    if (!takesOver) abort.abort(new AgentError("CANCELLED", `${name}: ${why}`));
  }
}

function newTurn(): { readonly come: Promise<void>; readonly begin: () => void } {
  const resolvers: (() => void)[] = [];
  const come = new Promise<void>((resolve) => resolvers.push(resolve));
  return { come, begin: () => resolvers[0]?.() };
}

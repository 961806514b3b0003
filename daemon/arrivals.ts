import { messageOf } from "../src/agent-error.ts";
import type { LastAnswer } from "../src/answer.ts";
import { pause, withDeadline } from "../src/deadline.ts";
import type { Engine } from "../src/engine.ts";
import type { Log } from "../src/log.ts";
import type { Reading } from "../src/platform.ts";

/** A guest that arrived is told as ONLINE after this long in any case: the other system may be gone. */
const AT_MOST_MS = 10_000;

/** Pauses between two questions whether the other system is rid of it. */
const LOOK_MS = { first: 100, last: 200 } as const;

interface Arrival {
  isOver: boolean;
}

/** What arrivals work with. */
export interface ArrivalParts {
  readonly engine: Pick<Engine, "onlineElsewhere">;
  /** Called when the guest may be told as ONLINE. */
  readonly onOver: (resource: string) => void;
  readonly log: Log;
}

/**
 * Keeps law "never two ONLINE" at the target of a migration: a guest that came is not told as ONLINE before the engine has
 * no other system ONLINE for its resource, or some seconds have passed.
 */
export class Arrivals {
  readonly #parts: ArrivalParts;
  readonly #signal: AbortSignal;
  readonly #arrivals = new Map<string, Arrival>();

  /** @param signal ends the waiting, when the daemon ends */
  constructor(parts: ArrivalParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
  }

  /** True while a guest that was read must not yet be told as ONLINE. */
  isArriving(resource: string, reading: Reading, lastAnswer: LastAnswer | undefined): boolean {
    // one that stands still may be in the last moment before it runs here
    const came = reading.moved === "here" || reading.moved === "stuck";
    if (!came || reading.state.kind !== "ONLINE" || !mayHaveCome(lastAnswer)) {
      this.#arrivals.delete(resource);
      return false;
    }
    const known = this.#arrivals.get(resource);
    if (known !== undefined) return !known.isOver;
    const arrival = { isOver: false };
    this.#arrivals.set(resource, arrival);
    void this.#wait(resource, arrival);
    return true;
  }

  /** The engine itself brought the resource online here: nothing is waited for. */
  over(resource: string): void {
    const arrival = this.#arrivals.get(resource);
    if (arrival === undefined) this.#arrivals.set(resource, { isOver: true });
    else arrival.isOver = true;
  }

  forget(resource: string): void {
    this.#arrivals.delete(resource);
  }

  async #wait(resource: string, arrival: Arrival): Promise<void> {
    const { log, onOver } = this.#parts;
    const since = performance.now();
    log.info({ resource }, "guest has arrived by migration, online once the system it left is told");
    let waitMs: number = LOOK_MS.first;
    let others: readonly string[] | undefined;
    while (!this.#signal.aborted && this.#arrivals.get(resource) === arrival && !arrival.isOver) {
      // the last question may find no time for an answer
      others = (await this.#onlineElsewhere(resource, since + AT_MOST_MS - performance.now())) ?? others;
      const leftMs = since + AT_MOST_MS - performance.now();
      if (others?.length === 0 || leftMs <= 0) break;
      await pause(Math.min(waitMs, leftMs), this.#signal);
      waitMs = Math.min(waitMs * 2, LOOK_MS.last);
    }
    if (this.#signal.aborted || this.#arrivals.get(resource) !== arrival || arrival.isOver) return;
    arrival.isOver = true;
    if (others === undefined || others.length > 0) {
      log.warn(
        { resource, others: others ?? "unknown" },
        "engine still knows the guest as online elsewhere, it is told as online here too",
      );
    }
    onOver(resource);
  }

  async #onlineElsewhere(resource: string, ms: number): Promise<readonly string[] | undefined> {
    try {
      return await withDeadline(ms, "the engine's answer", [this.#signal], (limit) =>
        this.#parts.engine.onlineElsewhere(resource, limit),
      );
    } catch (error) {
      this.#parts.log.debug(
        { resource, reason: messageOf(error) },
        "engine does not tell where a resource is online",
      );
      return undefined;
    }
  }
}

/**
 * A guest that the engine knows as ONLINE here, that it was told nothing about, or whose OFFLINE is a policy's (it is
 * active here), did not come since.
 */
function mayHaveCome(last: LastAnswer | undefined): boolean {
  if (last === undefined || last.state.kind === "ONLINE") return false;
  return last.state.kind !== "OFFLINE" || !last.active;
}

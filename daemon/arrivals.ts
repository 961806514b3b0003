import { messageOf } from "../src/agent-error.ts";
import type { LastAnswer } from "../src/answer.ts";
import type { Environment } from "../src/attributes.ts";
import { pause, withDeadline } from "../src/deadline.ts";
import type { Engine } from "../src/engine.ts";
import type { Log } from "../src/log.ts";
import type { Reading } from "../src/platform.ts";

/**
 * A guest that arrived is told as ONLINE after this long in any case: the other system may be gone. In RHEV the other system
 * may still answer from a reading of 10 s ago.
 */
export const ARRIVAL_MS = { kvm: 10_000, rhev: 12_000 } as const satisfies Record<Environment, number>;

/** A monitor that could tell of an arrived guest gives the engine so long to say that the other system is rid of it. */
const HASTEN_MS = 1000;

/** Pauses between two questions whether the other system is rid of it. */
const LOOK_MS = { first: 100, last: 200 } as const;

interface Arrival {
  isOver: boolean;
}

/** What arrivals work with. */
export interface ArrivalParts {
  readonly engine: Pick<Engine, "onlineElsewhere">;
  /** How long a guest that arrived is held back at most, in milliseconds. */
  readonly atMostMs: (resource: string) => number;
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

  /** Takes in what a reading shows that nothing has overtaken: the coming of a guest, or that it is not on its way. */
  note(resource: string, reading: Reading, lastAnswer: LastAnswer | undefined): void {
    if (!hasCome(reading, lastAnswer)) {
      this.#arrivals.delete(resource);
      return;
    }
    if (this.#arrivals.has(resource)) return;
    const arrival = { isOver: false };
    this.#arrivals.set(resource, arrival);
    void this.#wait(resource, arrival);
  }

  /** True while a guest that was read must not yet be told as ONLINE. Changes nothing. */
  isArriving(resource: string, reading: Reading, lastAnswer: LastAnswer | undefined): boolean {
    return hasCome(reading, lastAnswer) && this.#arrivals.get(resource)?.isOver !== true;
  }

  /**
   * Asks the engine now, for a monitor that is about to answer: if the other system is rid of the guest by then, this very
   * monitor tells it as ONLINE, and no other one need be asked for.
   */
  async hasten(resource: string): Promise<void> {
    const arrival = this.#arrivals.get(resource);
    if (arrival === undefined || arrival.isOver) return;
    const others = await this.#onlineElsewhere(resource, HASTEN_MS);
    if (others?.length === 0) arrival.isOver = true;
  }

  /** The resource is closed, or the engine itself brought it online here: nothing is waited for. */
  forget(resource: string): void {
    this.#arrivals.delete(resource);
  }

  async #wait(resource: string, arrival: Arrival): Promise<void> {
    const { log, onOver } = this.#parts;
    const until = performance.now() + this.#parts.atMostMs(resource);
    log.info({ resource }, "guest has arrived by migration, online once the system it left is told");
    let waitMs: number = LOOK_MS.first;
    let others: readonly string[] | undefined;
    while (!this.#signal.aborted && this.#arrivals.get(resource) === arrival && !arrival.isOver) {
      // the last question may find no time for an answer
      others = (await this.#onlineElsewhere(resource, until - performance.now())) ?? others;
      const leftMs = until - performance.now();
      if (others?.length === 0 || leftMs <= 0) break;
      await pause(Math.min(waitMs, leftMs), this.#signal);
      waitMs = Math.min(waitMs * 2, LOOK_MS.last);
    }
    if (this.#signal.aborted || this.#arrivals.get(resource) !== arrival) return;
    const isHastened = arrival.isOver;
    arrival.isOver = true;
    if (!isHastened && (others === undefined || others.length > 0)) {
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
 * active here), did not come since. One that stands still may be in the last moment before it runs here, or be on its way
 * again before anybody was told that it had come.
 */
function hasCome({ moved, migrating, state }: Reading, last: LastAnswer | undefined): boolean {
  const isOnItsWay = moved === "here" || moved === "stuck" || migrating;
  if (!isOnItsWay || state.kind !== "ONLINE") return false;
  if (last === undefined || last.state.kind === "ONLINE") return false;
  return last.state.kind !== "OFFLINE" || !last.active;
}

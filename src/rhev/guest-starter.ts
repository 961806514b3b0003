import { AgentError, hasCode } from "../agent-error.ts";
import { throwIfAborted } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { RhevGuestMemories } from "./guest-memory.ts";
import type { GuestReader, GuestSight } from "./guest-reader.ts";
import { nameOfHost } from "./host-words.ts";

/** After the engine accepted a start, a guest that is still down after this long has ended again. */
const LAUNCH_MS = 30_000;

/** How often a start is looked at; changes are heard at once. */
const LOOK_MS = 3000;

export interface GuestStarterParts {
  readonly reader: GuestReader;
  readonly memories: RhevGuestMemories;
  /** Resolves at the next hint about the guest, or after the time. */
  readonly nextChange: (guest: string, maxMs: number, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}

/** Starts guests on this host, and resumes paused and suspended ones. */
export class GuestStarter {
  readonly #parts: GuestStarterParts;

  constructor(parts: GuestStarterParts) {
    this.#parts = parts;
  }

  /**
   * Starts a guest here and returns once it holds an emulator here; one that does already is left as it is.
   *
   * @throws {AgentError} REFUSED and others: the guest does not run here
   */
  async start(guest: string, signal: AbortSignal): Promise<void> {
    const { reader, memories } = this.#parts;
    const before = await reader.sight(guest, signal);
    const memory = memories.of(guest);
    if (before.reading.active === true) {
      memory.startedHere = true;
      return;
    }
    const host = refuseUnlessStartable(guest, before);
    // who looks meanwhile must not take it for one that came from elsewhere
    memory.startedHere = true;
    memory.isStarting = true;
    try {
      const { actions } = reader.managerOf(guest);
      const isAnswered = await this.#ask(guest, () => actions.startVm(before.vm.id, host, signal), signal);
      await this.#follow(guest, isAnswered, signal);
    } finally {
      memory.isStarting = false;
    }
  }

  /** Lets a paused guest go on. */
  async wake(guest: string, signal: AbortSignal): Promise<void> {
    const { reader } = this.#parts;
    const { vm, reading } = await reader.sight(guest, signal);
    if (reading.active !== true || vm.status !== "paused") return;
    await this.#ask(guest, () => reader.managerOf(guest).actions.startVm(vm.id, undefined, signal), signal);
    for (let isPaused = true; isPaused; ) {
      await this.#parts.nextChange(guest, LOOK_MS, signal);
      throwIfAborted(signal);
      const sight = await reader.sightIfAny(guest, signal);
      isPaused = sight === undefined || sight.vm.status === "paused";
    }
  }

  /**
   * A start whose answer is lost may have been done: its state is read, and it is never just repeated.
   *
   * @returns false when the answer is lost
   */
  async #ask(guest: string, start: () => Promise<unknown>, signal: AbortSignal): Promise<boolean> {
    try {
      await start();
      return true;
    } catch (error) {
      if (!hasCode(error, "OUTCOME_UNKNOWN")) throw error;
      throwIfAborted(signal);
      this.#parts.log.warn(
        { guest, err: error },
        "answer of RHEV-M to a start is lost, the guest is watched",
      );
      return false;
    } finally {
      this.#parts.reader.managerOf(guest).poller.invalidate(guest);
    }
  }

  async #follow(guest: string, isAnswered: boolean, signal: AbortSignal): Promise<void> {
    const { reader, nextChange } = this.#parts;
    const until = performance.now() + LAUNCH_MS;
    for (;;) {
      const sight = await reader.sightIfAny(guest, signal);
      if (sight?.reading.active === true) return;
      if (sight?.reading.active === false && performance.now() > until)
        throw new AgentError(
          // a start that nobody answered for may still happen
          isAnswered ? "REFUSED" : "PLATFORM_DOWN",
          `guest ${guest} did not come up after its start: ${sight.reading.reason}; the events of RHEV-M tell why`,
        );
      await nextChange(guest, LOOK_MS, signal);
      throwIfAborted(signal);
    }
  }
}

/** @returns the id of this host, where the guest may be started now */
function refuseUnlessStartable(guest: string, { vm, own, reading }: GuestSight): string {
  const refuse = (why: string) => new AgentError("REFUSED", `guest ${guest} is not started: ${why}`);
  if (reading.active !== false || own === undefined) throw refuse(reading.reason);
  const rests = vm.status === "down" || vm.status === "powered_down" || vm.status === "suspended";
  if (!rests) throw refuse(reading.reason);
  if (own.status !== "up")
    throw refuse(`RHEV-M has this host, ${nameOfHost(own)}, as ${own.status ?? "unknown"} and not as up`);
  if (vm.clusterId !== undefined && own.clusterId !== undefined && vm.clusterId !== own.clusterId)
    throw refuse(
      `it belongs to cluster ${vm.clusterId} and this host, ${nameOfHost(own)}, to cluster ${own.clusterId}`,
    );
  return own.id;
}

import type { EmulatorIdentity } from "./emulator-facts.ts";

/** What is remembered of one guest between readings. Never answers a monitor by itself. */
export interface GuestMemory {
  /** The UUID that libvirt gave last. */
  uuid: string | undefined;
  /** The domain id of the run whose emulator is remembered. */
  runId: number | undefined;
  /** The emulator of that run, while the last proved state is running. */
  emulator: EmulatorIdentity | undefined;
  /** Grows with each reading, so that one that was overtaken leaves no trace. */
  readings: number;
  /** The last state in words, so that entering an alarming one is logged once. */
  lastWords: string | undefined;
  /** A start that libvirt has not answered yet; it cannot be cancelled. */
  pendingStart: Promise<unknown> | undefined;
  /** Whether libvirt answered the last start of this process. */
  startAnswered: boolean;
  /** A shutdown request that is under way. */
  pendingShutdown: Promise<unknown> | undefined;
  /** Until then (performance.now) it is not looked at with the others: reading it hangs in libvirt. */
  noLookBefore: number;
  /** Until then (performance.now) no shutdown is requested: the last one hangs in libvirt. */
  noShutdownBefore: number;
  /** Until then no job statistics are asked for: the last question hangs in libvirt. */
  noJobBefore: number;
}

/** The memory of all guests, by name. */
export class GuestMemories {
  readonly #byName = new Map<string, GuestMemory>();

  of(guest: string): GuestMemory {
    let memory = this.#byName.get(guest);
    if (memory === undefined) {
      memory = {
        uuid: undefined,
        runId: undefined,
        emulator: undefined,
        readings: 0,
        lastWords: undefined,
        pendingStart: undefined,
        startAnswered: false,
        pendingShutdown: undefined,
        noLookBefore: 0,
        noShutdownBefore: 0,
        noJobBefore: 0,
      };
      this.#byName.set(guest, memory);
    }
    return memory;
  }

  has(guest: string): boolean {
    return this.#byName.has(guest);
  }

  names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  forget(guest: string): void {
    this.#byName.delete(guest);
  }
}

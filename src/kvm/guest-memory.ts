import type { GivenAwayRun } from "../platform.ts";
import type { EmulatorIdentity } from "./emulator-facts.ts";

/** What is remembered of one guest between readings. Never answers a monitor by itself. */
export interface GuestMemory {
  /** The UUID that libvirt gave last. */
  uuid: string | undefined;
  /** The domain id of the run whose emulator is remembered. */
  runId: number | undefined;
  /** The emulator of that run, while the last proved state is running. */
  emulator: EmulatorIdentity | undefined;
  /** The last emulator seen, kept after its run: one that dies slowly no longer shows whose it is. */
  lastEmulator: EmulatorIdentity | undefined;
  /** Grows with each reading, so that one that was overtaken leaves no trace. */
  readings: number;
  /** The last state in words, so that entering an alarming one is logged once. */
  lastWords: string | undefined;
  /** The run, by domain id, whose guest went to the target of a post-copy migration. */
  gaveAway: GivenAwayRun | undefined;
  /** Until then (performance.now) a guest that runs may only be one that a resume was tried on. */
  triedUntil: number;
  /** What its vital signs said last. */
  readonly vitals: VitalMemory;
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
  /** Until then its agent is not asked: the last question hangs in libvirt. */
  noAgentBefore: number;
  /** Until then no resume is tried: the last one hangs in libvirt. */
  noResumeBefore: number;
  /** Until then its definition is not asked for: the last question hangs in libvirt. */
  noDefinitionBefore: number;
}

/** What vital signs have to remember from one look to the next. */
export interface VitalMemory {
  /** The uninterruptible sleep in which the emulator was found, and the CPU time it had then. */
  sleep: { readonly sinceMs: number; readonly ticks: number } | undefined;
  /** Whether libvirt had trouble with the emulator's monitor: then each look asks for that too. */
  isControlTroubled: boolean;
  /** The sign that the log tells of. */
  said: string | undefined;
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
        lastEmulator: undefined,
        readings: 0,
        lastWords: undefined,
        gaveAway: undefined,
        triedUntil: 0,
        vitals: { sleep: undefined, isControlTroubled: false, said: undefined },
        pendingStart: undefined,
        startAnswered: false,
        pendingShutdown: undefined,
        noLookBefore: 0,
        noShutdownBefore: 0,
        noJobBefore: 0,
        noAgentBefore: 0,
        noResumeBefore: 0,
        noDefinitionBefore: 0,
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

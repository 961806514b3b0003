import type { EmulatorIdentity } from "./emulator.ts";

/** What is remembered of one guest between readings. Never answers a monitor by itself. */
export interface GuestMemory {
  /** The UUID that libvirt gave last. */
  uuid: string | undefined;
  /** The domain id of the run whose emulator is remembered. */
  runId: number | undefined;
  /** The emulator of that run, while the last proved state is running. */
  emulator: EmulatorIdentity | undefined;
  /** The last state in words, so that entering an alarming one is logged once. */
  lastWords: string | undefined;
  /** A start that libvirt has not answered yet; it cannot be cancelled. */
  pendingStart: Promise<unknown> | undefined;
  /** A start whose connection was lost before its answer: only a libvirt that answers again can tell. */
  unsureStart: boolean;
  /** A shutdown request that libvirt has not answered yet. */
  pendingShutdown: Promise<unknown> | undefined;
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
        lastWords: undefined,
        pendingStart: undefined,
        unsureStart: false,
        pendingShutdown: undefined,
      };
      this.#byName.set(guest, memory);
    }
    return memory;
  }

  names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  forget(guest: string): void {
    this.#byName.delete(guest);
  }

  /** libvirtd ended: what it was asked and had not answered died with it. */
  libvirtEnded(): void {
    for (const memory of this.#byName.values()) memory.unsureStart = false;
  }
}

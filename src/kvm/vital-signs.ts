import { messageOf } from "../agent-error.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { Reading } from "../platform.ts";
import { atMost } from "../resource-state.ts";
import { type EmulatorIdentity, isStopped, type Pulse, pulseOf } from "./emulator-facts.ts";
import type { GuestMemories, VitalMemory } from "./guest-memory.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** How sure a guest runs whose emulator does not. */
export const STANDS_STILL = 20;

/** Every emulator sleeps for its disk now and then; in one and the same sleep for this long it hangs. */
const SLEEP_MS = 5000;

/** libvirt waits for an emulator's monitor for a moment at every command. */
const MONITOR_MS = 10_000;

/** libvirt tells this from memory. */
const ASK_MS = 1000;

/** Source: libvirt-domain.h, virDomainControlState. */
const CONTROL = { occupied: 2, error: 3 } as const;

export interface VitalParts {
  readonly memories: GuestMemories;
  readonly log: Log;
}

/** Where and how thoroughly a guest is examined. */
export interface Examination {
  readonly session: Hypervisor;
  /** Whether libvirt is asked about the emulator's monitor though it had no trouble before. */
  readonly isThorough: boolean;
}

/**
 * The finer signs of a running guest: libvirt calls a domain running for as long as its emulator exists. Each sign only
 * lowers the confidence, and says why.
 */
export class VitalSigns {
  readonly #parts: VitalParts;
  /** The last of the questions about guests that are read with all others. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: VitalParts) {
    this.#parts = parts;
  }

  /** The reading as it is, or with less confidence. */
  async examine(
    guest: string,
    reading: Reading,
    examination: Examination,
    signal: AbortSignal,
  ): Promise<Reading> {
    const { emulator, uuid, vitals } = this.#parts.memories.of(guest);
    // only of a guest that libvirt calls running an emulator is remembered
    if (emulator === undefined || uuid === undefined || reading.state.kind !== "ONLINE") {
      vitals.sleep = undefined;
      vitals.isControlTroubled = false;
      vitals.said = undefined;
      return reading;
    }
    const sign =
      stillness(emulator, vitals, performance.now()) ??
      (await this.#monitorTrouble(guest, uuid, vitals, examination, signal));
    if (sign === undefined) {
      vitals.said = undefined;
      return reading;
    }
    const reason = `${reading.reason}; ${sign}`;
    if (vitals.said !== sign) this.#parts.log.warn({ guest, reason }, "guest is in an alarming state");
    vitals.said = sign;
    return { ...reading, state: atMost(STANDS_STILL, reading.state), reason };
  }

  /** What libvirt itself has to say about the way to the emulator. */
  async #monitorTrouble(
    guest: string,
    uuid: string,
    vitals: VitalMemory,
    { session, isThorough }: Examination,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (!isThorough && !vitals.isControlTroubled) return undefined;
    const ask = () =>
      withDeadline(ASK_MS, "control information", [signal], (limit) =>
        session.getControlInfo(uuid, { signal: limit }),
      );
    try {
      const { state, stateTimeMs } = await (isThorough ? ask() : this.#inTurn(ask));
      const isError = state === CONTROL.error;
      vitals.isControlTroubled = (isError || state === CONTROL.occupied) && stateTimeMs >= MONITOR_MS;
      if (!vitals.isControlTroubled) return undefined;
    } catch (error) {
      throwIfAborted(signal);
      this.#parts.log.debug({ guest, reason: messageOf(error) }, "control information could not be read");
      return undefined;
    }
    return "its emulator does not answer libvirt";
  }

  /** One after another: libvirtd serves few calls of a connection at a time. */
  #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(ask);
    this.#last = turn.catch(() => undefined); // whoever asked is told
    return turn;
  }
}

/** Why the emulator is known to do nothing; undefined while it may. */
function stillness(emulator: EmulatorIdentity, vitals: VitalMemory, nowMs: number): string | undefined {
  const pulse = pulseOf(emulator);
  vitals.sleep = pulse === undefined ? undefined : sleepIn(pulse, vitals.sleep, nowMs);
  if (pulse !== undefined && isStopped(pulse.threadState)) {
    return `its emulator (pid ${emulator.pid}) is stopped by a signal or a debugger (state ${pulse.threadState})`;
  }
  if (vitals.sleep === undefined || nowMs - vitals.sleep.sinceMs < SLEEP_MS) return undefined;
  return `its emulator (pid ${emulator.pid}) hangs in an uninterruptible sleep (state D), its storage is the usual reason`;
}

/**
 * The uninterruptible sleep that a pulse shows, with the moment at which it was first seen. A thread that had CPU time
 * since the look before was awake in between.
 */
export function sleepIn(
  { threadState, ticks }: Pulse,
  before: VitalMemory["sleep"],
  nowMs: number,
): VitalMemory["sleep"] {
  if (threadState !== "D") return undefined;
  return before?.ticks === ticks ? before : { sinceMs: nowMs, ticks };
}

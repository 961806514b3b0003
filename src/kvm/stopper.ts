import { AgentError } from "../agent-error.ts";
import { pause, throwIfAborted, withDeadline } from "../deadline.ts";
import { isNoDomain, isOperationInvalid } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import type { StopBudget } from "../platform.ts";
import type { Causes } from "./causes.ts";
import { dyingEmulatorOf, emulatorOf, endEmulators } from "./emulator.ts";
import type { EmulatorFacts } from "./emulator-facts.ts";
import { EmulatorScan } from "./emulator-scan.ts";
import { isNoAnswer } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";

/**
 * A start under way is given this share of the patience: libvirt takes a destroy before its start has ended, but
 * says "not running" when the start has not begun.
 */
const PENDING_SHARE = 0.3;

/** Each signal's share of what is left of clean's time: two signals and a scan have to fit. */
const GRACE_SHARE = 0.3;
const GRACE_AT_MOST_MS = 5000;

export interface StopperParts {
  readonly destroyLane: Lane;
  readonly slow: Lane;
  readonly causes: Causes;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Ends guests by force, and proves that no emulator is left and none can still come up. */
export class Stopper {
  readonly #parts: StopperParts;
  readonly #scan = new EmulatorScan();

  constructor(parts: StopperParts) {
    this.#parts = parts;
  }

  /** See Platform.destroy. */
  async destroy(guest: string, budget: StopBudget, signal: AbortSignal): Promise<void> {
    const until = performance.now() + 2 * budget.patienceMs;
    const ruledOut = await this.#byLibvirt(guest, budget, signal);
    throwIfAborted(signal);
    await this.#endLeftOver(guest, until - performance.now(), signal);
    if (ruledOut || !this.#mayStart(guest, budget)) return;
    throw new AgentError(
      "STILL_RUNNING",
      `guest ${guest}: a start was asked before that libvirt has not answered, so the guest may start yet`,
    );
  }

  /** See Platform.proveStopped. */
  async proveStopped(guest: string, signal: AbortSignal): Promise<void> {
    const [left] = await this.#emulatorsOf(guest);
    throwIfAborted(signal);
    if (left === undefined) return;
    throw new AgentError("STILL_RUNNING", `guest ${guest}: its emulator with pid ${left.pid} still exists`);
  }

  /** True when libvirt answered and no start is left in it that could bring the guest up later. */
  async #byLibvirt(guest: string, budget: StopBudget, signal: AbortSignal): Promise<boolean> {
    const { destroyLane, log, memories } = this.#parts;
    const { patienceMs } = budget;
    try {
      return await withDeadline(
        patienceMs,
        `libvirt's destroy of guest ${guest}`,
        [signal],
        async (limit) => {
          const pending = memories.of(guest).pendingStart;
          if (pending !== undefined) await settled(pending, patienceMs * PENDING_SHARE, limit);
          await this.#destroyPatiently(guest, patienceMs, limit);
          if (!this.#mayStart(guest, budget)) return true;
          return this.#flushStarts(guest, patienceMs, limit);
        },
      );
    } catch (error) {
      throwIfAborted(signal);
      log.warn({ guest, err: error }, "libvirt does not end the guest, its emulator is looked for");
      const isSilent = error instanceof AgentError || isNoAnswer(error);
      // where no libvirtd listens, what one had been asked died with it
      return isSilent ? destroyLane.noDaemon : !this.#mayStart(guest, budget);
    }
  }

  #mayStart(guest: string, { startMayBePending }: StopBudget): boolean {
    const memory = this.#parts.memories.of(guest);
    return memory.pendingStart !== undefined || (startMayBePending && !memory.startAnswered);
  }

  /** A libvirtd that is being restarted under the call is asked again. */
  async #destroyPatiently(guest: string, patienceMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#parts.destroyLane.use(patienceMs, signal, (session) =>
          this.#destroy(session, guest, signal),
        );
        return;
      } catch (error) {
        if (signal.aborted || !isNoAnswer(error)) throw error;
      }
    }
  }

  async #destroy(session: Hypervisor, guest: string, signal: AbortSignal): Promise<void> {
    try {
      const { uuid } = await session.lookupByName(guest, { signal });
      this.#parts.memories.of(guest).uuid = uuid;
      this.#parts.causes.stopAsked(uuid);
      await session.destroy(uuid, 0, { signal });
    } catch (error) {
      // neither a domain that is not there nor one that does not run needs an end
      if (!isNoDomain(error) && !isOperationInvalid(error)) throw error;
    }
  }

  /**
   * Brings out a start that waits in libvirt. A suspend goes through the same queue of workers and takes the same
   * lock of the domain as a start does: when libvirt answers it, every start asked before has run. One that it
   * suspended is destroyed.
   */
  async #flushStarts(guest: string, patienceMs: number, signal: AbortSignal): Promise<boolean> {
    const isUp = await this.#parts.slow.use(patienceMs, signal, async (session) => {
      try {
        const { uuid } = await session.lookupByName(guest, { signal });
        await session.suspend(uuid, { signal });
        return true;
      } catch (error) {
        if (isNoDomain(error) || isOperationInvalid(error)) return false;
        throw error;
      }
    });
    if (isUp) await this.#destroyPatiently(guest, patienceMs, signal);
    return true;
  }

  async #endLeftOver(guest: string, leftMs: number, signal: AbortSignal): Promise<void> {
    const left = await this.#emulatorsOf(guest);
    if (left.length === 0) return;
    const { log } = this.#parts;
    if ((await this.#uuidOf(guest)) === undefined) {
      throw new AgentError(
        "STILL_RUNNING",
        `guest ${guest}: an emulator of this name runs (pid ${left[0]?.pid}), and nothing proves that it is this guest's`,
      );
    }
    log.warn({ guest, pids: left.map(({ pid }) => pid) }, "emulator is ended by signals");
    await endEmulators(left, Math.min(GRACE_AT_MOST_MS, leftMs * GRACE_SHARE), signal);
    await this.proveStopped(guest, signal);
  }

  /** Those that show whose they are, and the one that once did and has not died altogether. */
  async #emulatorsOf(guest: string): Promise<readonly EmulatorFacts[]> {
    const uuid = await this.#uuidOf(guest);
    const shown = await this.#scan.find(uuid === undefined ? { name: guest } : { uuid });
    const { runDirectory } = this.#parts.settings();
    const dying = await dyingEmulatorOf(runDirectory, guest, this.#parts.memories.of(guest).lastEmulator);
    return dying === undefined || shown.some(({ pid }) => pid === dying.pid) ? shown : [...shown, dying];
  }

  /** What libvirt said last, else the emulator that libvirt's own pid file names. */
  async #uuidOf(guest: string): Promise<string | undefined> {
    const memory = this.#parts.memories.of(guest);
    if (memory.uuid !== undefined) return memory.uuid;
    const facts = await emulatorOf(this.#parts.settings().runDirectory, guest);
    // kept: the pid file goes with the emulator, and the proof of its end has to look for the same one
    memory.uuid ??= facts?.uuid;
    return memory.uuid;
  }
}

/** Waits for an operation's end, however it ends, at most for a time. */
async function settled(work: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  const end = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([end, pause(ms, signal)]);
}

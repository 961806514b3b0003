import { AgentError, hasCode } from "../agent-error.ts";
import type { Log } from "../log.ts";
import type { StopBudget } from "../platform.ts";
import type { GuestReader, GuestSight } from "./guest-reader.ts";
import type { Vm } from "./vm-document.ts";

/** Shown in RHEV-M beside the event. */
const REASON = "Veritas Cluster Server";

/** How often a stop is looked at; changes are heard at once. */
const LOOK_MS = 3000;

/** A stop that shows no effect is asked for again after this. */
const REPEAT_MS = 10_000;

/** A start of which nobody got the answer shows by then. */
const LATE_START_MS = 5000;

/** Statuses in which RHEV-M ends a guest when it is asked to. Source: oVirt engine, VM.isRunningOrPaused and StopVmCommand. */
const STOPPABLE = [
  "up",
  "powering_up",
  "powering_down",
  "wait_for_launch",
  "paused",
  "not_responding",
  "reboot_in_progress",
];

/** What was asked of the engine last, and until when it may take to show. */
interface Asked {
  step: "cancel" | "stop" | undefined;
  untilMs: number;
}

export interface GuestStopperParts {
  readonly reader: GuestReader;
  /** Resolves at the next hint about the guest, or after the time. */
  readonly nextChange: (guest: string, maxMs: number, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}

/**
 * Stops guests on this host, and only here: RHEV-M would stop them wherever they run. Before each request the guest is
 * read, and one that migrates is waited for.
 */
export class GuestStopper {
  readonly #parts: GuestStopperParts;

  constructor(parts: GuestStopperParts) {
    this.#parts = parts;
  }

  /**
   * Asks a guest to shut down. One that is not up yet is waited for: RHEV-M would cut its power instead.
   *
   * @throws {AgentError} REFUSED and others; when the time is over, what the guest was doing
   */
  async requestShutdown(guest: string, signal: AbortSignal): Promise<void> {
    const { reader, nextChange } = this.#parts;
    let words = "it was not read";
    for (;;) {
      if (signal.aborted)
        throw new AgentError(
          "TIMED_OUT",
          `guest ${guest} was not asked to shut down, as RHEV-M would have cut its power: ${words}`,
        );
      const { vm, reading } = await reader.sight(guest, signal);
      if (reading.active === false || vm.status === "powering_down") return;
      if (reading.active === true && vm.status === "up" && (await this.#isStill(guest, vm, signal))) {
        await this.#send(guest, () => reader.managerOf(guest).actions.shutDownVm(vm.id, REASON, signal));
        return;
      }
      words = reading.reason;
      await nextChange(guest, LOOK_MS, signal);
    }
  }

  /**
   * Ends a guest that is on this host by force; one that is on another host is left alone.
   *
   * @throws {AgentError} STILL_RUNNING when it is not proved gone before the signal aborts
   */
  async destroy(guest: string, { startMayBePending }: StopBudget, signal: AbortSignal): Promise<void> {
    const { nextChange } = this.#parts;
    const asked: Asked = { step: undefined, untilMs: 0 };
    const watch = { sinceMs: performance.now(), words: "it was not read" };
    while (!signal.aborted) {
      try {
        const sight = await this.#parts.reader.sight(guest, signal);
        watch.words = sight.reading.reason;
        const isOld = performance.now() - watch.sinceMs >= LATE_START_MS;
        if (sight.reading.active === false && (!startMayBePending || isOld)) return this.#gone(guest, sight);
        await this.#end(guest, sight, asked, signal);
      } catch (error) {
        watch.words = passingWords(error, signal) ?? watch.words;
      }
      await nextChange(guest, LOOK_MS, signal);
    }
    throw new AgentError("STILL_RUNNING", `guest ${guest} is not proved stopped: ${watch.words}`, {
      cause: signal.reason,
    });
  }

  /**
   * What was read before the call proves nothing: somebody may have started it since.
   *
   * @throws {AgentError} STILL_RUNNING unless RHEV-M says that it does not run on this host
   */
  async proveStopped(guest: string, signal: AbortSignal): Promise<void> {
    const reading = await this.#parts.reader.readFresh(guest, signal);
    if (reading.active === false) return;
    if (reading.active === true)
      throw new AgentError("STILL_RUNNING", `guest ${guest} still runs: ${reading.reason}`);
    throw new AgentError("PLATFORM_DOWN", `guest ${guest} is not proved stopped: ${reading.reason}`);
  }

  #gone(guest: string, { reading }: GuestSight): void {
    this.#parts.log.info({ guest, reason: reading.reason }, "guest does not run on this host");
  }

  /** The next step towards the end of a guest, where there is one. */
  async #end(guest: string, { vm, reading }: GuestSight, asked: Asked, signal: AbortSignal): Promise<void> {
    const step = reading.active === true ? stepFor(vm.status) : undefined;
    if (step === undefined || (asked.step === step && performance.now() < asked.untilMs)) return;
    if (!(await this.#isStill(guest, vm, signal))) return;
    const { actions } = this.#parts.reader.managerOf(guest);
    asked.step = step;
    asked.untilMs = performance.now() + REPEAT_MS;
    await this.#send(guest, () =>
      step === "cancel" ? actions.cancelMigration(vm.id, signal) : actions.stopVm(vm.id, REASON, signal),
    );
  }

  /**
   * Whether it is on the same host and as it was, at this moment: a sight takes some requests, and RHEV-M stops a guest
   * wherever it is by then.
   */
  async #isStill(guest: string, { id, hostId, status }: Vm, signal: AbortSignal): Promise<boolean> {
    const now = await this.#parts.reader.managerOf(guest).reads.vm(id, signal);
    return now.hostId === hostId && now.status === status;
  }

  /** What the answer was shows in the state, which is read next in any case. */
  async #send(guest: string, request: () => Promise<unknown>): Promise<void> {
    const { reader, log } = this.#parts;
    try {
      await request();
    } catch (error) {
      if (!hasCode(error, "OUTCOME_UNKNOWN")) throw error;
      log.warn({ guest, err: error }, "answer of RHEV-M is lost, the guest is watched");
    } finally {
      reader.managerOf(guest).poller.invalidate(guest);
    }
  }
}

/** What is asked of the engine next; a guest that migrates is kept here first, as a stop might meet it on the other host. */
function stepFor(status: string | undefined): Asked["step"] {
  if (status === "migrating") return "cancel";
  return status !== undefined && STOPPABLE.includes(status) ? "stop" : undefined;
}

/**
 * The words of what may be over at the next try; a refusal too, as RHEV-M says no to a guest that it works on. Undefined when
 * the time is over, which says nothing of the guest.
 */
function passingWords(error: unknown, signal: AbortSignal): string | undefined {
  if (signal.aborted) return undefined;
  if (!hasCode(error, "PLATFORM_DOWN", "TIMED_OUT", "REFUSED", "PROTOCOL")) throw error;
  return error.message;
}

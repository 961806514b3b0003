import { AgentError, messageOf } from "../agent-error.ts";
import { orAbort, throwIfAborted } from "../deadline.ts";
import { isOperationInvalid, LibvirtCallError } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import type { SavedMemory } from "../saved-memory.ts";
import type { Causes } from "./causes.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";

/** Waiting for a session. */
const PATIENCE_MS = 5000;

/** A start cannot be cancelled; after this long its answer is no longer expected. */
const START_MS = 600_000;

export interface StarterParts {
  readonly lane: Lane;
  readonly causes: Causes;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Starts guests and brings suspended ones back. */
export class Starter {
  readonly #parts: StarterParts;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /**
   * See Platform.start and Platform.restore.
   *
   * @param flags with FORCE_BOOT libvirt itself removes saved memory in the moment of the start: nothing comes between
   */
  async start(guest: string, flags: number, signal: AbortSignal): Promise<void> {
    const memory = this.#parts.memories.of(guest);
    if (memory.pendingStart !== undefined) {
      await orAbort(memory.pendingStart, signal);
      return;
    }
    memory.startAnswered = false;
    const started = this.#create(guest, flags, signal);
    memory.pendingStart = started;
    void this.#followUp(guest, started, signal);
    await orAbort(started, signal);
  }

  /** See Platform.savedMemory. */
  async savedMemory(guest: string, signal: AbortSignal): Promise<SavedMemory | undefined> {
    try {
      return await this.#parts.lane.use(PATIENCE_MS, signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        const isThere = await session.hasManagedSave(uuid, { signal });
        return isThere ? { uuid, policy: this.#parts.settings().managedSave } : undefined;
      });
    } catch (error) {
      throw agentErrorOf(error, `looking for saved memory of guest ${guest}`);
    }
  }

  /** What is known of a start when it has ended, whoever still waits for it. */
  async #followUp(guest: string, started: Promise<void>, signal: AbortSignal): Promise<void> {
    const { log, memories } = this.#parts;
    const memory = memories.of(guest);
    try {
      await started;
      memory.startAnswered = true;
      if (signal.aborted) log.warn({ guest }, "start that was given up has succeeded late");
    } catch (error) {
      memory.startAnswered = !mayStillHappen(error);
      if (signal.aborted) log.info({ guest, err: error }, "start that was given up has ended");
    } finally {
      memory.pendingStart = undefined;
    }
  }

  /** See Platform.wake. */
  async wake(guest: string, how: "paused" | "asleep", signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.lane.use(PATIENCE_MS, signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        return how === "paused" ? session.resume(uuid, { signal }) : session.pmWakeup(uuid, { signal });
      });
    } catch (error) {
      throw agentErrorOf(error, `bringing back guest ${guest}`);
    }
  }

  /** The caller's signal ends the way to the call, not the call itself. */
  async #create(guest: string, flags: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.lane.use(PATIENCE_MS, signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        throwIfAborted(signal); // from here on nothing can take it back
        this.#parts.causes.forget(uuid); // how the run before ended is over, also before libvirt's events say so
        await session.create(uuid, flags, { timeoutMs: START_MS });
      });
    } catch (error) {
      if (isOperationInvalid(error) && (await this.#isActive(guest, signal))) return;
      throw agentErrorOf(error, `start of guest ${guest}`);
    }
  }

  /** libvirt refuses to start a running guest with the same code as other operations in the wrong state. */
  async #isActive(guest: string, signal: AbortSignal): Promise<boolean> {
    try {
      const domain = await this.#parts.lane.use(PATIENCE_MS, signal, (session) =>
        session.lookupByName(guest, { signal }),
      );
      return domain.id >= 0;
    } catch (error) {
      throw new AgentError("PLATFORM_DOWN", `start of guest ${guest}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** Without libvirt's answer, what was asked may happen yet. */
function mayStillHappen(error: unknown): boolean {
  const cause = error instanceof AgentError ? error.cause : error;
  return cause instanceof LibvirtCallError && (cause.kind === "closed" || cause.kind === "timed out");
}

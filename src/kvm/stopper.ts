import { AgentError, messageOf } from "../agent-error.ts";
import { orAbort, pause, throwIfAborted, withDeadline } from "../deadline.ts";
import { isNoDomain, isOperationInvalid } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import type { StopBudget } from "../platform.ts";
import type { Causes } from "./causes.ts";
import { type EmulatorQuery, endEmulators, findEmulators } from "./emulator.ts";
import { agentErrorOf, isNoAnswer } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";

/** Waiting for a session or for room on it. */
const PATIENCE_MS = 5000;

/** A shutdown request asks the emulator or the guest agent; either may hang. */
const REQUEST_MS = 10_000;

/** How long the agent is given before ACPI is tried. */
const AGENT_MS = 5000;

/**
 * A start under way is given this share of the patience: libvirt takes a destroy before its start has ended, but
 * says "not running" when the start has not begun.
 */
const PENDING_SHARE = 0.3;

/** Each signal's share of what is left of clean's time: two signals and a scan have to fit. */
const GRACE_SHARE = 0.3;
const GRACE_AT_MOST_MS = 5000;

/** Source: libvirt-domain.h, virDomainShutdownFlagValues. */
const SHUTDOWN_BY = { acpi: 1, agent: 2 } as const;

export interface StopperParts {
  readonly control: Lane;
  readonly urgent: Lane;
  readonly causes: Causes;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Stops guests: asks them, ends them by force, and proves that no emulator is left. */
export class Stopper {
  readonly #parts: StopperParts;

  constructor(parts: StopperParts) {
    this.#parts = parts;
  }

  /** See Platform.requestShutdown. A request that libvirt has not answered yet is not sent a second time. */
  async requestShutdown(guest: string, signal: AbortSignal): Promise<void> {
    const memory = this.#parts.memories.of(guest);
    if (memory.pendingShutdown !== undefined) return;
    const asked = this.#ask(guest, signal);
    memory.pendingShutdown = asked;
    const forget = () => {
      memory.pendingShutdown = undefined;
    };
    asked.then(forget, forget);
    await withDeadline(REQUEST_MS, `the shutdown request for guest ${guest}`, [signal], (limit) =>
      orAbort(asked, limit),
    );
  }

  /** See Platform.destroy. */
  async destroy(guest: string, { patienceMs }: StopBudget, signal: AbortSignal): Promise<void> {
    const until = performance.now() + 2 * patienceMs;
    const answered = await this.#byLibvirt(guest, patienceMs, signal);
    throwIfAborted(signal);
    await this.#endLeftOver(guest, until - performance.now(), signal);
    const memory = this.#parts.memories.of(guest);
    if (memory.pendingStart !== undefined || (memory.unsureStart && !answered)) {
      throw new AgentError(
        "STILL_RUNNING",
        `guest ${guest}: libvirt has not answered a start that was asked before, so the guest may start yet`,
      );
    }
  }

  /** See Platform.proveStopped. */
  async proveStopped(guest: string, signal: AbortSignal): Promise<void> {
    const [left] = await findEmulators(this.#queryOf(guest));
    throwIfAborted(signal);
    if (left === undefined) return;
    throw new AgentError("STILL_RUNNING", `guest ${guest}: its emulator with pid ${left.pid} still exists`);
  }

  /** True when libvirt answered, whatever it said; the scan of /proc decides. */
  async #byLibvirt(guest: string, patienceMs: number, signal: AbortSignal): Promise<boolean> {
    const { log, memories, urgent } = this.#parts;
    try {
      await withDeadline(patienceMs, `libvirt's destroy of guest ${guest}`, [signal], async (limit) => {
        const pending = memories.of(guest).pendingStart;
        if (pending !== undefined) await settled(pending, patienceMs * PENDING_SHARE, limit);
        await urgent.use(patienceMs, limit, (session) => this.#destroy(session, guest, limit));
        if (pending !== undefined) await settled(pending, patienceMs, limit);
      });
      return true;
    } catch (error) {
      throwIfAborted(signal);
      log.warn({ guest, err: error }, "libvirt does not end the guest, its emulator is looked for");
      return error instanceof AgentError ? false : !isNoAnswer(error);
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

  async #endLeftOver(guest: string, leftMs: number, signal: AbortSignal): Promise<void> {
    const query = this.#queryOf(guest);
    const left = await findEmulators(query);
    if (left.length === 0) return;
    this.#parts.log.warn({ guest, pids: left.map(({ pid }) => pid) }, "emulator is ended by signals");
    await endEmulators(left, Math.min(GRACE_AT_MOST_MS, leftMs * GRACE_SHARE), signal);
    await this.proveStopped(guest, signal);
  }

  #queryOf(guest: string): EmulatorQuery {
    const { uuid } = this.#parts.memories.of(guest);
    return uuid === undefined ? { name: guest } : { uuid };
  }

  async #ask(guest: string, signal: AbortSignal): Promise<void> {
    const { causes, control, settings } = this.#parts;
    try {
      await control.use(PATIENCE_MS, signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        causes.stopAsked(uuid);
        if (settings().shutdown === "agent" && (await this.#agentTook(session, guest, uuid))) return;
        await session.shutdown(uuid, SHUTDOWN_BY.acpi);
      });
    } catch (error) {
      if (isNoDomain(error) || isOperationInvalid(error)) return;
      throw agentErrorOf(error, `shutdown of guest ${guest}`);
    }
  }

  async #agentTook(session: Hypervisor, guest: string, uuid: string): Promise<boolean> {
    try {
      await session.shutdown(uuid, SHUTDOWN_BY.agent, { timeoutMs: AGENT_MS });
      return true;
    } catch (error) {
      if (isNoDomain(error)) throw error;
      this.#parts.log.warn(
        { guest, reason: messageOf(error) },
        "guest agent did not take the shutdown, trying ACPI",
      );
      return false;
    }
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

import { messageOf } from "../agent-error.ts";
import { orAbort, withDeadline } from "../deadline.ts";
import { isNoDomain, isOperationInvalid, isTimedOut } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import type { Causes } from "./causes.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";

/** Waiting for a session. */
const PATIENCE_MS = 5000;

/** A shutdown request asks the emulator, which may hang. */
const REQUEST_MS = 10_000;

/** How long the agent is given before ACPI is tried. */
const AGENT_MS = 5000;

/** After a request that hangs in libvirt: each further one would occupy one more of its twenty workers. */
const HANG_PAUSE_MS = 60_000;

/** Source: libvirt-domain.h, virDomainShutdownFlagValues. */
const SHUTDOWN_BY = { acpi: 1, agent: 2 } as const;

export interface ShutdownParts {
  readonly lane: Lane;
  readonly causes: Causes;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Asks guests to shut down, through the power button or their agent. */
export class ShutdownRequester {
  readonly #parts: ShutdownParts;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /** See Platform.requestShutdown. A request that has no answer yet is not sent a second time. */
  async request(guest: string, signal: AbortSignal): Promise<void> {
    const memory = this.#parts.memories.of(guest);
    if (memory.pendingShutdown !== undefined || performance.now() < memory.noShutdownBefore) return;
    const asked = this.#ask(guest, signal);
    memory.pendingShutdown = asked;
    const forget = () => {
      memory.pendingShutdown = undefined;
    };
    asked.then(forget, forget);
    await withDeadline(AGENT_MS + REQUEST_MS, `the shutdown request for guest ${guest}`, [signal], (limit) =>
      orAbort(asked, limit),
    );
  }

  async #ask(guest: string, signal: AbortSignal): Promise<void> {
    const { causes, lane, memories, settings } = this.#parts;
    try {
      await lane.use(PATIENCE_MS, signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        causes.stopAsked(uuid);
        if (settings().shutdown === "agent" && (await this.#agentTook(session, guest, uuid))) return;
        await session.shutdown(uuid, SHUTDOWN_BY.acpi, { timeoutMs: REQUEST_MS });
      });
    } catch (error) {
      if (isNoDomain(error) || isOperationInvalid(error)) return;
      if (isTimedOut(error)) memories.of(guest).noShutdownBefore = performance.now() + HANG_PAUSE_MS;
      throw agentErrorOf(error, `shutdown of guest ${guest}`);
    }
  }

  async #agentTook(session: Hypervisor, guest: string, uuid: string): Promise<boolean> {
    try {
      await session.shutdown(uuid, SHUTDOWN_BY.agent, { timeoutMs: AGENT_MS });
      return true;
    } catch (error) {
      if (isNoDomain(error)) throw error;
      const reason = messageOf(error);
      this.#parts.log.warn({ guest, reason }, "guest agent did not take the shutdown, trying ACPI");
      return false;
    }
  }
}

import { withDeadline } from "../deadline.ts";
import { isNoDomain, isOperationInvalid } from "../libvirt/errors.ts";
import { domainWords, isStalled } from "./domain-words.ts";
import { agentErrorOf, isNoAnswer } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import { sideByJob } from "./migration-side.ts";

/** Waiting for a session. */
const PATIENCE_MS = 1000;

/** So soon a disk that fails still pauses the guest again. */
const TRY_MS = 3000;

/** Whether a migration runs is known at once, or not at all. */
const JOB_MS = 2000;

/** After a resume that hangs in libvirt: each further one would occupy one more of its twenty workers. */
const HANG_PAUSE_MS = 60_000;

export interface StalledParts {
  readonly lane: Lane;
  readonly memories: GuestMemories;
}

/** Domains that a failed disk has paused. */
export class StalledDomains {
  readonly #parts: StalledParts;

  constructor(parts: StalledParts) {
    this.#parts = parts;
  }

  /** See Platform.resumeStalled. */
  async resume(guest: string, signal: AbortSignal): Promise<boolean> {
    const { lane, memories } = this.#parts;
    const memory = memories.of(guest);
    if (performance.now() < memory.noResumeBefore) return false;
    try {
      return await lane.use(PATIENCE_MS, signal, (session) => this.#resumeOn(session, guest, signal));
    } catch (error) {
      if (isNoDomain(error) || isOperationInvalid(error)) return false;
      throw agentErrorOf(error, `letting guest ${guest} go on`);
    }
  }

  async #resumeOn(session: Hypervisor, guest: string, signal: AbortSignal): Promise<boolean> {
    const memory = this.#parts.memories.of(guest);
    const { uuid } = await session.lookupByName(guest, { signal });
    const { state, reason } = await session.getState(uuid, { signal });
    if (!isStalled(domainWords(state, reason)) || (await mayMigrate(session, uuid, signal))) return false;
    memory.triedUntil = performance.now() + TRY_MS;
    try {
      await session.resume(uuid, { signal });
    } catch (error) {
      if (signal.aborted) memory.noResumeBefore = performance.now() + HANG_PAUSE_MS;
      throw error;
    }
    return true;
  }
}

/** A guest that migrates is its migration's to resume; where that cannot be told, it is left alone. */
async function mayMigrate(session: Hypervisor, uuid: string, signal: AbortSignal): Promise<boolean> {
  try {
    return await withDeadline(JOB_MS, "job statistics", [signal], async (limit) => {
      return (await sideByJob(session, uuid, { signal: limit })) !== "none";
    });
  } catch (error) {
    if (isNoAnswer(error) && !signal.aborted) return true;
    throw error;
  }
}

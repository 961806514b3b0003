import { AgentError, hasCode } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import { throwIfAborted } from "../deadline.ts";
import { XML } from "../libvirt/flags.ts";
import type { GuestDefinition } from "../platform.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Lane } from "./lane.ts";
import { withoutPayloadDrive } from "./payload-drive.ts";
import type { KvmSettings } from "./settings.ts";
import type { SharedStorage } from "./shared-storage.ts";
import { type CopyResult, writeCopy } from "./sync-folder.ts";

/** Waiting for a session; the caller's signal ends it sooner. */
const PATIENCE_MS = 5000;

/** A question that hung in libvirt holds one of its workers, and is not asked again for this long. */
const HANG_PAUSE_MS = 60_000;

export interface CopierParts {
  /** One of its own: a question that hangs must not stand before anything else. */
  readonly lane: Lane;
  readonly storage: SharedStorage;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
}

/** Takes guests' definitions from libvirt and keeps copies of them in SyncDir. */
export class DefinitionCopier {
  readonly #parts: CopierParts;

  constructor(parts: CopierParts) {
    this.#parts = parts;
  }

  /** See Platform.takeDefinition. */
  async take(guest: string, signal: AbortSignal): Promise<GuestDefinition> {
    const { lane, memories, settings } = this.#parts;
    const memory = memories.of(guest);
    const doing = `taking the definition of guest ${guest}`;
    if (performance.now() < memory.noDefinitionBefore)
      throw new AgentError("TIMED_OUT", `${doing}: libvirt still owes the answer to the last question`);
    const flags = settings().sync.secrets ? XML.INACTIVE | XML.SECURE : XML.INACTIVE;
    const question = { isAsked: false };
    try {
      return await lane.use(PATIENCE_MS, signal, async (session) => {
        question.isAsked = true;
        const { uuid, id } = await session.lookupByName(guest, { signal });
        const xml = await session.getXml(uuid, flags, { signal });
        return { text: await withoutPayloadDrive(xml), active: id >= 0 };
      });
    } catch (error) {
      const isLate = signal.aborted && hasCode(signal.reason, "TIMED_OUT");
      if (question.isAsked && isLate) memory.noDefinitionBefore = performance.now() + HANG_PAUSE_MS;
      throwIfAborted(signal);
      throw agentErrorOf(error, doing);
    }
  }

  /** See Platform.saveDefinition. */
  async save(
    { guestName: guest, syncDir }: Attributes,
    { text }: GuestDefinition,
    signal: AbortSignal,
  ): Promise<CopyResult> {
    if (syncDir === undefined)
      throw new AgentError(
        "BAD_ATTRIBUTE",
        `SyncDir of guest ${guest} is not set: there is no place for a copy`,
      );
    const { versions } = this.#parts.settings().sync;
    return this.#parts.storage.use(syncDir, signal, (limit) =>
      writeCopy(syncDir, guest, text, versions, limit),
    );
  }
}

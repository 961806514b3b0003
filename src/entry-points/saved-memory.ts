import { AgentError, messageOf } from "../agent-error.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import { type LastOnline, type SavedRecord, savedMemoryVerdict } from "../saved-memory.ts";
import type { OnlineContext } from "./context.ts";

/** The engine is asked one question, and a start does not wait for it any longer. */
const ENGINE_MS = 3000;

/**
 * Whether a guest that is about to start goes on from its saved memory; says so in the log.
 *
 * @throws {AgentError} REFUSED when the configuration leaves that to the administrator
 */
export async function goesOnFromMemory(context: OnlineContext, signal: AbortSignal): Promise<boolean> {
  const { attributes, platform, log, savedRecord } = context;
  const guest = attributes.guestName;
  const memory = await platform.savedMemory(guest, signal);
  if (memory === undefined) return false;

  const lastOnline = await lastOnlineOf(context, savedRecord, signal);
  const { kind, why } = savedMemoryVerdict({ memory, record: savedRecord, lastOnline });
  if (kind === "refuse") {
    throw new AgentError(
      "REFUSED",
      `guest ${guest} has a managed save image on this host, and ${why}: ` +
        `"virsh start ${guest}" restores it, "virsh managedsave-remove ${guest}" discards it`,
    );
  }
  if (kind === "restore") {
    log.info({ why }, "guest goes on from its saved memory");
    return true;
  }
  log.warn({ why }, "saved memory of the guest is removed, the guest boots anew");
  return false;
}

/** The engine is asked only where its answer decides. */
async function lastOnlineOf(
  { lastOnline }: OnlineContext,
  record: SavedRecord | undefined,
  signal: AbortSignal,
): Promise<LastOnline> {
  if (record === undefined) return { kind: "unknown", reason: "it was not asked" };
  try {
    return await withDeadline(ENGINE_MS, "the question for LastOnline", [signal], (limit) =>
      lastOnline(limit),
    );
  } catch (error) {
    throwIfAborted(signal);
    return { kind: "unknown", reason: messageOf(error) };
  }
}

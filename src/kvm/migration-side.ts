import { AgentError } from "../agent-error.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import { ERROR_CODE, hasErrorCode, isOperationInvalid } from "../libvirt/errors.ts";
import type { DomainWords } from "./domain-words.ts";
import { emulatorOf } from "./emulator.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Hypervisor, Limits } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";
import type { MigrationSide } from "./state-table.ts";

/** Job statistics wait for the emulator, and for a start under way: many seconds where it hangs. */
const JOB_MS = 2000;

/** A question that hangs is not asked again for this long; libvirt itself gives up waiting for a job after 30 s. */
const JOB_PAUSE_MS = 30_000;

/** Source: libvirt-domain.h, virDomainJobOperation. */
const OPERATION = { migrationIn: 4, migrationOut: 5 } as const;

export interface SideParts {
  readonly slow: Lane;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
}

/**
 * Which way the migration goes that a paused domain may be part of. Where libvirt does not answer, the command line
 * tells; it keeps `-incoming` for the emulator's life, so it is the last resort.
 */
export async function migrationSide(
  parts: SideParts,
  domain: { readonly guest: string; readonly uuid: string; readonly words: DomainWords },
  signal: AbortSignal,
): Promise<MigrationSide> {
  const facts = await emulatorOf(parts.settings().runDirectory, domain.guest);
  const hasIncoming = facts?.uuid === domain.uuid && facts.incoming;
  if (domain.words.reason === "starting up" && !hasIncoming) return "none";

  const byCommandLine = hasIncoming ? "incoming" : "none";
  const memory = parts.memories.of(domain.guest);
  if (performance.now() < memory.noJobBefore) return byCommandLine;
  try {
    return await withDeadline(JOB_MS, "job statistics", [signal], (limit) =>
      parts.slow.use(0, limit, (session) => sideByJob(session, domain.uuid, { signal: limit })),
    );
  } catch (error) {
    throwIfAborted(signal);
    if (!(error instanceof AgentError) || error.code !== "PLATFORM_DOWN") {
      memory.noJobBefore = performance.now() + JOB_PAUSE_MS;
    }
    return byCommandLine;
  }
}

/**
 * Which way the migration goes, by libvirt's job statistics alone. On the target libvirt refuses them as unsupported
 * (measured, 9.0.0). They wait for the emulator: give the call a limit.
 */
export async function sideByJob(session: Hypervisor, uuid: string, limits: Limits): Promise<MigrationSide> {
  try {
    const job = await session.getJobStats(uuid, 0, limits);
    return sideOf(job.type === 0 ? undefined : job.params.get("operation"));
  } catch (error) {
    if (hasErrorCode(error, ERROR_CODE.OPERATION_UNSUPPORTED)) return "incoming";
    if (isOperationInvalid(error)) return "none"; // it ended meanwhile
    throw error;
  }
}

function sideOf(operation: unknown): MigrationSide {
  if (operation === OPERATION.migrationOut) return "outgoing";
  return operation === OPERATION.migrationIn ? "incoming" : "none";
}

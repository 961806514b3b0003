import type { AskedMigration } from "../migration.ts";
import { domainWords } from "./domain-words.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** A look waits for the emulator. */
const LOOK_MS = 2000;

const ABORT_MS = 5000;

/** The migration that was asked for is the one that began then, give or take what libvirt needs and clocks differ. */
const BEGINS_WITHIN_MS = 10_000;

/** Source: libvirt-domain.h, VIR_DOMAIN_JOB_UNBOUNDED, VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT. */
const JOB = { runs: 2, migrationOut: 5 } as const;

/**
 * Aborts a running migration if it is the one that was asked for: libvirt knows how long a job runs, and not whose it is.
 * One that turned to post-copy has its guest on the target and is left alone; libvirt refuses its abort as well, should
 * somebody turn it between the look and the abort.
 *
 * @returns true when libvirt took the abort
 * @throws what the session throws
 */
export async function abortIfAsked(
  session: Hypervisor,
  uuid: string,
  asked: AskedMigration,
  signal: AbortSignal,
): Promise<boolean> {
  const { state, reason } = await session.getState(uuid, { signal });
  const words = domainWords(state, reason);
  if (words.state === "paused" && words.reason.startsWith("post-copy")) return false;
  const { type, params } = await session.getJobStats(uuid, 0, { signal, timeoutMs: LOOK_MS });
  const elapsedMs = params.get("time_elapsed");
  if (type !== JOB.runs || params.get("operation") !== JOB.migrationOut) return false;
  if (!isThatOf(asked, elapsedMs)) return false;
  await session.abortJob(uuid, { signal, timeoutMs: ABORT_MS });
  return true;
}

/** Source: libvirt-domain.h, VIR_DOMAIN_JOB_TIME_ELAPSED, milliseconds. */
function isThatOf({ at }: AskedMigration, elapsedMs: unknown): boolean {
  if (typeof elapsedMs !== "number" && typeof elapsedMs !== "bigint") return false;
  const beganAt = Date.now() - Number(elapsedMs);
  return Math.abs(beganAt - Date.parse(at)) <= BEGINS_WITHIN_MS;
}

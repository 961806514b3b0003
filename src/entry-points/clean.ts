import type { CleanContext, StopResult } from "./context.ts";

/** Why the framework runs clean. Source: Agent Developer's Guide, clean reason codes. */
const REASONS: ReadonlyMap<number, string> = new Map([
  [0, "offline hung"],
  [1, "offline ineffective"],
  [2, "online hung"],
  [3, "online ineffective"],
  [4, "unexpected offline"],
  [5, "monitor hung"],
]);

/** Reasons that concern a resource that was ONLINE here: the others come of an online. Source: the same. */
const AFTER_ONLINE: ReadonlySet<number> = new Set([0, 1, 4, 5]);

/** True when the reason tells that the guest ran here before: its definition here is the one that it ran with. */
export function ranHere(reason: number | undefined): boolean {
  return reason !== undefined && AFTER_ONLINE.has(reason);
}

/**
 * Ends the guest by force, for whatever reason, and returns only when that is proved.
 *
 * @param budgetMs the whole time there is; after half of it the platform no longer waits for the hypervisor
 * @throws {AgentError} STILL_RUNNING and others: the clean has failed and the engine tries again
 */
export async function clean(
  { attributes, platform, log, startMayBePending }: CleanContext,
  reason: number | undefined,
  budgetMs: number,
  signal: AbortSignal,
): Promise<StopResult> {
  log.info({ reason: cleanReasonText(reason) }, "guest is being ended by force");
  await platform.destroy(attributes.guestName, { patienceMs: budgetMs / 2, startMayBePending }, signal);
  log.info({}, "guest is proved gone");
  return { stopped: true };
}

/** The words for the engine's reason; a code that the manual does not have is shown as a number. */
export function cleanReasonText(reason: number | undefined): string {
  if (reason === undefined) return "not given";
  return REASONS.get(reason) ?? `code ${reason}`;
}

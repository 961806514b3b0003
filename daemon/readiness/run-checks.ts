import { setMaxListeners } from "node:events";
import { AgentError, messageOf } from "../../src/agent-error.ts";
import { orAbort, withDeadline } from "../../src/deadline.ts";
import { type Check, type CheckRow, rowsOf } from "../../src/readiness.ts";

/** A look at something that answers takes a fraction of it: opening a connection may take half. */
const CHECK_MS = 10_000;

/** How many checks are under way at the same time: most of them wait for somebody. */
const CHECKS_AT_ONCE = 16;

/**
 * Runs checks side by side. One that hangs costs a row and its limit, and keeps no other waiting.
 *
 * @returns rows in the order of the checks
 */
export async function runChecks(
  checks: readonly Check[],
  signal: AbortSignal,
  limitMs = CHECK_MS,
): Promise<readonly CheckRow[]> {
  setMaxListeners(0, signal);
  const rows = checks.map((): readonly CheckRow[] => []);
  const waiting = checks.entries();
  const workers = Array.from({ length: CHECKS_AT_ONCE }, async () => {
    // the iterator is shared: each check is taken once
    for (const [at, check] of waiting) rows[at] = await rowsFrom(check, check.limitMs ?? limitMs, signal);
  });
  await Promise.all(workers);
  return rows.flat();
}

/** What nobody foresaw in one check must not cost the others' rows. */
async function rowsFrom(
  { name, about, look }: Check,
  limitMs: number,
  signal: AbortSignal,
): Promise<readonly CheckRow[]> {
  try {
    return await withDeadline(limitMs, `the look at ${about}`, [signal], (limit) =>
      orAbort(look(limit), limit),
    );
  } catch (error) {
    const isExpected = error instanceof AgentError;
    const why = isExpected ? messageOf(error) : `a defect of this check: ${messageOf(error)}`;
    return [rowsOf(name, about).notChecked(why)];
  }
}

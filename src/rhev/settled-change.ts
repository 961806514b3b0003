import { hasCode } from "../agent-error.ts";
import { throwIfAborted } from "../deadline.ts";

/** Changes something of which the caller then reads what became of it: so a lost answer is no failure yet. */
export async function settled(change: () => Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await change();
  } catch (error) {
    throwIfAborted(signal);
    if (!hasCode(error, "OUTCOME_UNKNOWN")) throw error;
  }
}

/** The framework kills at its timeout: the daemon's answer has to be on its way this much earlier. */
const MARGIN = { share: 0.1, leastMs: 2000 } as const;

/** Work that does not heed its deadline (a hung disk) is left behind after this; the shim waits no longer. */
export const LATE_MS = 500;

/** Milliseconds that an entry point may work, given the framework's limit in seconds; never less than half of it. */
export function budgetMs(timeoutS: number): number {
  const whole = timeoutS * 1000;
  return Math.max(whole / 2, whole - Math.max(MARGIN.leastMs, whole * MARGIN.share));
}

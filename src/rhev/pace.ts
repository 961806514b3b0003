/** Pause between cycles while something moves, and else. The engine itself looks at its hosts every 3 s. */
const MOVING_MS = 3000;
const QUIET_MS = 10_000;

/** After an operation and after a change, something is taken to move for so long. */
const STIR_MS = 30_000;

/** Hosts that were started together drift apart by this part of the pause. */
const SPREAD = 0.1;

export interface PaceFacts {
  /** A guest or a host is on its way to another state. */
  readonly isMoving: boolean;
  /** Milliseconds since the last operation or change. */
  readonly stirredMs: number;
  /** How long the last cycle took, in milliseconds. */
  readonly cycleMs: number;
  /** Cycles that failed in a row. */
  readonly failures: number;
  /** From 0 to 1. */
  readonly random: number;
}

/**
 * How long to wait after a cycle, in milliseconds: 3 s while something moves, else so that the next one ends before the
 * reading is 10 s old; after failures from 3 s to 10 s.
 *
 * A reading's age counts from the beginning of its cycle, so both the last cycle and the next one are taken off. Else all
 * monitors of the end of each pause would wait for the next reading.
 */
export function paceMs({ isMoving, stirredMs, cycleMs, failures, random }: PaceFacts): number {
  if (failures > 0) return spread(Math.min(MOVING_MS * 2 ** (failures - 1), QUIET_MS), random);
  if (isMoving || stirredMs < STIR_MS) return MOVING_MS;
  return Math.max(MOVING_MS, spread(QUIET_MS, random) - 2 * cycleMs);
}

/** Never longer, as a reading must not be older than that. */
function spread(ms: number, random: number): number {
  return ms * (1 - SPREAD * random);
}

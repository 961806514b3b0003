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
  /** Cycles that failed in a row. */
  readonly failures: number;
  /** From 0 to 1. */
  readonly random: number;
}

/** How long to wait after a cycle, in milliseconds: 3 s while something moves, 10 s else; after failures from 3 s to 10 s. */
export function paceMs({ isMoving, stirredMs, failures, random }: PaceFacts): number {
  if (failures > 0) return spread(Math.min(MOVING_MS * 2 ** (failures - 1), QUIET_MS), random);
  return isMoving || stirredMs < STIR_MS ? MOVING_MS : spread(QUIET_MS, random);
}

/** Never longer, as a reading must not be older than that. */
function spread(ms: number, random: number): number {
  return ms * (1 - SPREAD * random);
}

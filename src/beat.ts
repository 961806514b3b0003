/**
 * What a loop says of itself, so that somebody notices when it stands still. Each call takes the place of the one before.
 */
export interface Beat {
  /** The loop comes back here within this many milliseconds. */
  within(ms: number): void;
  /** The loop waits for something that may never come. */
  rest(): void;
  /** The loop has ended as it was told to. */
  end(): void;
}

/** Takes up a loop under a name for the operator, such as `follower`. */
export type Beats = (loop: string) => Beat;

/**
 * Added to what a step of a loop takes at most by its own deadlines: a machine short of processors is slow, and that is no
 * reason to give up on a loop.
 */
export const SLACK_MS = 60_000;

/** Loops that nobody looks after. */
export const UNWATCHED: Beats = () => ({
  within: () => undefined,
  rest: () => undefined,
  end: () => undefined,
});

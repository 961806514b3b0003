import type { LastAnswer } from "./answer.ts";
import { type Attributes, environmentOf } from "./attributes.ts";
import type { EmulatorProcess, GivenAwayRun } from "./platform.ts";
import type { SavedRecord } from "./saved-memory.ts";

/** What is kept of a resource across restarts of the daemon. */
export interface Registration {
  readonly resource: string;
  readonly attributes: Attributes;
  /** False from the agent's shutdown until the next open. */
  readonly watched: boolean;
  /** True from the start of an offline or clean until the emulator is proved gone. */
  readonly stopping: boolean;
  /** True from before a start is asked until its answer is known: it may happen late. */
  readonly starting: boolean;
  /** The UUID that the platform gave last. */
  readonly uuid?: string | undefined;
  /** The guest's last emulator here, until it is proved gone: one that dies slowly no longer shows whose it is. */
  readonly emulator?: EmulatorProcess | undefined;
  /** That its run here went to the target of a post-copy: the platform does not say so of an emulator on its way down. */
  readonly gaveAway?: GivenAwayRun | undefined;
  readonly lastAnswer?: LastAnswer | undefined;
  /** That the guest's memory was saved on this host, while it has not run here since. */
  readonly saved?: SavedRecord | undefined;
}

/** The key of the guest's queue: one guest of one environment, whatever resources name it. */
export function guestKey(attributes: Attributes): string {
  return `${environmentOf(attributes)}:${attributes.guestName}`;
}

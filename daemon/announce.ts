import type { Log } from "../src/log.ts";

/** Publishes an event to listeners; one that throws costs itself, never what it listens to. */
export function announce(emit: () => void, log: Log): void {
  try {
    emit();
  } catch (error) {
    log.error({ err: error }, "a listener of the daemon failed");
  }
}

import { messageOf } from "../src/agent-error.ts";
import type { Engine } from "../src/engine.ts";
import type { Log } from "../src/log.ts";
import type { ResourceRecord } from "./resource-book.ts";

const ATTRIBUTE = "ResyncVMCfg";

/** What a reset is about. */
interface Resyncing {
  readonly record: ResourceRecord;
  readonly log: Log;
}

/**
 * Runs a start that may take a definition over because ResyncVMCfg asks for it, and resets the attribute afterwards,
 * however the start ended. Nobody waits for the engine: until it has heard, the next start takes the same definition
 * over once more, which changes nothing.
 */
export async function withResync<T>(
  engine: Engine,
  { record, log }: Resyncing,
  start: (onResynced: () => void) => Promise<T>,
): Promise<T> {
  const noted = { isResynced: false };
  try {
    return await start(() => {
      noted.isResynced = true;
    });
  } finally {
    if (noted.isResynced) void reset(engine, record.registration.resource, log);
  }
}

/** The engine's own time limit bounds it. */
async function reset(engine: Engine, resource: string, log: Log): Promise<void> {
  try {
    await engine.modifyHere(resource, ATTRIBUTE, "0", new AbortController().signal);
    log.info({ attribute: ATTRIBUTE }, "attribute reset, the definition from SyncDir is in force");
  } catch (error) {
    log.warn(
      { attribute: ATTRIBUTE, reason: messageOf(error) },
      "attribute cannot be reset, the next online takes the definition from SyncDir again",
    );
  }
}

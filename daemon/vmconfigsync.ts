import { AgentError } from "../src/agent-error.ts";
import { withDeadline } from "../src/deadline.ts";
import { type Call, type OperationParts, operate } from "./operations.ts";

/** Storage that takes longer for some KiB hangs. */
const SAVING_MS = 10_000;

/**
 * The action vmconfigsync: brings the copy of this system's definition in SyncDir up to date, whether or not the guest
 * runs. It takes its turn behind what runs for the guest: an online may be taking over the very copy.
 *
 * @throws {AgentError} what keeps the copy from being made; the one that is there stays as it is
 */
export async function vmConfigSync(
  parts: OperationParts,
  call: Call,
  signal: AbortSignal,
): Promise<{ exitCode: 0; output: string; fields: object }> {
  const { attributes, record } = call;
  const { guestName: guest, syncDir } = attributes;
  if (syncDir === undefined) {
    throw new AgentError(
      "BAD_ATTRIBUTE",
      `resource ${record.registration.resource}: SyncDir is not set: name a folder that all systems share`,
    );
  }
  const copy = await operate(parts, call, "vmconfigsync", signal, async (inTurn) => {
    const definition = await parts.platform.takeDefinition(guest, inTurn);
    return withDeadline(SAVING_MS, `copying to SyncDir ${syncDir}`, [inTurn], (limit) =>
      parts.platform.saveDefinition(attributes, definition, limit),
    );
  });
  const said = copy === "written" ? "saved to" : "unchanged in";
  const output = `configuration of guest ${guest} ${said} ${syncDir}`;
  return { exitCode: 0, output, fields: { syncDir, copy } };
}

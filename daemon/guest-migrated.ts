import { AgentError } from "../src/agent-error.ts";
import { hasLeft } from "../src/entry-points/guest-migrated.ts";
import type { ActionResult } from "./actions.ts";
import { type Call, contextOf, type OperationParts, operate } from "./operations.ts";

/**
 * Records that the guest left this host by a migration, if that is proved, and has the engine look. A record must not
 * hide a fault: without proof it is refused.
 *
 * @throws {AgentError} REFUSED, with the reason
 */
export async function runGuestMigrated(
  parts: OperationParts,
  call: Call,
  signal: AbortSignal,
): Promise<ActionResult> {
  const { record, attributes } = call;
  const guest = attributes.guestName;
  if (record.operation !== undefined) {
    throw new AgentError("REFUSED", `guest ${guest}: ${record.operation} runs for it, ask again after that`);
  }
  const { uuid, peer, why } = await operate(parts, call, "guestmigrated", signal, async (inTurn) => {
    const found = await hasLeft(contextOf(parts, call), parts.migrations.get(guest), inTurn);
    await parts.migrations.end(guest, found.uuid, found.peer, { kind: "moved", why: found.why });
    return found;
  });
  parts.look(guest);
  const to = peer === undefined ? "another host" : peer;
  return {
    exitCode: 0,
    output: `guest ${guest} left for ${to}, which is recorded (${why}); the engine is asked to probe\n`,
    fields: { uuid, peer, reason: why },
  };
}

import { AgentError } from "../src/agent-error.ts";
import type { OperationParts } from "./operations.ts";

/**
 * Decides a migration whose end is not known before an operation builds on it.
 *
 * @param doing what is refused: `started`, `migrated`
 * @throws {AgentError} REFUSED while nothing proves where the guest is, and when it is proved to have left
 */
export async function refuseIfUndecided(
  { migrations, platform }: Pick<OperationParts, "migrations" | "platform">,
  guest: string,
  doing: string,
  signal: AbortSignal,
): Promise<void> {
  const record = migrations.get(guest);
  if (record?.kind !== "moving" && record?.kind !== "doubtful") return;
  const refuse = (why: string) => new AgentError("REFUSED", `guest ${guest} is not ${doing}: ${why}`);
  const end = await platform.whereIs(guest, record, signal);
  if (end === undefined) throw refuse("it is migrating");
  if (end.kind === "doubtful") throw refuse(end.why);
  await migrations.end(guest, record.uuid, record.peer, end);
  if (end.kind === "moved") throw refuse(end.why);
}

import { AgentError } from "../src/agent-error.ts";
import { throwIfAborted } from "../src/deadline.ts";
import type { Reading } from "../src/platform.ts";
import type { OperationParts } from "./operations.ts";

/** What a clean has little time for. */
const READ_MS = 2000;

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

/**
 * True when the guest was in post-copy at the last look, which each event brings about, or nobody has looked yet: only then
 * a clean looks at it first. Where the hypervisor hangs, it has better use for its time.
 *
 * @param last what was read of the guest last
 */
export function mayBeNeededElsewhere(
  { migrations }: Pick<OperationParts, "migrations">,
  guest: string,
  last: Reading | undefined,
): boolean {
  return last === undefined ? migrations.get(guest) !== undefined : mayRunOnTarget(last);
}

/**
 * Keeps a clean from a guest that runs on the other host and needs what is here, or may: in post-copy each host has a part
 * of its memory. What the other host proves dead is ended by that proof; a hypervisor that is silent takes back nothing of
 * what it said last.
 *
 * @throws {AgentError} REFUSED while the other host may have the guest
 */
export async function refuseIfNeededElsewhere(
  { migrations, platform }: Pick<OperationParts, "migrations" | "platform">,
  guest: string,
  last: Reading | undefined,
  signal: AbortSignal,
): Promise<void> {
  const reading = (await readOrNothing(platform, guest, signal)) ?? last;
  if (reading === undefined || !mayRunOnTarget(reading)) return;
  const record = migrations.get(guest);
  const known = { uuid: reading.uuid, peer: record?.peer };
  const end = await platform.whereIs(guest, known, signal);
  if (end?.kind === "doubtful" || end?.kind === "lost")
    await migrations.end(guest, reading.uuid, known.peer, end);
  if (end !== undefined && end.kind !== "doubtful") return;
  const why = end?.why ?? "it runs on the target of its migration, which needs what is here";
  throw new AgentError("REFUSED", `guest ${guest} is not ended here: ${why}`);
}

/** A clean works without the hypervisor too. */
async function readOrNothing(
  platform: OperationParts["platform"],
  guest: string,
  signal: AbortSignal,
): Promise<Reading | undefined> {
  try {
    const reading = await platform.read(guest, signal, READ_MS);
    return reading.source === "platform" ? reading : undefined;
  } catch {
    throwIfAborted(signal);
    return undefined;
  }
}

function mayRunOnTarget({ active, moved, runsOnTarget }: Reading): boolean {
  return active === true && (moved === "split" || runsOnTarget === true);
}

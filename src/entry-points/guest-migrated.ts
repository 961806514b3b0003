import { AgentError } from "../agent-error.ts";
import { type MigrationRecord, speaksOf } from "../migration.ts";
import type { GuestContext } from "./context.ts";

/** Proof that a guest left this host by a migration. */
export interface Departure {
  readonly uuid: string | undefined;
  /** Where it is, where that is known. */
  readonly peer: string | undefined;
  readonly why: string;
}

/**
 * Proves that the guest is not active here and left by a migration: the hypervisor says so, it was recorded before, or
 * another system of the cluster runs it.
 *
 * @param known what is recorded of its last migration
 * @throws {AgentError} REFUSED when it is active here, or nothing proves that it left
 */
export async function hasLeft(
  { attributes, platform }: GuestContext,
  known: MigrationRecord | undefined,
  signal: AbortSignal,
): Promise<Departure> {
  const guest = attributes.guestName;
  const reading = await platform.read(guest, signal);
  const { uuid, reason } = reading;
  if (reading.active !== false)
    throw new AgentError("REFUSED", `guest ${guest} has not left this host: ${reason}; nothing is recorded`);
  await platform.proveStopped(guest, signal);
  // what came back and ended here since is no departure, whatever was recorded before
  const hasEnded = reading.endedHere !== undefined;
  if (known?.kind === "left" && speaksOf(known, reading) && !hasEnded)
    return { uuid: known.uuid ?? uuid, peer: known.peer, why: `recorded at ${known.at}` };
  // the hypervisor's word is older than what was read of the other host since
  if (reading.moved === "away" && known?.kind !== "lost") return { uuid, peer: undefined, why: reason };

  const place = { uuid: uuid ?? known?.uuid, peer: known?.peer };
  const end = await platform.whereIs(guest, place, signal);
  if (end?.kind === "moved") return { uuid, peer: end.peer ?? known?.peer, why: end.why };
  throw new AgentError(
    "REFUSED",
    `guest ${guest} does not run here, but nothing proves that it migrated: ${end?.why ?? "it is migrating"}; nothing is recorded, a record could hide a fault`,
  );
}

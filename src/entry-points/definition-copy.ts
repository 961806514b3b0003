import { environmentOf } from "../attributes.ts";
import { withDeadline } from "../deadline.ts";
import type { GuestDefinition } from "../platform.ts";
import type { GuestContext } from "./context.ts";

/** What the platform may cost a stop before it begins: it is as a rule a millisecond. */
const TAKING = { share: 0.05, mostMs: 2000 } as const;

/** What shared storage may cost a stop after its proof. */
const SAVING = { share: 0.1, mostMs: 5000 } as const;

/**
 * Takes the guest's definition before it is stopped, for the copy in SyncDir. Never throws: a stop does not depend on
 * it.
 *
 * The definition of a host on which the guest did not run is not taken: the copy, made where it ran last, is newer.
 *
 * @param ranHere whether the engine knew it as ONLINE here: it may have ended just now
 * @param budgetMs the stop's whole time
 */
export async function takeDefinition(
  { attributes, platform, log }: GuestContext,
  ranHere: boolean,
  budgetMs: number,
  signal: AbortSignal,
): Promise<GuestDefinition | undefined> {
  const { guestName: guest, syncDir } = attributes;
  if (syncDir === undefined || environmentOf(attributes) !== "kvm") return undefined;
  const limitMs = Math.min(budgetMs * TAKING.share, TAKING.mostMs);
  try {
    const taken = await withDeadline(limitMs, "taking the guest's definition", [signal], (limit) =>
      platform.takeDefinition(guest, limit),
    );
    if (taken.active || ranHere) return taken;
    log.debug({ syncDir }, "guest did not run here, its copy in SyncDir stays as it is");
  } catch (error) {
    log.warn(
      { syncDir, err: error },
      "guest configuration cannot be taken, the copy in SyncDir stays as it is",
    );
  }
  return undefined;
}

/** Brings the copy in SyncDir up to date after the guest is proved stopped. Never throws, as above. */
export async function saveDefinition(
  { attributes, platform, log }: GuestContext,
  definition: GuestDefinition | undefined,
  budgetMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { syncDir } = attributes;
  if (definition === undefined) return;
  const limitMs = Math.min(budgetMs * SAVING.share, SAVING.mostMs);
  try {
    const result = await withDeadline(limitMs, `copying to SyncDir ${syncDir}`, [signal], (limit) =>
      platform.saveDefinition(attributes, definition, limit),
    );
    if (result === "written") log.info({ syncDir }, "guest configuration copied to SyncDir");
    else log.debug({ syncDir }, "guest configuration is in SyncDir already");
  } catch (error) {
    log.warn(
      { syncDir, err: error },
      "guest configuration cannot be copied to SyncDir, other systems keep the copy before",
    );
  }
}

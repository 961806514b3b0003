import { throwIfAborted } from "../deadline.ts";
import { isNoDomain } from "../libvirt/errors.ts";
import type { Causes } from "./causes.ts";
import { type DomainWords, domainWords } from "./domain-words.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { SourceSight, TargetSight } from "./migration-end.ts";
import { sideByJob } from "./migration-side.ts";
import type { PeerSight } from "./peers.ts";
import type { MigrationSide } from "./state-table.ts";

/** Job statistics wait for the emulator. */
const JOB_MS = 2000;

/** One end, as the decision takes it and as a person reads it. */
export interface Sight<Word> {
  readonly word: Word;
  readonly text: string;
}

/**
 * Looks at the guest here. Asked of the session at hand, whatever the reader thinks of it.
 *
 * @throws what the session throws; the caller takes it as unreadable
 */
export async function sourceSight(
  session: Hypervisor,
  uuid: string,
  causes: Causes,
  signal: AbortSignal,
): Promise<Sight<SourceSight>> {
  try {
    const code = await session.getState(uuid, { signal });
    const words = domainWords(code.state, code.reason);
    const side = mayMigrate(words) ? await sideByJob(session, uuid, { signal, timeoutMs: JOB_MS }) : "none";
    return { word: sourceWord(words, side), text: words.text };
  } catch (error) {
    throwIfAborted(signal);
    if (!isNoDomain(error)) throw error;
    const left = causes.endOf(uuid) === "migrated away";
    return { word: left ? "left" : "inactive", text: "not defined" };
  }
}

/** States in which a migration may run; in post-copy the paused source still holds memory that the guest needs. */
function mayMigrate({ state, reason }: DomainWords): boolean {
  if (state === "running" || state === "idle" || state === "pmsuspended") return true;
  return (
    state === "paused" && ["user", "unknown", "migrating", "post-copy", "post-copy failed"].includes(reason)
  );
}

function sourceWord(words: DomainWords, side: MigrationSide): SourceSight {
  // libvirt keeps the job of a post-copy that broke, so that it can be recovered
  if (words.state === "paused" && words.reason === "post-copy failed" && side !== "incoming") return "split";
  if (side !== "none") return "migrating";
  switch (words.state) {
    case "running":
      return words.reason === "migration canceled" ? "resumed" : "running";
    case "idle":
      return "running";
    case "paused":
      return pausedWord(words.reason);
    case "pmsuspended":
      return "suspended";
    case "shut off":
      return words.reason === "migrated" ? "left" : "inactive";
    case "in shutdown":
    case "crashed":
      return "other";
    case "no state":
    case undefined:
      return "unreadable";
  }
}

function pausedWord(reason: string): SourceSight {
  if (reason === "user" || reason === "unknown") return "suspended";
  return reason === "migrating" ? "handed over" : "other";
}

/** What a peer's answer means for a migration to it. */
export function targetSight(seen: PeerSight): Sight<TargetSight> {
  switch (seen.kind) {
    case "unreadable":
      return { word: "unreadable", text: `cannot be read (${seen.reason})` };
    case "not defined":
      return { word: "inactive", text: "not defined" };
    case "inactive":
      return { word: "inactive", text: seen.words.text };
    case "active":
      return { word: activeWord(seen.words, seen.side), text: seen.words.text };
  }
}

/**
 * A guest that receives is paused, and libvirt refuses its job statistics or names their direction. Without them it may be a
 * copy that is not whole. One without a job that is starting runs, or is gone, in a moment.
 */
function activeWord(words: DomainWords, side: MigrationSide | undefined): TargetSight {
  if (words.state === "running") return words.reason.startsWith("post-copy") ? "other" : "running";
  if (words.state === "idle") return "running";
  if (words.state === "pmsuspended") return "suspended";
  if (words.state !== "paused") return "other";
  if (words.reason === "user" || words.reason === "unknown") return "suspended";
  if (words.reason !== "migrating" && words.reason !== "starting up") return "other";
  switch (side) {
    case "incoming":
      return "incoming";
    case "outgoing":
      return "other"; // it goes on from there, so it has run there
    case "none":
      return words.reason === "migrating" ? "standing" : "unclear";
    case undefined:
      return "unclear";
  }
}

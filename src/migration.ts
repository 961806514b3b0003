import type { Reading } from "./platform.ts";

/**
 * What a migration record says of the guest on this host.
 *
 * `moving`: this agent has asked for a migration whose end it has not read yet. `stuck`: it stands still here as after the
 * hand-over of a migration whose end nobody knows. `left`: the guest runs on another host. `doubtful`: the guest may be
 * live here, there, on both or on neither. `lost`: the hypervisor says that it left, and the other host was read and does
 * not run it.
 */
type MigrationRecordKind = "moving" | "stuck" | "left" | "doubtful" | "lost";

/** One guest's migration, kept on disk until it is no longer true. */
export interface MigrationRecord {
  readonly guest: string;
  /** Undefined where nobody knew it; then any UUID matches. */
  readonly uuid: string | undefined;
  readonly kind: MigrationRecordKind;
  /** ISO 8601. */
  readonly at: string;
  /** The system it went to, where that is known. */
  readonly peer: string | undefined;
  /** The boot of this host in which it was written. */
  readonly bootId: string;
  /** For a doubtful one: what is not known, and the commands that tell. */
  readonly why: string | undefined;
  /**
   * How an emulator ended here since, as the reading said, though the guest is proved to be elsewhere. Not kept on disk: a
   * later process saw nothing, and proves it anew.
   */
  readonly despite?: string | undefined;
  /** For one that stands still: at the last look an end could not be read, so it may run there. Not kept on disk. */
  readonly isUnread?: true | undefined;
  /** Set while a migration that this agent has asked for may still run. */
  readonly asked?: AskedMigration | undefined;
}

/** A migration that this agent has asked for; both times are ISO 8601. */
export interface AskedMigration {
  readonly at: string;
  /** From then on it is aborted by whoever finds it running, this process or a later one. */
  readonly abortAt: string;
}

/** How a migration ended, after both ends were read. */
export type MigrationEnd =
  /** It runs, or is held suspended, on the target and no longer here. */
  | { readonly kind: "moved"; readonly why: string; readonly peer?: string | undefined }
  /** It is here as before. */
  | { readonly kind: "stayed"; readonly why: string }
  /** It is on neither host. `endedOn` is another host that says of itself that the guest's emulator ended there. */
  | { readonly kind: "lost"; readonly why: string; readonly endedOn?: string | undefined }
  /**
   * Nothing proves where it is; nothing was destroyed or started. `isNowhere`: what is here cannot live by itself, and no
   * host that is known has the rest. `isUnread`: an end that could be asked did not answer.
   */
  | {
      readonly kind: "doubtful";
      readonly why: string;
      readonly isNowhere?: true;
      readonly isUnread?: true;
    };

/** What is known of a guest that is looked for; a migration record is such knowledge. */
export interface Whereabouts {
  /** Undefined: the UUID that the guest of this name had last here. */
  readonly uuid: string | undefined;
  /** The system it went to; undefined: it may be on any system, also one that is not configured. */
  readonly peer: string | undefined;
  /** An emulator of it ended here after it had left: it is looked for on the systems that are configured, and no others. */
  readonly endedHere?: true;
}

/** What a migration has done so far. */
export interface MigrationProgress {
  readonly remainingMiB: number;
  readonly mibPerS: number;
  /** Undefined while nothing can be foretold: the guest writes faster than the network carries, or nothing moved yet. */
  readonly expectedS: number | undefined;
  readonly downtimeMs: number | undefined;
}

/** What one migration is asked to be. */
export interface MigrationPlan {
  /** The VCS system that the guest goes to. */
  readonly target: string;
  /** Milliseconds from the call after which the migration is aborted; its end is then awaited until the signal aborts. */
  readonly abortAfterMs: number;
  /** Called once, before the migration is asked for: from then on it may happen, whatever becomes of the answer. */
  readonly onMoving: (uuid: string) => Promise<void>;
  readonly onProgress: (progress: MigrationProgress) => void;
}

/** True for a record that speaks of the guest that was read; a file of another UUID is another guest's. */
export function speaksOf(record: MigrationRecord, reading: Reading): boolean {
  return record.uuid === undefined || reading.uuid === undefined || record.uuid === reading.uuid;
}

/**
 * True when a guest that is recorded as gone has had an emulator here that ended since: it may have come back and died
 * while nobody looked, or a migration back may have failed. The other hosts tell.
 */
export function isContradicted(record: MigrationRecord, reading: Reading): boolean {
  if (record.kind !== "left" || reading.active !== false || !speaksOf(record, reading)) return false;
  return reading.endedHere !== undefined && reading.endedHere !== record.despite;
}

/**
 * True when a reading shows that a record is no longer true: the guest runs here again. A migration that is under way
 * and a doubt are ended by those who decide them.
 */
export function isOutdated(record: MigrationRecord, reading: Reading): boolean {
  if (record.kind === "moving" || record.kind === "doubtful") return false;
  if (record.kind === "stuck" && reading.moved === "stuck") return false;
  return reading.active === true && !reading.migrating && reading.source === "platform";
}

import type { MigrationEnd } from "../migration.ts";

/**
 * The guest on the source, as its libvirt says.
 *
 * `running`: no migration has touched it. `resumed`: it runs because a migration was given up after it had stood still for
 * the hand-over. `suspended`: by a person or by itself. `handed over`: it stands still for a migration that no longer runs.
 * `split`: a post-copy migration of it broke, a part of its memory is on the target only.
 * `migrating`: a migration of it runs, in either direction. `left`: off, because it migrated. `inactive`: off for any other
 * reason, or not defined. `other`: it holds an emulator in a state that proves nothing about a migration.
 */
export type SourceSight =
  | "running"
  | "resumed"
  | "suspended"
  | "handed over"
  | "split"
  | "migrating"
  | "left"
  | "inactive"
  | "unreadable"
  | "other";

/**
 * The guest on the target; `incoming`: it receives and has not run. `unclear`: it may be just that, the target does not tell
 * now. `standing`: it stands still as a copy does that has not been let go on, and no migration of it runs: whether it ever
 * ran there nothing proves, and it may be the only whole copy. `other`: active in any way that shows that it has run there,
 * also one that runs and still needs the source (post-copy).
 */
export type TargetSight =
  | "running"
  | "suspended"
  | "incoming"
  | "unclear"
  | "standing"
  | "inactive"
  | "unreadable"
  | "other";

/** What the source's libvirtd answered to the migration; `none` where nobody heard it. */
export type MigrationReply = "done" | "failed" | "none";

/**
 * What follows. `destroy target` and `destroy source` are for copies that are proved not to be the live one. `wait` may
 * pass by itself; what it is when no time is left, `doubtful` says.
 */
export type MigrationVerdict = MigrationEnd["kind"] | "destroy target" | "destroy source" | "wait";

type Rule = Readonly<Record<SourceSight, MigrationVerdict>>;

/** Rows: the target. The guest is where it is proved to be; a copy is destroyed only where the other end proves it dead. */
const VERDICTS = {
  running: {
    left: "moved",
    inactive: "moved",
    "handed over": "destroy source",
    split: "doubtful",
    migrating: "wait",
    unreadable: "wait",
    running: "doubtful",
    resumed: "doubtful",
    suspended: "doubtful",
    other: "doubtful",
  },
  suspended: {
    left: "moved",
    inactive: "moved",
    migrating: "wait",
    unreadable: "wait",
    "handed over": "doubtful",
    split: "doubtful",
    running: "doubtful",
    resumed: "doubtful",
    suspended: "doubtful",
    other: "doubtful",
  },
  other: {
    left: "moved",
    inactive: "moved",
    migrating: "wait",
    unreadable: "wait",
    "handed over": "doubtful",
    split: "doubtful",
    running: "doubtful",
    resumed: "doubtful",
    suspended: "doubtful",
    other: "doubtful",
  },
  incoming: {
    running: "destroy target",
    resumed: "destroy target",
    left: "wait",
    inactive: "wait",
    "handed over": "wait",
    split: "wait",
    migrating: "wait",
    unreadable: "wait",
    suspended: "wait",
    other: "wait",
  },
  unclear: {
    running: "wait",
    resumed: "wait",
    left: "wait",
    inactive: "wait",
    "handed over": "wait",
    split: "wait",
    migrating: "wait",
    unreadable: "wait",
    suspended: "wait",
    other: "wait",
  },
  standing: {
    migrating: "wait",
    unreadable: "wait",
    left: "doubtful",
    inactive: "doubtful",
    "handed over": "doubtful",
    split: "doubtful",
    running: "doubtful",
    resumed: "doubtful",
    suspended: "doubtful",
    other: "doubtful",
  },
  inactive: {
    running: "stayed",
    resumed: "stayed",
    suspended: "stayed",
    other: "stayed",
    left: "lost",
    inactive: "lost",
    split: "destroy source", // the rest of its memory went with the target's emulator
    "handed over": "wait",
    migrating: "wait",
    unreadable: "wait",
  },
  unreadable: {
    running: "stayed", // the target runs nothing that the source has not stood still for
    left: "moved", // libvirt says so only after the target has said that it runs
    resumed: "wait",
    suspended: "wait",
    other: "wait",
    inactive: "wait",
    "handed over": "wait",
    split: "wait",
    migrating: "wait",
    unreadable: "wait",
  },
} as const satisfies Record<TargetSight, Rule>;

/**
 * True when the guest runs on both, which does not pass by itself: the source's libvirtd gave the hand-over up too early,
 * and could not tell the target.
 */
export function runsTwice(source: SourceSight, target: TargetSight): boolean {
  return target === "running" && (source === "running" || source === "resumed");
}

/** Decides from one look at both ends; does nothing itself. */
export function verdictOfEnds(
  source: SourceSight,
  target: TargetSight,
  reply: MigrationReply,
): MigrationVerdict {
  // libvirt's success is the target's word that the guest runs there, and the source's that it is off
  if (reply === "done" && source === "unreadable" && (target === "running" || target === "suspended"))
    return "moved";
  if (reply === "done" && source === "inactive" && target === "unreadable") return "moved";
  return VERDICTS[target][source];
}

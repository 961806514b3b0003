import { describe, expect, it } from "vitest";
import {
  type MigrationReply,
  type MigrationVerdict,
  type SourceSight,
  type TargetSight,
  verdictOfEnds,
} from "../../../src/kvm/migration-end.ts";

const TARGETS = [
  "running",
  "suspended",
  "other",
  "incoming",
  "inactive",
  "unreadable",
  "unclear",
  "standing",
] as const satisfies readonly TargetSight[];
const REPLIES = ["done", "failed", "none"] as const;

/** What follows for each end of the source, by the target in the order of TARGETS, where nobody heard libvirt's answer. */
const EXPECTED = {
  running: ["doubtful", "doubtful", "doubtful", "destroy target", "stayed", "stayed", "wait", "doubtful"],
  resumed: ["doubtful", "doubtful", "doubtful", "destroy target", "stayed", "wait", "wait", "doubtful"],
  suspended: ["doubtful", "doubtful", "doubtful", "wait", "stayed", "wait", "wait", "doubtful"],
  "handed over": ["destroy source", "doubtful", "doubtful", "wait", "wait", "wait", "wait", "doubtful"],
  split: ["doubtful", "doubtful", "doubtful", "wait", "destroy source", "wait", "wait", "doubtful"],
  migrating: ["wait", "wait", "wait", "wait", "wait", "wait", "wait", "wait"],
  left: ["moved", "moved", "moved", "wait", "lost", "moved", "wait", "doubtful"],
  inactive: ["moved", "moved", "moved", "wait", "lost", "wait", "wait", "doubtful"],
  other: ["doubtful", "doubtful", "doubtful", "wait", "stayed", "wait", "wait", "doubtful"],
  unreadable: ["wait", "wait", "wait", "wait", "wait", "wait", "wait", "wait"],
} as const satisfies Record<SourceSight, readonly MigrationVerdict[]>;

type Row = readonly [SourceSight, TargetSight, MigrationVerdict];

const SOURCES: readonly (readonly [SourceSight, readonly MigrationVerdict[]])[] = [
  ["running", EXPECTED.running],
  ["resumed", EXPECTED.resumed],
  ["suspended", EXPECTED.suspended],
  ["handed over", EXPECTED["handed over"]],
  ["split", EXPECTED.split],
  ["migrating", EXPECTED.migrating],
  ["left", EXPECTED.left],
  ["inactive", EXPECTED.inactive],
  ["other", EXPECTED.other],
  ["unreadable", EXPECTED.unreadable],
];

const ROWS: readonly Row[] = SOURCES.flatMap(([source, verdicts]) =>
  TARGETS.map((target, at): Row => [source, target, verdicts[at] ?? "wait"]),
);

/** All pairs of ends under all answers of libvirt, with the verdict of the code. */
const CASES = ROWS.flatMap(([source, target]) =>
  REPLIES.map((reply) => ({ source, target, reply, verdict: verdictOfEnds(source, target, reply) })),
);

/** Where a guest with such an end may be alive. */
const MAY_LIVE_HERE: readonly SourceSight[] = [
  "running",
  "resumed",
  "suspended",
  "handed over",
  "split",
  "migrating",
  "unreadable",
  "other",
];
const MAY_LIVE_THERE: readonly TargetSight[] = TARGETS.filter((target) => target !== "inactive");

describe("the verdict over both ends of a migration", () => {
  it.each(ROWS)("source %s, target %s: %s", (source, target, verdict) => {
    expect(verdictOfEnds(source, target, "none")).toBe(verdict);
    expect(verdictOfEnds(source, target, "failed")).toBe(verdict);
  });

  it.each([
    ["unreadable", "running"],
    ["unreadable", "suspended"],
    ["inactive", "unreadable"],
  ] as const)(
    "takes libvirt's success for the end that cannot be read: source %s, target %s",
    (source, target) => {
      expect(verdictOfEnds(source, target, "done")).toBe("moved");
    },
  );

  it("lets libvirt's success change nothing else", () => {
    const changed = CASES.filter(
      ({ source, target, reply, verdict }) =>
        reply === "done" && verdict !== verdictOfEnds(source, target, "none"),
    ).map(({ source, target }) => `${source}, ${target}`);

    expect(changed).toEqual(["inactive, unreadable", "unreadable, running", "unreadable, suspended"]);
  });

  it("ends the source's copy only after the hand-over beside a target that runs, or as half a guest", () => {
    const pairs = new Set(of("destroy source").map(({ source, target }) => `${source}, ${target}`));

    expect([...pairs]).toEqual(["handed over, running", "split, inactive"]);
  });

  it("ends the target's copy only while it receives, beside a source that runs", () => {
    const pairs = new Set(of("destroy target").map(({ source, target }) => `${source}, ${target}`));

    expect([...pairs]).toEqual(["running, incoming", "resumed, incoming"]);
  });

  it("never says that the guest stayed unless the source holds it and the target does not", () => {
    // a source that runs and never stood still proves that the target has nothing that runs
    const proved = of("stayed").filter(({ source, target }) => source === "running" || target === "inactive");

    expect(proved).toEqual(of("stayed"));
    for (const { source, target } of proved) {
      expect(["running", "resumed", "suspended", "other"]).toContain(source);
      expect(["inactive", "unreadable"]).toContain(target);
    }
  });

  it("never says that the guest moved unless the source is rid of it, by its own word or by libvirt's success", () => {
    const proved = of("moved").filter(
      ({ source, reply }) => source === "left" || source === "inactive" || reply === "done",
    );

    expect(proved).toEqual(of("moved"));
    for (const { source, target } of proved) {
      expect(["left", "inactive", "unreadable"]).toContain(source);
      expect(["running", "suspended", "other", "unreadable"]).toContain(target);
    }
  });

  it("takes no copy that may never have run there for the guest, and ends none, whatever libvirt answered", () => {
    const unproved = CASES.filter(({ target }) => target === "unclear" || target === "standing");

    expect(unproved).toHaveLength(60);
    for (const { verdict } of unproved) expect(["wait", "doubtful"]).toContain(verdict);
  });

  it("never says that the guest is lost unless both ends were read and are off", () => {
    for (const { source, target } of of("lost")) {
      expect(["left", "inactive"]).toContain(source);
      expect(target).toBe("inactive");
    }
  });

  it("decides nothing while a migration runs", () => {
    const verdicts = CASES.filter(({ source }) => source === "migrating").map(({ verdict }) => verdict);

    expect(new Set(verdicts)).toEqual(new Set(["wait"]));
  });

  it("has no verdict of one live copy where two may live", () => {
    const both = CASES.filter(
      ({ source, target }) =>
        MAY_LIVE_HERE.includes(source) && MAY_LIVE_THERE.includes(target) && target !== "unreadable",
    ).filter(({ source, reply }) => source !== "unreadable" || reply !== "done");

    for (const { verdict } of both) expect(["moved", "stayed", "lost"]).not.toContain(verdict);
  });
});

function of(verdict: MigrationVerdict): readonly {
  readonly source: SourceSight;
  readonly target: TargetSight;
  readonly reply: MigrationReply;
}[] {
  return CASES.filter((one) => one.verdict === verdict);
}

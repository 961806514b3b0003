import { describe, expect, it } from "vitest";
import { isContradicted, isOutdated, speaksOf } from "../../../src/migration.ts";
import { OFFLINE, online } from "../../../src/resource-state.ts";
import { aReading, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { aRecord } from "../../support/fakes/memory-migrations.ts";

const MINE = "5c1b8d3c-0000-4000-8000-000000000001";
const OTHER = "5c1b8d3c-0000-4000-8000-000000000002";

describe("a migration record", () => {
  it.each([
    ["the same UUID", MINE, MINE, true],
    ["a guest defined anew with another UUID", MINE, OTHER, false],
    ["a guest that is not defined here and was never read", MINE, undefined, true],
    ["a record from before its UUID was known", undefined, MINE, true],
    ["no UUID at all", undefined, undefined, true],
  ])("speaks of a reading with %s: %s, %s", (_what, uuid, read, speaks) => {
    expect(speaksOf(aRecord({ uuid }), aReading({ uuid: read }))).toBe(speaks);
  });
});

describe("a record of a guest that left, or was lost,", () => {
  it.each([
    ["that runs", RUNNING, true],
    ["that a person suspended", aReading({ active: true, suspended: "paused" }), true],
    ["whose disk failed", aReading({ state: online(20), active: true }), true],
    ["that just arrives", aReading({ state: OFFLINE, active: true, migrating: true }), false],
    ["that is off", STOPPED, false],
    ["whose state is not known", aReading({ active: undefined }), false],
    ["whose emulator lives while libvirt is silent", aReading({ active: true, source: "emulator" }), false],
  ] as const)("is outdated by a guest %s: %#", (_what, reading, outdated) => {
    expect(isOutdated(aRecord({ kind: "left" }), reading)).toBe(outdated);
    expect(isOutdated(aRecord({ kind: "lost" }), reading)).toBe(outdated);
  });
});

describe("a record of a guest that left", () => {
  const ENDED = aReading({ endedHere: "shut off (crashed)", uuid: MINE });

  it.each([
    ["of which an emulator ended here", ENDED, true],
    ["that is off, nobody knows how", STOPPED, false],
    ["that is off as migrated", aReading({ moved: "away" }), false],
    ["of another UUID", { ...ENDED, uuid: OTHER }, false],
    ["that runs", RUNNING, false],
  ] as const)("is contradicted by a guest %s: %#", (_what, reading, is) => {
    expect(isContradicted(aRecord({ kind: "left", uuid: MINE }), reading)).toBe(is);
  });

  it("is contradicted by another end than the one it was proved despite", () => {
    const record = aRecord({ kind: "left", uuid: MINE, despite: "shut off (crashed)" });

    expect(isContradicted(record, ENDED)).toBe(false);
    expect(isContradicted(record, { ...ENDED, endedHere: "shut off (shutdown)" })).toBe(true);
  });

  it.each(["moving", "stuck", "doubtful", "lost"] as const)("is the only kind that is: not %s", (kind) => {
    expect(isContradicted(aRecord({ kind, uuid: MINE }), ENDED)).toBe(false);
  });
});

describe("a record of a guest that stands still since a hand-over", () => {
  it.each([
    ["still does", aReading({ active: true, moved: "stuck" }), false],
    ["runs", RUNNING, true],
    ["was suspended by a person since", aReading({ active: true, suspended: "paused" }), true],
    ["is off", STOPPED, false],
  ] as const)("is outdated when it %s: %#", (_what, reading, outdated) => {
    expect(isOutdated(aRecord({ kind: "stuck" }), reading)).toBe(outdated);
  });
});

describe("a record of a migration whose end is not known", () => {
  it.each(["moving", "doubtful"] as const)("is not outdated by any reading when %s", (kind) => {
    for (const reading of [RUNNING, STOPPED, aReading({ active: true, migrating: true })])
      expect(isOutdated(aRecord({ kind }), reading)).toBe(false);
  });
});

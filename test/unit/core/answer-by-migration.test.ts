import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AnswerFacts, answerOf } from "../../../src/answer.ts";
import { answerByMigration } from "../../../src/answer-by-migration.ts";
import type { MigrationRecord } from "../../../src/migration.ts";
import type { Reading } from "../../../src/platform.ts";
import {
  INTENTIONAL_OFFLINE,
  OFFLINE,
  online,
  type ResourceState,
  UNKNOWN,
} from "../../../src/resource-state.ts";
import { aReading, STOPPED } from "../../support/fakes/fake-platform.ts";
import { aRecord } from "../../support/fakes/memory-migrations.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const LEFT = aRecord({ kind: "left", uuid: UUID, peer: "node2", at: "2026-01-01T10:00:00.000Z" });
const MOVING = { ...LEFT, kind: "moving" } as const;
const STUCK = { ...LEFT, kind: "stuck", peer: undefined } as const;
const LOST = { ...LEFT, kind: "lost" } as const;
const DOUBTFUL = { ...LEFT, kind: "doubtful", why: "decide with: virsh" } as const;

const MIGRATED = aReading({ state: INTENTIONAL_OFFLINE, moved: "away", uuid: UUID });
const CRASHED = aReading({ uuid: UUID });
const SAVED = aReading({ state: INTENTIONAL_OFFLINE, uuid: UUID });
const RUNS = aReading({ state: online(100), active: true, uuid: UUID });
const ARRIVED = aReading({ ...RUNS, moved: "here" });
const BY_EMULATOR = aReading({ state: online(30), active: true, source: "emulator", uuid: UUID });
const STANDS_STILL = aReading({ state: online(100), active: true, migrating: true, uuid: UUID });
const STUCK_READING = aReading({ state: online(20), active: true, moved: "stuck", uuid: UUID });

const OFF_BEFORE = { state: OFFLINE, active: false } as const;

const SPLIT = aReading({
  state: INTENTIONAL_OFFLINE,
  active: true,
  migrating: true,
  moved: "split",
  uuid: UUID,
});

const RECEIVES = aReading({ active: true, migrating: true, uuid: UUID });

const NOTHING = undefined;

function answer(reading: Reading, migration: MigrationRecord): ResourceState | undefined {
  return answerByMigration(reading, { stopping: false, migration })?.state;
}

describe("what a migration record makes of a reading", () => {
  it.each([
    ["left", "off for a reason that libvirt has forgotten", LEFT, CRASHED, INTENTIONAL_OFFLINE],
    ["left", "not defined here", LEFT, STOPPED, INTENTIONAL_OFFLINE],
    ["left", "off as migrated", LEFT, MIGRATED, NOTHING],
    ["left", "on its way back", LEFT, RECEIVES, INTENTIONAL_OFFLINE],
    ["lost", "receiving all the same", LOST, RECEIVES, NOTHING],
    ["moving", "on its way back", MOVING, RECEIVES, NOTHING],
    ["doubtful", "on its way back", DOUBTFUL, RECEIVES, UNKNOWN],
    ["left", "saved", LEFT, SAVED, NOTHING],
    ["left", "back and running", LEFT, RUNS, NOTHING],
    ["left", "alive by its emulator alone", LEFT, BY_EMULATOR, UNKNOWN],
    ["lost", "off as migrated", LOST, MIGRATED, OFFLINE],
    ["lost", "killed", LOST, CRASHED, NOTHING],
    // a guest that failed to migrate and was saved here, or powered off on purpose, is no fault
    ["lost", "saved", LOST, SAVED, NOTHING],
    ["lost", "back and running", LOST, RUNS, NOTHING],
    ["moving", "running", MOVING, RUNS, NOTHING],
    ["moving", "standing still at the hand-over", MOVING, STANDS_STILL, NOTHING],
    ["moving", "off as migrated", MOVING, MIGRATED, NOTHING],
    ["moving", "split by a post-copy that broke", MOVING, SPLIT, UNKNOWN],
    ["doubtful", "split", DOUBTFUL, SPLIT, UNKNOWN],
    // the target of somebody's migration may be well
    ["stuck", "split", STUCK, SPLIT, NOTHING],
    ["moving", "off otherwise", MOVING, CRASHED, UNKNOWN],
    ["moving", "not defined here", MOVING, STOPPED, UNKNOWN],
    ["moving", "alive by its emulator alone", MOVING, BY_EMULATOR, UNKNOWN],
    ["stuck", "standing still", STUCK, STUCK_READING, NOTHING],
    ["stuck", "standing still, an end silent", { ...STUCK, isUnread: true }, STUCK_READING, UNKNOWN],
    ["stuck", "running, an end silent", { ...STUCK, isUnread: true }, RUNS, NOTHING],
    ["moving", "standing still after the hand-over", MOVING, STUCK_READING, UNKNOWN],
    ["stuck", "off as migrated", STUCK, MIGRATED, NOTHING],
    ["stuck", "off otherwise", STUCK, CRASHED, UNKNOWN],
    ["stuck", "alive by its emulator alone", STUCK, BY_EMULATOR, UNKNOWN],
    ["doubtful", "running", DOUBTFUL, RUNS, UNKNOWN],
    ["doubtful", "off", DOUBTFUL, CRASHED, UNKNOWN],
    ["doubtful", "off as migrated", DOUBTFUL, MIGRATED, UNKNOWN],
    ["doubtful", "alive by its emulator alone", DOUBTFUL, BY_EMULATOR, UNKNOWN],
  ] as const)("%s, %s: %#", (_kind, _what, record, reading, state) => {
    expect(answer(reading, record)).toEqual(state);
  });

  it("changes nothing of a guest defined anew with another UUID", () => {
    const other = aReading({ uuid: "5c1b8d3c-0000-4000-8000-000000000002" });

    expect(answer(other, LEFT)).toBeUndefined();
    expect(answer(other, DOUBTFUL)).toBeUndefined();
  });

  it.each([
    [LEFT, CRASHED, "told by the test; it left for node2, recorded at 2026-01-01T10:00:00.000Z"],
    [LOST, MIGRATED, "told by the test; but node2 was read and does not run it"],
    [MOVING, CRASHED, "told by the test; its migration to node2 is not decided yet"],
    [DOUBTFUL, RUNS, "told by the test; decide with: virsh"],
    [{ ...LEFT, peer: undefined }, CRASHED, /it left for another host/],
  ] as const)("says why: %#", (record, reading, words) => {
    const told = answerByMigration(reading, { stopping: false, migration: record });

    expect(told?.reason).toMatch(words);
  });
});

describe("a guest that left and of which an emulator ended here since", () => {
  const ENDED = aReading({ uuid: UUID, endedHere: "shut off (crashed)" });
  const lastAnswer = { state: online(100), active: true } as const;

  it("is UNKNOWN until the other hosts are read, where the engine knows it as ONLINE here", () => {
    const told = answerOf(ENDED, { stopping: false, lastAnswer, migration: LEFT });

    expect(told.state).toEqual(UNKNOWN);
    expect(told.reason).toMatch(/it left for node2, recorded at .*, and nothing proves yet/);
  });

  it("has left when it is proved to be elsewhere all the same", () => {
    const migration = { ...LEFT, despite: "shut off (crashed)" };

    expect(answerOf(ENDED, { stopping: false, lastAnswer, migration }).state).toEqual(INTENTIONAL_OFFLINE);
  });

  it.each([undefined, OFF_BEFORE])("has left where the engine knows of no guest here: %j", (last) => {
    const told = answerOf(ENDED, { stopping: false, lastAnswer: last, migration: LEFT });

    expect(told.state).toEqual(INTENTIONAL_OFFLINE);
  });
});

describe("a guest that arrives", () => {
  it("is OFFLINE until the system it left is told its end, and is no fault", () => {
    const told = answerOf(ARRIVED, { stopping: false, arriving: true, lastAnswer: OFF_BEFORE });

    expect(told).toMatchObject({ state: OFFLINE, isArriving: true });
    expect(told.reason).toMatch(/^arriving: told by the test; online as soon as/);
  });

  it("is not hidden while it is being stopped", () => {
    const told = answerOf(ARRIVED, { stopping: true, arriving: true, lastAnswer: OFF_BEFORE });

    expect(told.state).toEqual(online(100));
  });

  it.each([
    ["off again", STOPPED, OFFLINE],
    [
      "suspended",
      aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" }),
      INTENTIONAL_OFFLINE,
    ],
  ] as const)("is told as what it is when it is %s", (_what, reading, state) => {
    const told = answerOf(reading, { stopping: false, arriving: true, lastAnswer: OFF_BEFORE });

    expect(told).toEqual({ state, reason: "told by the test" });
  });

  it("is told as arriving whatever record an earlier migration left", () => {
    const facts = { stopping: false, arriving: true, lastAnswer: OFF_BEFORE, migration: LEFT };

    expect(answerOf(ARRIVED, facts)).toMatchObject({ state: OFFLINE, isArriving: true });
  });
});

describe("a guest that comes back before the engine was told that it had left", () => {
  it.each([undefined, MOVING, LEFT, LOST])("is no fault, whatever is recorded of it: %#", (migration) => {
    const lastAnswer = { state: online(100), active: true } as const;
    const told = answerOf(RECEIVES, { stopping: false, lastAnswer, migration });

    expect(told.state).toEqual(INTENTIONAL_OFFLINE);
  });

  it("says why", () => {
    const lastAnswer = { state: online(100), active: true } as const;

    expect(answerOf(RECEIVES, { stopping: false, lastAnswer }).reason).toBe(
      "told by the test; it had left this host and comes back",
    );
  });

  it("is OFFLINE where the engine does not know it as ONLINE", () => {
    expect(answerOf(RECEIVES, { stopping: false, lastAnswer: OFF_BEFORE }).state).toEqual(OFFLINE);
    expect(answerOf(RECEIVES, { stopping: false }).state).toEqual(OFFLINE);
  });
});

describe("the order of what decides an answer", () => {
  it("puts a doubt before a stop, a first look and a policy", () => {
    for (const facts of [
      { stopping: true },
      { stopping: false },
      { stopping: false, lastAnswer: { state: online(100), active: true } },
    ])
      expect(answerOf(RUNS, { ...facts, migration: DOUBTFUL }).state).toEqual(UNKNOWN);
  });

  it("puts what is known of a migration before a lost heartbeat", () => {
    const loss = { isFault: true, words: "its guest agent is silent" };
    const facts = { stopping: false, lastAnswer: OFF_BEFORE, heartbeatLoss: loss };

    expect(answerOf(ARRIVED, { ...facts, arriving: true })).toMatchObject({ isArriving: true });
    expect(answerOf(RUNS, { ...facts, migration: DOUBTFUL }).state).toEqual(UNKNOWN);
  });

  it("leaves a live guest to the other rules where a record says nothing of it", () => {
    const failed = aReading({ state: OFFLINE, active: true, uuid: UUID });

    expect(answerOf(failed, { stopping: true, migration: LEFT }).state).toEqual(online(10));
    expect(answerOf(failed, { stopping: false, migration: MOVING }).state).toEqual(online(10));
  });
});

const states = fc.constantFrom(online(100), online(20), OFFLINE, INTENTIONAL_OFFLINE, UNKNOWN);

const readings: fc.Arbitrary<Reading> = fc
  .record({
    state: states,
    active: fc.constantFrom(true, false, undefined),
    migrating: fc.boolean(),
    moved: fc.constantFrom(
      "away" as const,
      "here" as const,
      "unclear" as const,
      "stuck" as const,
      "split" as const,
      undefined,
    ),
    source: fc.constantFrom("platform" as const, "emulator" as const),
  })
  .map((some) => aReading({ ...some, uuid: UUID }));

const facts: fc.Arbitrary<AnswerFacts> = fc.record({
  stopping: fc.boolean(),
  lastAnswer: fc.constantFrom(undefined, OFF_BEFORE, { state: online(100), active: true }),
  migration: fc.constantFrom(undefined, LEFT, MOVING, STUCK, LOST, DOUBTFUL),
  arriving: fc.boolean(),
});

describe("an answer by what is known of a migration", () => {
  it("is never ONLINE: it only takes back what the reading alone would say", () => {
    fc.assert(
      fc.property(readings, facts, (reading, some) => {
        expect(answerByMigration(reading, some)?.state.kind).not.toBe("ONLINE");
      }),
    );
  });

  it("is OFFLINE for a guest with an emulator here only while that arrives", () => {
    fc.assert(
      fc.property(readings, facts, (reading, some) => {
        const told = answerByMigration(reading, some);
        if (reading.active === false || reading.moved === "away" || told?.state.kind !== "OFFLINE") return;

        expect(told.isArriving).toBe(true);
      }),
    );
  });

  it("is the reading's own where nothing is known of one", () => {
    fc.assert(
      fc.property(readings, (reading) => {
        expect(answerByMigration(reading, { stopping: false })).toBeUndefined();
      }),
    );
  });
});

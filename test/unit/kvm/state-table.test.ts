import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { domainWords } from "../../../src/kvm/domain-words.ts";
import {
  isRowName,
  type MigrationSide,
  needsMigrationSide,
  STATE_TABLE,
  verdictOf,
} from "../../../src/kvm/state-table.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, UNKNOWN } from "../../../src/resource-state.ts";

const NO_OVERRIDES = new Map();

/** State and reason by libvirt's numbers, the side of a migration, and what the project's own table says of them. */
const TABLE: [string, number, number, MigrationSide, unknown][] = [
  ["running", 1, 1, "none", online(100)],
  ["running, any reason", 1, 11, "none", online(100)],
  ["running, a reason of tomorrow", 1, 99, "none", online(100)],
  ["blocked", 2, 0, "none", online(100)],
  ["paused (unknown)", 3, 0, "none", INTENTIONAL_OFFLINE],
  ["paused (user)", 3, 1, "none", INTENTIONAL_OFFLINE],
  ["paused (migration), outgoing", 3, 2, "outgoing", online(100)],
  ["paused (migration), incoming", 3, 2, "incoming", OFFLINE],
  ["paused (migration), no job", 3, 2, "none", online(20)],
  ["paused (starting up), incoming", 3, 11, "incoming", OFFLINE],
  ["paused (starting up)", 3, 11, "none", online(20)],
  ["paused (starting up), outgoing", 3, 11, "outgoing", online(20)],
  ["paused (saving)", 3, 3, "none", online(20)],
  ["paused (dumping)", 3, 4, "none", online(20)],
  ["paused (snapshot)", 3, 9, "none", online(20)],
  ["paused (from snapshot)", 3, 7, "none", online(20)],
  ["paused (shutting down)", 3, 8, "none", online(40)],
  ["paused (I/O error)", 3, 5, "none", online(20)],
  ["paused (watchdog)", 3, 6, "none", online(20)],
  ["paused (crashed)", 3, 10, "none", online(20)],
  ["paused (API error)", 3, 14, "none", online(20)],
  ["paused (post-copy)", 3, 12, "none", INTENTIONAL_OFFLINE],
  ["paused (post-copy failed) on the source", 3, 13, "outgoing", INTENTIONAL_OFFLINE],
  ["paused (post-copy failed) on the target", 3, 13, "incoming", online(20)],
  ["paused, a reason of tomorrow", 3, 15, "none", UNKNOWN],
  ["in shutdown", 4, 1, "none", online(40)],
  ["pmsuspended", 7, 0, "none", INTENTIONAL_OFFLINE],
  ["shut off (migrated)", 5, 4, "none", INTENTIONAL_OFFLINE],
  ["shut off (saved)", 5, 5, "none", INTENTIONAL_OFFLINE],
  ["shut off (unknown)", 5, 0, "none", OFFLINE],
  ["shut off (shutdown)", 5, 1, "none", OFFLINE],
  ["shut off (destroyed)", 5, 2, "none", OFFLINE],
  ["shut off (crashed)", 5, 3, "none", OFFLINE],
  ["shut off (failed)", 5, 6, "none", OFFLINE],
  ["shut off (from snapshot)", 5, 7, "none", OFFLINE],
  ["shut off (daemon)", 5, 8, "none", OFFLINE],
  ["crashed (unknown)", 6, 0, "none", OFFLINE],
  ["crashed (panicked)", 6, 1, "none", OFFLINE],
  ["no state", 0, 0, "none", UNKNOWN],
  ["a state of tomorrow", 8, 0, "none", UNKNOWN],
  ["numbers that are none", Number.NaN, Number.NaN, "none", UNKNOWN],
];

function verdict(state: number, reason: number, side: MigrationSide) {
  return verdictOf(domainWords(state, reason), side, NO_OVERRIDES);
}

describe("verdictOf", () => {
  it.each(TABLE)("%s", (_row, state, reason, side, expected) => {
    expect(verdict(state, reason, side).state).toEqual(expected);
  });

  it.each([
    [0, undefined],
    [1, true],
    [2, true],
    [3, true],
    [4, true],
    [5, false],
    [6, true],
    [7, true],
    [8, undefined],
  ])("knows whether state %i holds an emulator: %s", (state, active) => {
    expect(verdict(state, 0, "none").active).toBe(active);
  });

  it.each([
    [3, 0, "paused"],
    [3, 1, "paused"],
    [7, 0, "asleep"],
    [3, 5, undefined],
    [3, 2, undefined],
    [1, 1, undefined],
  ] as const)("says of state %i, reason %i how it can be brought back: %s", (state, reason, suspended) => {
    expect(verdict(state, reason, "none").suspended).toBe(suspended);
  });

  it.each([
    [3, 2, "outgoing", true],
    [3, 2, "incoming", true],
    [3, 2, "none", false],
    [3, 11, "incoming", true],
    [3, 11, "none", false],
    [3, 12, "none", true],
    [3, 13, "outgoing", true],
    [3, 13, "incoming", false],
    [1, 2, "none", false],
    [5, 4, "none", false],
  ] as const)(
    "says of state %i, reason %i, %s whether a migration is under way: %s",
    (state, reason, side, migrating) => {
      expect(verdict(state, reason, side).migrating).toBe(migrating);
    },
  );

  it.each([
    [3, 5],
    [3, 6],
    [3, 10],
    [3, 14],
    [6, 1],
    [3, 15],
    [0, 0],
  ])("calls state %i, reason %i alarming", (state, reason) => {
    expect(verdict(state, reason, "none").alarming).toBe(true);
  });

  it.each([
    [1, 1],
    [3, 1],
    [5, 1],
    [7, 0],
    [4, 1],
  ])("calls state %i, reason %i ordinary", (state, reason) => {
    expect(verdict(state, reason, "none").alarming).toBe(false);
  });

  it("puts the configuration's state in place of its row only", () => {
    const overrides = new Map([["paused (I/O error)", OFFLINE] as const]);

    expect(verdictOf(domainWords(3, 5), "none", overrides)).toMatchObject({ state: OFFLINE, active: true });
    expect(verdictOf(domainWords(3, 6), "none", overrides).state).toEqual(online(20));
  });

  it("never calls a guest without an emulator ONLINE, nor a running one OFFLINE", () => {
    const side = fc.constantFrom("outgoing", "incoming", "none" as const);
    fc.assert(
      fc.property(
        fc.integer({ min: -2, max: 12 }),
        fc.integer({ min: -2, max: 30 }),
        side,
        (state, reason, way) => {
          const { state: answer, active } = verdict(state, reason, way);

          expect(active !== true && answer.kind === "ONLINE").toBe(false);
          expect(state === 1 && answer.kind !== "ONLINE").toBe(false);
        },
      ),
    );
  });
});

describe("needsMigrationSide", () => {
  it.each([
    [3, 2, true],
    [3, 11, true],
    [3, 13, true],
    [3, 12, false],
    [3, 1, false],
    [1, 2, false],
    [5, 4, false],
  ])("of state %i, reason %i is %s", (state, reason, needed) => {
    expect(needsMigrationSide(domainWords(state, reason))).toBe(needed);
  });
});

describe("STATE_TABLE", () => {
  it("has no row that no libvirt can say", () => {
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((state) =>
      Array.from({ length: 16 }, (_, reason) => domainWords(state, reason)),
    );
    const said = new Set(
      numbers.flatMap(({ state, reason }) => [
        `${state} (*)`,
        `${state} (${reason})`,
        ...["outgoing", "incoming"].map((side) => `${state} (${reason}, ${side})`),
      ]),
    );

    expect(Object.keys(STATE_TABLE).filter((row) => !said.has(row))).toEqual([]);
  });

  it("is not searched by the names of an object's members", () => {
    expect(isRowName("constructor")).toBe(false);
    expect(isRowName("__proto__")).toBe(false);
    expect(isRowName("running (*)")).toBe(true);
  });
});

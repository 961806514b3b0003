import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseStateOverrides } from "../../../src/kvm/state-overrides.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, UNKNOWN } from "../../../src/resource-state.ts";

describe("parseStateOverrides", () => {
  it("reads every answer for rows of the table", () => {
    const { overrides, problems } = parseStateOverrides({
      "paused (I/O error)": "OFFLINE",
      "paused (user)": "ONLINE 20",
      "running (*)": "ONLINE 90",
      "pmsuspended (*)": "UNKNOWN",
      "shut off (*)": "INTENTIONAL OFFLINE",
    });

    expect(problems).toEqual([]);
    expect([...overrides]).toEqual([
      ["paused (I/O error)", OFFLINE],
      ["paused (user)", online(20)],
      ["running (*)", online(90)],
      ["pmsuspended (*)", UNKNOWN],
      ["shut off (*)", INTENTIONAL_OFFLINE],
    ]);
  });

  it("names every problem at once and drops the row", () => {
    const { overrides, problems } = parseStateOverrides({
      "paused (bored)": "OFFLINE",
      "running (*)": "ONLINE 15",
      "shut off (saved)": "ONLINE 100",
    });

    expect([...overrides]).toEqual([]);
    expect(problems).toHaveLength(3);
    expect(problems[0]).toMatch(
      /^kvm\.states\.paused \(bored\): is no row of the table; rows are running \(\*\), /,
    );
    expect(problems.slice(1)).toEqual([
      'kvm.states.running (*): "ONLINE 15" is no answer',
      "kvm.states.shut off (saved): a guest that is shut off cannot be answered with ONLINE 100",
    ]);
  });

  it("never throws, and each entry is an override or a problem", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (entries) => {
        const { overrides, problems } = parseStateOverrides(entries);

        expect(overrides.size + problems.length).toBe(Object.keys(entries).length);
      }),
    );
  });
});

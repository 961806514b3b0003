import { describe, expect, it } from "vitest";
import {
  INTENTIONAL_OFFLINE,
  monitorExitCode,
  OFFLINE,
  online,
  sameState,
  stateText,
  UNKNOWN,
} from "../../../src/resource-state.ts";

describe("monitorExitCode", () => {
  // Source: Agent Developer's Guide, return values of entry points
  it.each([
    [UNKNOWN, 99, "UNKNOWN"],
    [OFFLINE, 100, "OFFLINE"],
    [online(10), 101, "ONLINE(10)"],
    [online(20), 102, "ONLINE(20)"],
    [online(30), 103, "ONLINE(30)"],
    [online(40), 104, "ONLINE(40)"],
    [online(50), 105, "ONLINE(50)"],
    [online(60), 106, "ONLINE(60)"],
    [online(70), 107, "ONLINE(70)"],
    [online(80), 108, "ONLINE(80)"],
    [online(90), 109, "ONLINE(90)"],
    [online(100), 110, "ONLINE(100)"],
    [INTENTIONAL_OFFLINE, 200, "INTENTIONAL OFFLINE"],
  ] as const)("tells %j by %i, in words %s", (state, code, text) => {
    expect(monitorExitCode(state)).toBe(code);
    expect(stateText(state)).toBe(text);
  });
});

describe("sameState", () => {
  it("tells confidences apart", () => {
    expect(sameState(online(20), online(30))).toBe(false);
    expect(sameState(online(20), online(20))).toBe(true);
  });

  it("tells OFFLINE and INTENTIONAL OFFLINE apart", () => {
    expect(sameState(OFFLINE, INTENTIONAL_OFFLINE)).toBe(false);
    expect(sameState(OFFLINE, { kind: "OFFLINE" })).toBe(true);
  });
});

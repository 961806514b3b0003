import { describe, expect, it } from "vitest";
import {
  defaultTimeoutS,
  fallbackExitCode,
  isActionToken,
  isEntryPointName,
  isLegalExitCode,
} from "../../../ipc/entry-point-names.ts";
import { LEGAL_EXIT_CODES } from "../../support/ipc/exit-codes.ts";

describe("fallbackExitCode", () => {
  it.each([
    ["monitor", 99],
    ["clean", 1],
    ["action", 1],
    ["open", 0],
    ["close", 0],
    ["online", 0],
    ["offline", 0],
    ["attr_changed", 0],
    ["migrate", 0],
    ["shutdown", 0],
  ] as const)("of %s is %i", (kind, exitCode) => {
    expect(fallbackExitCode(kind)).toBe(exitCode);
  });
});

describe("defaultTimeoutS", () => {
  it.each([
    ["monitor", 60],
    ["clean", 60],
    ["online", 300],
    ["offline", 300],
    ["migrate", 300],
    ["action", 30],
    ["open", 60],
    ["close", 60],
    ["attr_changed", 60],
    ["shutdown", 60],
  ] as const)("of %s is %i", (kind, seconds) => {
    expect(defaultTimeoutS(kind)).toBe(seconds);
  });
});

describe("isLegalExitCode", () => {
  it.each(LEGAL_EXIT_CODES)("takes the codes of the contract for $kind and no other", ({ kind, codes }) => {
    const taken = Array.from({ length: 300 }, (_, code) => code).filter((code) =>
      isLegalExitCode(kind, code),
    );

    expect(taken).toEqual(codes);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])("never takes %d", (code) => {
    expect(isLegalExitCode("online", code)).toBe(false);
  });
});

describe("isEntryPointName", () => {
  it.each(["open", "attr_changed", "shutdown"])("knows %s", (word) => {
    expect(isEntryPointName(word)).toBe(true);
  });

  it.each(["action", "info", "", "Monitor", "constructor", "__proto__"])("does not know '%s'", (word) => {
    expect(isEntryPointName(word)).toBe(false);
  });
});

describe("isActionToken", () => {
  it.each(["DevScan", "guestmigrated", "vmconfigsync", "my-action.2"])("takes %s", (word) => {
    expect(isActionToken(word)).toBe(true);
  });

  it.each(["", ".", "..", "-x", "a/b", "a b", "x".repeat(65)])("does not take '%s'", (word) => {
    expect(isActionToken(word)).toBe(false);
  });
});

import { describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { agentErrorOf, isNoAnswer } from "../../../src/kvm/errors.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { libvirtError } from "../../support/fakes/libvirt-error.ts";

describe("agentErrorOf", () => {
  // Source: libvirt/virterror.h, virErrorNumber
  it.each([
    ["no such domain", 42, "GUEST_NOT_FOUND"],
    ["operation denied", 29, "NOT_ALLOWED"],
    ["authentication failed", 45, "NOT_ALLOWED"],
    ["access denied by polkit", 88, "NOT_ALLOWED"],
    ["operation invalid", 55, "REFUSED"],
    ["internal error", 1, "REFUSED"],
    ["time-out on a lock", 68, "REFUSED"],
    ["a number of tomorrow", 4711, "REFUSED"],
  ])("translates libvirt's %s by its number %i", (words, number, code) => {
    const cause = libvirtError("create", number, words);

    expect(agentErrorOf(cause, "start of guest web1")).toMatchObject({
      code,
      message: `start of guest web1: ${words}`,
      cause,
    });
    expect(isNoAnswer(cause)).toBe(false);
  });

  it.each([
    ["timed out", "TIMED_OUT"],
    ["cancelled", "CANCELLED"],
    ["closed", "PLATFORM_DOWN"],
    ["protocol", "PROTOCOL"],
    ["no socket", "PLATFORM_DOWN"],
    ["auth", "NOT_ALLOWED"],
    ["overloaded", "PLATFORM_DOWN"],
    ["argument", "BAD_ATTRIBUTE"],
  ] as const)("translates a call that ended as %s", (kind, code) => {
    const cause = new LibvirtCallError(kind, "words");

    expect(agentErrorOf(cause, "reading guest web1")).toMatchObject({
      code,
      message: "reading guest web1: words",
    });
    expect(isNoAnswer(cause)).toBe(true);
  });

  it("passes an AgentError through and takes anything else for a broken answer", () => {
    const own = new AgentError("TIMED_OUT", "late");

    expect(agentErrorOf(own, "x")).toBe(own);
    expect(agentErrorOf("a string", "x")).toMatchObject({ code: "PROTOCOL", message: "x: a string" });
  });
});

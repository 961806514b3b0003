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

  // recorded with libvirt 9.0 and QEMU 7.2, but for sanlock's, which is from lock_driver_sanlock.c
  it.each([
    [
      "virtlockd",
      87,
      51,
      "resource busy: Lockspace resource '305e21956bd10b82a9a67ef59dab2e1a9f06603538227d01d994d003d048dddd' is locked",
    ],
    ["sanlock", 87, 42, "resource busy: Failed to acquire lock: error -243"],
    [
      "QEMU",
      1,
      10,
      'internal error: process exited while connecting to monitor: 2026-11-25T23:12:44.666486Z qemu-system-x86_64: -device {"driver":"virtio-blk-pci"}: Failed to get "write" lock\nIs another process using the image [/d.img]?',
    ],
  ])("says what a lock held by %s means", (_who, number, domain, words) => {
    const message = agentErrorOf(
      libvirtError("create", number, words, domain),
      "start of guest web1",
    ).message;

    expect(message).toBe(
      `start of guest web1: ${words}: a disk of it is locked, so another host may run this guest, or another guest uses that disk: find out which before anything is forced`,
    );
  });

  it("takes no other busy resource for a locked disk", () => {
    const busy = libvirtError("create", 87, "resource busy: a network");

    expect(agentErrorOf(busy, "start of guest web1").message).toBe(
      "start of guest web1: resource busy: a network",
    );
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

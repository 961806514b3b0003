import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { attributesOf, parseRequest } from "../../../src/request.ts";
import { complaintOf } from "../../support/complaint-of.ts";

const TUPLES = ["GuestName", "1", "vm1", "AEPTimeout", "1", "60"];

describe("parseRequest", () => {
  it.each(["open", "close", "online", "offline", "monitor"] as const)("reads %s RES tuples", (entryPoint) => {
    const request = parseRequest(entryPoint, ["vmres", ...TUPLES]);

    expect(request).toMatchObject({ entryPoint, resource: "vmres", reason: undefined, timeoutS: 60 });
    expect(attributesOf(request).guestName).toBe("vm1");
  });

  it.each([
    ["0", 0],
    ["4", 4],
    ["17", 17],
    ["-1", -1],
  ])("reads the reason %s of clean, whatever its number", (text, reason) => {
    const request = parseRequest("clean", ["vmres", text, ...TUPLES]);

    expect(request).toMatchObject({ resource: "vmres", reason, timeoutS: 60 });
    expect(attributesOf(request).guestName).toBe("vm1");
  });

  it("reads a clean without its reason", () => {
    const request = parseRequest("clean", ["vmres", ...TUPLES]);

    expect(request.reason).toBeUndefined();
    expect(attributesOf(request).guestName).toBe("vm1");
  });

  it.each([
    [["res", "res", "DelayAfterGuestOnline", "3"], undefined],
    [["res", "res", "DelayAfterGuestOnline", "1", "3", "AEPTimeout", "1", "45"], 45],
    [["res", "res", "DelayAfterGuestOnline"], undefined],
  ])("reads attr_changed of %j", (args, timeoutS) => {
    const request = parseRequest("attr_changed", args);

    expect(request).toMatchObject({
      resource: "res",
      change: { attribute: "DelayAfterGuestOnline" },
      timeoutS,
    });
  });

  it("refuses an attr_changed that names no attribute", () => {
    expect(() => parseRequest("attr_changed", ["res", "res"])).toThrow(
      new AgentError("BAD_ATTRIBUTE", "resource res: attr_changed names no attribute"),
    );
  });

  it.each([
    [["VCSInfo", "2", "TargetHost", "node2"]],
    [["VCSInfo", "4", "Other", "x", "TargetHost", "node2"]],
    [["VCSInfo", "1", "node2"]],
    [["VCSInfo", "1", " node2 "]],
  ])("reads the target of migrate from %j, wherever it stands", (info) => {
    const args = [
      ["vmres", ...TUPLES, ...info],
      ["vmres", ...info, ...TUPLES],
    ];

    expect(args.map((each) => parseRequest("migrate", each).targetHost)).toEqual(["node2", "node2"]);
  });

  it.each([[[]], [["VCSInfo", "0"]], [["VCSInfo", "1", ""]], [["VCSInfo", "2", "Other", "x"]]])(
    "knows no target of migrate from %j",
    (info) => {
      expect(parseRequest("migrate", ["vmres", ...TUPLES, ...info]).targetHost).toBeUndefined();
    },
  );

  it("reads shutdown without arguments, and with a timeout", () => {
    expect(parseRequest("shutdown", [])).toMatchObject({ resource: "", timeoutS: undefined });
    expect(parseRequest("shutdown", ["AEPTimeout", "1", "60"])).toMatchObject({ resource: "", timeoutS: 60 });
  });

  it.each([[[]], [[""]], [["  "]]])("refuses %j: the resource is missing", (args) => {
    expect(() => parseRequest("monitor", args)).toThrow(
      new AgentError("BAD_ATTRIBUTE", "the first argument, the resource's name, is missing"),
    );
  });

  it.each(["../x", "a/b", "-sys", ".x", "a\u0007", "x".repeat(201)])(
    "refuses %j as the name of a resource",
    (name) => {
      expect(() => parseRequest("monitor", [name, ...TUPLES])).toThrow(AgentError);
    },
  );

  it("throws nothing but AgentError on garbage", () => {
    const token = fc.oneof(fc.string(), fc.constantFrom("vmres", "GuestName", "1", "2", "AEPTimeout", "0"));
    fc.assert(
      fc.property(
        fc.constantFrom(
          "open",
          "close",
          "online",
          "offline",
          "monitor",
          "clean",
          "attr_changed",
          "migrate",
          "shutdown",
        ),
        fc.array(token),
        (entryPoint, args) => {
          expect(complaintOf(() => attributesOf(parseRequest(entryPoint, args)))).not.toBeUndefined();
        },
      ),
    );
  });

  it("names no password in the message about a broken argument list", () => {
    const whole = ["vmres", "RHEVMInfo", "4", "User", "admin", "Password", "S3cr3t-word", ...TUPLES];
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (lost) => {
        const args = whole.toSpliced(lost, 1);
        const complaint = complaintOf(() => attributesOf(parseRequest("monitor", args)));

        expect(complaint).not.toContain("S3cr3t-word");
      }),
    );
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseAction } from "../../../src/action-request.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { complaintOf } from "../../support/complaint-of.ts";

const TUPLES = ["GuestName", "1", "vm1", "SyncDir", "1", "", "CEInfo", "2", "Enabled", "0"];
const TIMEOUT = ["AEPTimeout", "1", "30"];

describe("parseAction", () => {
  it.each([
    ["counted", ["2", "a", "b"], ["a", "b"]],
    ["counted, none", ["0"], []],
    ["a tuple", ["ActionArgs", "2", "a", "b"], ["a", "b"]],
    ["a tuple, none", ["ActionArgs", "0"], []],
    ["plain", ["a", "b"], ["a", "b"]],
    ["absent", [], []],
    ["counted numbers", ["2", "7", "0"], ["7", "0"]],
    ["one counted number that looks like a name's count", ["1", "0"], ["0"]],
  ])("reads arguments that are %s, with AEPTimeout last, first, or absent", (_form, own, args) => {
    const read = { resource: "vmres", args };

    expect(parseAction(["vmres", ...TUPLES, ...own, ...TIMEOUT])).toMatchObject({ ...read, timeoutS: 30 });
    expect(parseAction(["vmres", ...TUPLES, ...TIMEOUT, ...own])).toMatchObject({ ...read, timeoutS: 30 });
    expect(parseAction(["vmres", ...TUPLES, ...own])).toMatchObject({ ...read, timeoutS: undefined });
  });

  it("takes an argument that looks like AEPTimeout for what it is when the count covers it", () => {
    const read = parseAction(["vmres", ...TUPLES, "3", "AEPTimeout", "1", "5"]);

    expect(read).toMatchObject({ args: ["AEPTimeout", "1", "5"], timeoutS: undefined });
  });

  it("passes over a tuple of an unknown attribute among the known ones", () => {
    const read = parseAction(["vmres", "New", "2", "x", "y", ...TUPLES, "1", "a", ...TIMEOUT]);

    expect(read.args).toEqual(["a"]);
    expect(read.tuples.get("GuestName")).toEqual(["vm1"]);
  });

  it("takes no attribute for an argument, in whatever order they come", () => {
    const read = parseAction(["vmres", "SyncDir", "1", "/cfg", "GuestName", "1", "vm1", ...TIMEOUT]);

    expect(read.args).toEqual([]);
    expect(read.tuples.get("SyncDir")).toEqual(["/cfg"]);
  });

  it("refuses a known attribute whose count promises more than follows", () => {
    expect(() => parseAction(["vmres", "GuestName", "5", "vm1"])).toThrow(
      new AgentError("BAD_ATTRIBUTE", "the tuple that begins with argument 1 promises 5 values and brings 1"),
    );
  });

  it("refuses arguments without a resource", () => {
    expect(() => parseAction([])).toThrow(AgentError);
  });

  it("throws nothing but AgentError on garbage, and names no value in it", () => {
    const token = fc.oneof(
      fc.string(),
      fc.constantFrom("GuestName", "S3cr3t-word", "1", "2", "AEPTimeout", "0"),
    );
    fc.assert(
      fc.property(fc.array(token), (args) => {
        expect(complaintOf(() => parseAction(["vmres", ...args]))).not.toContain("S3cr3t-word");
      }),
    );
  });
});

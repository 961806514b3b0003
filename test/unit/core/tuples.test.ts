import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { associationTokens, parseAssociation, parseTuples, printable } from "../../../src/tuples.ts";
import { complaintOf } from "../../support/complaint-of.ts";

const KEYS = ["Enabled", "URL", "User", "Password", "Cluster", "UseManualRHEVMFencing"];

/** Names that no count of values can be taken for. */
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,20}$/);

describe("parseTuples", () => {
  it("reads names, counts and values, an empty value too", () => {
    const tuples = parseTuples([
      "GuestName",
      "1",
      "web1",
      "SyncDir",
      "1",
      "",
      "Keys",
      "0",
      "V",
      "2",
      "a",
      "b",
    ]);

    expect([...tuples]).toEqual([
      ["GuestName", ["web1"]],
      ["SyncDir", [""]],
      ["Keys", []],
      ["V", ["a", "b"]],
    ]);
  });

  it("repeats nothing of a list that is shifted, where a value may stand in a name's place", () => {
    const message = complaintOf(() =>
      parseTuples(["RHEVMInfo", "1", "Password", "S3cr3t-word", "0", "tail"]),
    );
    expect(message).toBe("the tuple that begins with argument 6 has no count of values");
  });

  it("takes the last of two tuples with one name", () => {
    expect(parseTuples(["A", "1", "x", "A", "1", "y"]).get("A")).toEqual(["y"]);
  });

  it.each([
    [["GuestName"], "the tuple that begins with argument 1 has no count of values"],
    [["GuestName", "one", "web1"], "the tuple that begins with argument 1 has no count of values"],
    [["GuestName", "-1"], "the tuple that begins with argument 1 has no count of values"],
    [["A", "1", "x", "B", "3", "y"], "the tuple that begins with argument 4 promises 3 values and brings 1"],
  ])("refuses %j and names the place", (args, message) => {
    expect(() => parseTuples(args)).toThrow(new AgentError("BAD_ATTRIBUTE", message));
  });

  it("reads back any tuples, in any order, whatever the values hold", () => {
    const entries = fc.uniqueArray(fc.tuple(name, fc.array(fc.string(), { maxLength: 14 })), {
      selector: ([key]) => key,
    });
    fc.assert(
      fc.property(entries, (some) => {
        const args = some.flatMap(([key, values]) => [key, String(values.length), ...values]);

        expect(new Map(parseTuples(args))).toEqual(new Map(some));
      }),
    );
  });

  it("throws nothing but AgentError, and never with the text of a value", () => {
    const secret = "S3cr3t-of-the-manager";
    const token = fc.oneof(
      fc.string(),
      fc.constantFrom(secret, "1", "2", "0", "99999", "RHEVMInfo", "Password"),
    );
    fc.assert(
      fc.property(fc.array(token), (args) => {
        // a shifted list can make the secret a tuple's name: then it is named as the tuple before
        fc.pre(!isTupleName(args, secret));

        expect(complaintOf(() => parseTuples(args))).not.toContain(secret);
      }),
    );
  });
});

/** True where the arguments, taken from the left, read the text as the name of a whole tuple. */
function isTupleName(args: readonly string[], text: string): boolean {
  for (let at = 0; at < args.length; ) {
    if (args[at] === text) return true;
    at += 2 + Number(args[at + 1]);
    if (Number.isNaN(at)) return false;
  }
  return false;
}

describe("parseAssociation", () => {
  it("reads keys and values in any order and drops keys nobody knows", () => {
    const read = parseAssociation(["User", "admin", "Colour", "red", "Enabled", "1"], KEYS);

    expect([...read]).toEqual([
      ["User", "admin"],
      ["Enabled", "1"],
    ]);
  });

  it("joins a value again that was split at its blanks", () => {
    const read = parseAssociation(["Enabled", "1", "Cluster", "my", "cluster", "User", "a"], KEYS);

    expect(read.get("Cluster")).toBe("my cluster");
    expect(read.get("User")).toBe("a");
  });

  it("reads the same from whole and from split values, whatever the order of the keys", () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const value = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(" "));
    const some = fc.shuffledSubarray(KEYS, { minLength: 1 });
    fc.assert(
      fc.property(
        some,
        fc.array(value, { minLength: KEYS.length, maxLength: KEYS.length }),
        (keys, values) => {
          const pairs = keys.map((key, at): [string, string] => [key, values[at] ?? ""]);
          const whole = parseAssociation(pairs.flat(), KEYS);
          const line = parseAssociation(associationTokens(pairs.flat().join(" "), KEYS), KEYS);

          expect(new Map(whole)).toEqual(new Map(pairs));
          expect(new Map(line)).toEqual(new Map(pairs));
        },
      ),
    );
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom(...KEYS))), (tokens) => {
        expect(parseAssociation(tokens, KEYS).size).toBeLessThanOrEqual(KEYS.length);
      }),
    );
  });
});

describe("printable", () => {
  it("keeps control characters and long texts out of messages", () => {
    expect(printable("a\u001b[31mb\nc\u202e")).toBe("a?[31mb?c?");
    expect(printable("x".repeat(81))).toBe(`${"x".repeat(77)}...`);
  });
});

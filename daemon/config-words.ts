import type { z } from "zod";

/** What a value must be, by the schema's word for its kind. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["string", "text"],
  ["number", "a number"],
  ["int", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["tuple", "a list"],
  ["object", "a mapping of keys to values"],
  ["record", "a mapping of keys to values"],
]);

/** What limits of length count, by the schema's word for the kind of the value. */
const COUNTED: ReadonlyMap<string, readonly [one: string, many: string]> = new Map([
  ["string", ["character", "characters"]],
  ["array", ["entry", "entries"]],
]);

/**
 * Says in plain words what is wrong with a value of the configuration, for whoever wrote the file. Rules of the schema that
 * have words of their own keep them.
 *
 * @returns undefined: the schema library's own words are the best there are
 */
export function configWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return "is missing";
  switch (issue.code) {
    case "invalid_type":
      return mustBe(KINDS.get(issue.expected), issue.input);
    case "invalid_value":
      return mustBe(oneOf(issue.values.map(String)), issue.input);
    case "too_small":
      return bound("at least", issue.minimum, issue.origin);
    case "too_big":
      return bound("at most", issue.maximum, issue.origin);
    case "unrecognized_keys":
      return `unknown ${issue.keys.length === 1 ? "key" : "keys"} ${issue.keys.map(quoted).join(", ")}`;
    case "invalid_key":
      return issue.issues.map(({ message }) => `its name ${message}`).join("; ");
    case "custom":
    case "invalid_element":
    case "invalid_format":
    case "invalid_union":
    case "not_multiple_of":
      return undefined;
  }
}

function mustBe(kind: string | undefined, input: unknown): string | undefined {
  if (kind === undefined) return undefined;
  return input === null ? `has no value, and must be ${kind}` : `must be ${kind}`;
}

function bound(side: "at least" | "at most", limit: number | bigint, origin: string): string {
  const counted = COUNTED.get(origin);
  if (counted === undefined) return `must be ${side} ${limit}`;
  return `must have ${side} ${limit} ${counted[limit === 1 ? 0 : 1]}`;
}

function oneOf(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}

function quoted(key: string): string {
  return JSON.stringify(key);
}

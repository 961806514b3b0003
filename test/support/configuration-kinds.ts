import { z } from "zod";

/** What JSON Schema says of the value of one key. */
const value = z.object({
  type: z.string().default("a kind of its own"),
  enum: z.array(z.string()).optional(),
  pattern: z.string().optional(),
  maxLength: z.number().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  minItems: z.number().optional(),
  maxItems: z.number().optional(),
  items: z.unknown().optional(),
  prefixItems: z.array(z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
});

/** A path's own limit is the system's: not worth a word. */
const PATH_MAX = 4095;

/**
 * Kind, unit and limits of a key's value, in words and Markdown.
 *
 * @param schema its part of the JSON Schema
 * @param name of the key: its end tells the unit
 * @throws where the schema has a kind that no words are known for
 */
export function kindOf(schema: unknown, name: string): string {
  const { type, enum: words, pattern, maxLength, ...rest } = value.parse(schema);
  if (words !== undefined) return oneOf(words.map((word) => `\`${word}\``));
  switch (type) {
    case "boolean":
      return "`true` or `false`";
    case "integer":
    case "number":
      return numberKind(type, unitOf(name), rest.minimum, rest.maximum);
    case "string":
      if (pattern?.startsWith("^\\/") === true) return "absolute path";
      return maxLength === undefined || maxLength >= PATH_MAX
        ? "text"
        : `text, at most ${maxLength} characters`;
    case "array":
      if (rest.prefixItems !== undefined) return "list: a program's absolute path, then its arguments";
      return `list of ${rest.minItems ?? 0} to ${rest.maxItems ?? "any number"}: ${kindOf(rest.items, name)} each`;
    case "object":
      if (rest.properties === undefined) return `mapping: name to ${kindOf(rest.additionalProperties, name)}`;
      return `{ ${Object.entries(rest.properties)
        .map(([key, inner]) => `${key}: ${kindOf(inner, key)}`)
        .join(", ")} }`;
    default:
      throw new Error(`${name}: no words for a value of the kind ${type}`);
  }
}

/** Ends of key names, and what they stand for. */
const UNITS: readonly (readonly [end: string, unit: string])[] = [
  ["MiBps", "MiB a second"],
  ["Bytes", "bytes"],
  ["Ms", "milliseconds"],
  ["S", "seconds"],
];

function unitOf(name: string): string | undefined {
  return UNITS.find(([end]) => name.endsWith(end))?.[1];
}

function numberKind(
  type: "integer" | "number",
  unit: string | undefined,
  minimum: number | undefined,
  maximum: number | undefined,
): string {
  const plain = type === "integer" ? "whole number" : "number";
  const noun = unit === undefined ? plain : type === "integer" ? `whole ${unit}` : unit;
  if (maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER) return `${noun}, ${minimum ?? 0} or more`;
  return `${noun}, ${minimum ?? 0} to ${maximum}`;
}

function oneOf(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
}

import { type Condition, type Search, SearchError } from "./search-language.ts";

/** The fields of a thing that can be searched by, each with its value for one thing. */
export type Fields = Readonly<Record<string, string | number>>;

/** Keys that a bare word is looked for in. */
const TEXT_KEYS = ["name", "description", "host", "cluster"];

/**
 * The things that a search finds, in its order. Pages are cut by the caller, who knows how long they are.
 *
 * @param keys what can be searched by; the keys of `fieldsOf`
 * @throws {SearchError} a key that does not exist
 */
export function searched<T>(
  things: readonly T[],
  { anyOf, sortBy }: Search,
  keys: readonly string[],
  fieldsOf: (thing: T) => Fields,
  isCaseSensitive: boolean,
): T[] {
  const asked = [...anyOf.flat().map(({ key }) => key), sortBy?.key];
  const strange = asked.find((key) => key !== undefined && !keys.includes(key));
  if (strange !== undefined) throw new SearchError(`${strange} is no field to search by`);
  const tests = anyOf.map((all) => all.map((condition) => testOf(condition, isCaseSensitive)));
  const isAll = anyOf.every((all) => all.length === 0);
  const found = things.filter((thing) => {
    if (isAll) return true; // fields cost time, and events are many
    const fields = fieldsOf(thing);
    return tests.some((all) => all.every((test) => test(fields)));
  });
  if (sortBy === undefined) return found;
  const sign = sortBy.isDescending ? -1 : 1;
  return found.toSorted((a, b) => sign * compare(fieldsOf(a)[sortBy.key], fieldsOf(b)[sortBy.key]));
}

/** Whether a condition holds for a thing's fields. */
type Test = (fields: Fields) => boolean;

function testOf({ key, operator, value }: Condition, isCaseSensitive: boolean): Test {
  if (key === undefined) {
    const anywhere = pattern(`*${value}*`, false);
    return (fields) =>
      TEXT_KEYS.some((text) => fields[text] !== undefined && anywhere.test(String(fields[text])));
  }
  const compares = comparison(key, operator, value, isCaseSensitive);
  return ({ [key]: field }) => (field === undefined ? operator === "!=" : compares(field));
}

function comparison(
  key: string,
  operator: Condition["operator"],
  value: string,
  isCaseSensitive: boolean,
): (field: string | number) => boolean {
  const like = pattern(value, isCaseSensitive);
  switch (operator) {
    case "=":
      return (field) => like.test(String(field));
    case "!=":
      return (field) => !like.test(String(field));
    case "<":
      return (field) => compareBy(key, field, value) < 0;
    case ">":
      return (field) => compareBy(key, field, value) > 0;
    case "<=":
      return (field) => compareBy(key, field, value) <= 0;
    case ">=":
      return (field) => compareBy(key, field, value) >= 0;
  }
}

/** `*` stands for any text; everything else for itself. */
function pattern(value: string, isCaseSensitive: boolean): RegExp {
  const parts = value.split("*").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, isCaseSensitive ? "s" : "is");
}

/** Words that have an order of their own. */
const RANKS: Readonly<Record<string, readonly string[]>> = {
  severity: ["normal", "warning", "error", "alert"],
};

function compareBy(key: string, field: string | number, value: string): number {
  const ranks = RANKS[key];
  if (ranks === undefined) return compare(field, value);
  return ranks.indexOf(String(field)) - ranks.indexOf(value.toLowerCase());
}

function compare(a: string | number | undefined, b: string | number | undefined): number {
  if (typeof a === "number") return a - Number(b);
  return (a ?? "").localeCompare(String(b ?? ""), "en");
}

import { AgentError } from "./agent-error.ts";

/** The attributes of one request: name to values, as the agent framework passes them. */
export type Tuples = ReadonlyMap<string, readonly string[]>;

/**
 * Reads the name-value tuples of an entry point: `Name N value1 ... valueN`, in any order; a repeated name
 * counts as it stands last.
 *
 * Source: Agent Developer's Guide 7.3, name-value tuples (registration V50 and later).
 *
 * @throws {AgentError} BAD_ATTRIBUTE when a count is not a number or promises more values than follow
 */
export function parseTuples(args: readonly string[]): Tuples {
  const tuples = new Map<string, readonly string[]>();
  let at = 0;
  while (at < args.length) {
    const name = args[at] ?? "";
    const countText = args[at + 1];
    if (countText === undefined || !/^\d{1,4}$/.test(countText)) throw broken(at, "has no count of values");
    const count = Number(countText);
    const values = args.slice(at + 2, at + 2 + count);
    if (values.length < count) throw broken(at, `promises ${count} values and brings ${values.length}`);
    tuples.set(name, values);
    at += 2 + count;
  }
  return tuples;
}

/** Names the place by its number, never by a token: in a shifted argument list any of them may be the password. */
function broken(at: number, what: string): AgentError {
  return new AgentError("BAD_ATTRIBUTE", `the tuple that begins with argument ${at + 1} ${what}`);
}

/**
 * Reads an association. Values that a framework split at their blanks are joined again: that has happened when
 * the number of tokens is odd or larger than the known keys can need. Unknown keys are dropped.
 */
export function parseAssociation(
  tokens: readonly string[],
  keys: readonly string[],
): ReadonlyMap<string, string> {
  if (tokens.length % 2 === 0 && tokens.length <= 2 * keys.length) return pairs(tokens, keys);
  return rejoined(tokens, keys);
}

/** The tokens of an association that the engine printed on one line, where nothing marks the end of a value. */
export function associationTokens(line: string, keys: readonly string[]): readonly string[] {
  return [...rejoined(line.trim().split(/\s+/), keys)].flat();
}

function rejoined(tokens: readonly string[], keys: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string[]>();
  let words: string[] | undefined;
  for (const token of tokens) {
    if (keys.includes(token)) {
      words = [];
      found.set(token, words);
    } else {
      words?.push(token);
    }
  }
  return new Map([...found].map(([key, parts]) => [key, parts.join(" ")]));
}

function pairs(tokens: readonly string[], keys: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < tokens.length; at += 2) {
    const key = tokens[at] ?? "";
    if (keys.includes(key)) found.set(key, tokens[at + 1] ?? "");
  }
  return found;
}

/** Text from outside made fit for a message: no control characters, at most 80 characters. */
export function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}]/gu, "?");
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
}

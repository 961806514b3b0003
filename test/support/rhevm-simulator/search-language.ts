/** One comparison of a search: `key op value`. Without a key: any field that holds text. */
export interface Condition {
  readonly key: string | undefined;
  readonly operator: "=" | "!=" | "<" | ">" | "<=" | ">=";
  readonly value: string;
}

/** A search: conditions that must all hold, in groups of which one must hold; order and page. */
export interface Search {
  readonly anyOf: readonly (readonly Condition[])[];
  readonly sortBy: { readonly key: string; readonly isDescending: boolean } | undefined;
  readonly page: number;
}

/** The search does not parse. */
export class SearchError extends Error {
  override readonly name = "SearchError";
}

type Token = { readonly kind: "word" | "value" | "operator"; readonly text: string };

const TOKEN = /\s*(?:"([^"]*)"|(!=|<=|>=|=|<|>)|([^\s"=<>!]+))/y;

/**
 * Parses the engine's search language: comparisons joined by `and` and `or` (`and` binds tighter), values with blanks in
 * double quotes, then `sortby KEY asc|desc` and `page N`. Words are taken whatever their case.
 *
 * @throws {SearchError}
 */
export function parseSearch(text: string): Search {
  const tokens = new Tokens(text);
  const anyOf: Condition[][] = [[]];
  while (!tokens.isAtEnd() && !tokens.isWord("sortby") && !tokens.isWord("page")) {
    anyOf.at(-1)?.push(condition(tokens));
    if (tokens.takeWord("or")) anyOf.push([]);
    else if (!tokens.takeWord("and")) break;
    if (tokens.isAtEnd()) throw new SearchError("the search ends after a conjunction");
  }
  const sortBy = tokens.takeWord("sortby") ? sorting(tokens) : undefined;
  const page = tokens.takeWord("page") ? pageNumber(tokens.take()) : 1;
  if (!tokens.isAtEnd()) throw new SearchError(`a word too many: ${tokens.take()}`);
  return { anyOf, sortBy, page };
}

function condition(tokens: Tokens): Condition {
  const first = tokens.take();
  const operator = tokens.takeOperator();
  if (operator === undefined) return { key: undefined, operator: "=", value: first };
  return { key: first.toLowerCase(), operator, value: tokens.take() };
}

function sorting(tokens: Tokens): Search["sortBy"] {
  const key = tokens.take().toLowerCase();
  const isDescending = tokens.takeWord("desc");
  if (!isDescending) tokens.takeWord("asc");
  return { key, isDescending };
}

function pageNumber(text: string): number {
  const page = Number(text);
  if (!Number.isInteger(page) || page < 1) throw new SearchError(`no page: ${text}`);
  return page;
}

class Tokens {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  isWord(word: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === "word" && token.text.toLowerCase() === word;
  }

  takeWord(word: string): boolean {
    const isThere = this.isWord(word);
    if (isThere) this.#at += 1;
    return isThere;
  }

  takeOperator(): Condition["operator"] | undefined {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "operator") return undefined;
    this.#at += 1;
    switch (token.text) {
      case "=":
      case "!=":
      case "<":
      case ">":
      case "<=":
      case ">=":
        return token.text;
      default:
        return undefined;
    }
  }

  take(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === "operator") throw new SearchError("a word is missing");
    this.#at += 1;
    return token.text;
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new SearchError(`cannot be read at ${at}: ${text.slice(at)}`);
    const [, quoted, operator, word] = match;
    if (quoted !== undefined) tokens.push({ kind: "value", text: quoted });
    else if (operator !== undefined) tokens.push({ kind: "operator", text: operator });
    else tokens.push({ kind: "word", text: word ?? "" });
  }
  return tokens;
}

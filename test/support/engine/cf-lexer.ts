import { CfError } from "./cf-values.ts";

/** A word, a quoted string or one punctuation mark, and the line it began on. */
export interface CfToken {
  readonly kind: "word" | "string" | "mark";
  readonly text: string;
  readonly line: number;
}

const BLANK = /\s+/y;
const LINE_COMMENT = /(?:\/\/|#)[^\n]*/y;
const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//y;
const MARK = /[(){}[\]=,;]/y;
const QUOTED = /"(?:[^"\\]|\\[\s\S])*"/y;
const WORD = /[^\s(){}[\]=,;"]+/y;

/**
 * Splits the text of a configuration file into tokens. Comments are `//` or `#` to the end of the line and
 * a C block comment; in a quoted string `\"` and `\\` stand for themselves.
 *
 * @throws {CfError} when a string or a comment does not end
 */
export function tokenize(text: string, file: string): CfToken[] {
  const tokens: CfToken[] = [];
  let at = 0;
  let line = 1;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) return undefined;
    at += found.length;
    line += found.split("\n").length - 1;
    return found;
  };
  while (at < text.length) {
    if (take(BLANK) ?? take(LINE_COMMENT) ?? take(BLOCK_COMMENT)) continue;
    const from = line;
    const mark = take(MARK);
    const quoted = mark === undefined ? take(QUOTED) : undefined;
    const word = mark === undefined && quoted === undefined ? takeWord(take, text, at) : undefined;
    if (mark !== undefined) tokens.push({ kind: "mark", text: mark, line: from });
    else if (quoted !== undefined) tokens.push({ kind: "string", text: unquote(quoted), line: from });
    else if (word !== undefined) tokens.push({ kind: "word", text: word, line: from });
    else throw new CfError(`${file}:${from}: a string or a comment does not end`);
  }
  return tokens;
}

function takeWord(
  take: (pattern: RegExp) => string | undefined,
  text: string,
  at: number,
): string | undefined {
  return text.startsWith("/*", at) ? undefined : take(WORD);
}

function unquote(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(/\\([\s\S])/g, (both, escaped: string) =>
      escaped === '"' || escaped === "\\" ? escaped : both,
    );
}

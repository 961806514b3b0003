import { type CfToken, tokenize } from "./cf-lexer.ts";
import { CfError, type CfValue } from "./cf-values.ts";

/** A `name = value` of a block; `system` is set for a local value (`name @system = value`). */
export interface CfAssignment {
  readonly name: string;
  readonly system: string | undefined;
  readonly value: CfValue;
}

/** A line of a `type` block. */
export interface CfDeclaration {
  readonly isStatic: boolean;
  readonly basicType: string;
  readonly name: string;
  readonly suffix: "" | "[]" | "{}";
  readonly value: CfValue | undefined;
}

/** The blocks of a file in their order. `keyword` is cluster, system, group or the type of a resource. */
export type CfBlock =
  | { readonly kind: "include"; readonly path: string; readonly line: number }
  | {
      readonly kind: "type";
      readonly name: string;
      readonly declarations: CfDeclaration[];
      readonly line: number;
    }
  | {
      readonly kind: "object";
      readonly keyword: string;
      readonly name: string;
      readonly assignments: CfAssignment[];
      readonly line: number;
    };

/**
 * Reads the text of a types file or of main.cf. Dependencies (`requires`) are read over: the stand-in does not
 * order resources.
 *
 * @param file named in errors
 * @throws {CfError} on anything that is not of the form
 */
export function parseBlocks(text: string, file: string): CfBlock[] {
  const reader = new TokenReader(tokenize(text, file), file);
  const blocks: CfBlock[] = [];
  while (!reader.atEnd()) {
    const first = reader.word();
    if (first.text === "include") blocks.push({ kind: "include", path: reader.text(), line: first.line });
    else if (first.text === "requires") readDependency(reader);
    else if (reader.isWord("requires")) readDependency(reader, reader.word());
    else if (first.text === "type") blocks.push(readType(reader, first.line));
    else blocks.push(readObject(reader, first));
  }
  return blocks;
}

/** `parent requires child`, or `requires group name online local firm`: all words of that line. */
function readDependency(reader: TokenReader, keyword?: CfToken): void {
  const { line } = keyword ?? reader.last();
  while (!reader.atEnd() && reader.lineOfNext() === line) reader.word();
}

function readType(reader: TokenReader, line: number): CfBlock {
  const name = reader.word().text;
  const declarations: CfDeclaration[] = [];
  reader.mark("(");
  while (!reader.tryMark(")")) {
    let word = reader.word().text;
    const isStatic = word === "static";
    if (isStatic) word = reader.word().text;
    const attribute = reader.word().text;
    const suffix = readSuffix(reader);
    declarations.push({
      isStatic,
      basicType: word,
      name: attribute,
      suffix,
      value: reader.tryMark("=") ? readValue(reader) : undefined,
    });
  }
  return { kind: "type", name, declarations, line };
}

function readSuffix(reader: TokenReader): "" | "[]" | "{}" {
  if (reader.tryMark("[")) {
    reader.mark("]");
    return "[]";
  }
  if (reader.tryMark("{")) {
    reader.mark("}");
    return "{}";
  }
  return "";
}

function readObject(reader: TokenReader, keyword: CfToken): CfBlock {
  const name = reader.text();
  const assignments: CfAssignment[] = [];
  if (reader.tryMark("(")) {
    while (!reader.tryMark(")")) assignments.push(readAssignment(reader));
  }
  return { kind: "object", keyword: keyword.text, name, assignments, line: keyword.line };
}

function readAssignment(reader: TokenReader): CfAssignment {
  const [name = "", glued] = reader.word().text.split("@", 2);
  let system = glued;
  if (system === undefined && reader.isWord("@", "prefix")) system = reader.word().text.slice(1);
  reader.mark("=");
  return { name, system, value: readValue(reader) };
}

function readValue(reader: TokenReader): CfValue {
  if (!reader.tryMark("{")) return { kind: "scalar", text: reader.text() };
  const items: string[] = [];
  const entries = new Map<string, string>();
  while (!reader.tryMark("}")) {
    const item = reader.text();
    if (reader.tryMark("=")) entries.set(item, reader.text());
    else items.push(item);
    if (!reader.tryMark(",")) reader.tryMark(";");
  }
  if (entries.size === 0) return { kind: "list", items };
  if (items.length > 0) throw reader.error("keys with and without a value are mixed");
  return { kind: "association", entries };
}

class TokenReader {
  readonly #tokens: readonly CfToken[];
  readonly #file: string;
  #at = 0;

  constructor(tokens: readonly CfToken[], file: string) {
    this.#tokens = tokens;
    this.#file = file;
  }

  atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  last(): CfToken {
    const token = this.#tokens[this.#at - 1];
    if (token === undefined) throw this.error("nothing was read yet");
    return token;
  }

  lineOfNext(): number | undefined {
    return this.#tokens[this.#at]?.line;
  }

  isWord(text: string, how: "whole" | "prefix" = "whole"): boolean {
    const next = this.#tokens[this.#at];
    if (next?.kind !== "word") return false;
    return how === "whole" ? next.text === text : next.text.startsWith(text);
  }

  word(): CfToken {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "word") throw this.error("a name is missing");
    this.#at += 1;
    return token;
  }

  /** A word or a quoted string. */
  text(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === "mark") throw this.error("a value is missing");
    this.#at += 1;
    return token.text;
  }

  tryMark(mark: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "mark" || token.text !== mark) return false;
    this.#at += 1;
    return true;
  }

  mark(mark: string): void {
    if (!this.tryMark(mark)) throw this.error(`"${mark}" is missing`);
  }

  error(what: string): CfError {
    const line = this.#tokens[this.#at]?.line ?? this.#tokens.at(-1)?.line ?? 1;
    return new CfError(`${this.#file}:${line}: ${what}`);
  }
}

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryFile } from "./repository.ts";

/** One call of a logger in the source: each message it may write, at each level it may have. */
export interface LogCall {
  /** from the repository's root */
  readonly file: string;
  /** undefined where the source chooses it at run time */
  readonly level: string | undefined;
  readonly message: string;
  /** What stands in the place of the fields, as it is written. */
  readonly fields: string;
}

const FOLDERS = ["daemon", "ipc", "src"];

/** `log.warn(`, `this.#log.warn(`, `parts.log[level](`, and methods of our own that pass a level on. */
const CALL = /(?:\.(debug|info|warn|error)|\blog\[[^\]]+\]|(?:this\.#|\b)say)\(/g;

/** All calls of loggers in the product. Found by reading its text, so a call in another form is not seen. */
export function logCalls(): readonly LogCall[] {
  return FOLDERS.flatMap((folder) => sourceFiles(folder)).flatMap((file) =>
    callsIn(file, readFileSync(repositoryFile(file), "utf8")),
  );
}

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(repositoryFile(folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name))
    .toSorted();
}

/** Messages that are handed to those who log them, as members of a table, with their level. */
const MEMBERS: readonly { readonly level: string; readonly member: RegExp }[] = [
  { level: "error", member: /(?:notKept|unreadable|notSetAside): "(\w+ [^"]+)"/g },
  { level: "info", member: /\bends: "([^"]+)"/g },
  { level: "warn", member: /level: "warn",\s+begins: "([^"]+)"/g },
  { level: "error", member: /level: "error",\s+begins: "([^"]+)"/g },
];

/** The calls in one source text. */
export function callsIn(file: string, source: string): readonly LogCall[] {
  const handedOn = MEMBERS.flatMap(({ level, member }) =>
    [...source.matchAll(member)].map(([, message = ""]) => ({ file, level, message, fields: "" })),
  );
  return [...handedOn, ...directCalls(file, source)];
}

function directCalls(file: string, source: string): readonly LogCall[] {
  return [...source.matchAll(CALL)].flatMap((match) => {
    const args = argumentsAt(source, match.index + match[0].length);
    const isSay = match[0].endsWith("say(");
    const [first = ""] = args;
    const level = match[1] ?? (isSay ? /^"(debug|info|warn|error)"$/.exec(first)?.[1] : undefined);
    const fields = args.at(-2) ?? "";
    // of another kind: Response.error(), emitter.error(): they have no fields and message
    if (args.length < 2 || (isSay && level === undefined)) return [];
    return literalsIn(args.at(-1) ?? "").map((message) => ({ file, level, message, fields }));
  });
}

/** The arguments of a call, as they are written, from behind its opening parenthesis on. */
function argumentsAt(source: string, from: number): readonly string[] {
  const args: string[] = [];
  let depth = 0;
  let start = from;
  for (let at = from; at < source.length; at += 1) {
    const sign = source[at] ?? "";
    if (sign === '"' || sign === "`" || sign === "'") at = endOfText(source, at);
    else if ("([{".includes(sign)) depth += 1;
    else if (")]}".includes(sign) && depth > 0) depth -= 1;
    else if (depth === 0 && (sign === "," || sign === ")")) {
      const argument = source.slice(start, at).trim();
      if (argument !== "") args.push(argument);
      start = at + 1;
      if (sign === ")") return args;
    }
  }
  return args;
}

function endOfText(source: string, from: number): number {
  let at = from + 1;
  while (at < source.length && source[at] !== source[from]) at += source[at] === "\\" ? 2 : 1;
  return at;
}

/** The texts that an expression may be: itself, or both sides of a choice. */
function literalsIn(expression: string): readonly string[] {
  return [...expression.matchAll(/(?:^|[?:]\s*)(?:"([^"]*)"|`([^`]*)`)/g)].map(
    ([, plain, template]) => plain ?? template ?? "",
  );
}

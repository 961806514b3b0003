const COMMENT = /\/\*[^]*?\*\//g;
const DIRECTIVE = /^\s*#.*$/gm;
const ENUM = /(?:typedef\s+)?enum\s*\w*\s*\{([^}]*)\}/g;
const DEFINE = /^#\s*define\s+(\w+)\s+(\d+)\s*$/gm;

/** Reads the numbers of all enums, and of plain defines, in a C header. */
export function parseHeader(
  text: string,
  known: ReadonlyMap<string, number> = new Map(),
): Map<string, number> {
  const numbers = new Map(known);
  const bare = text.replaceAll(COMMENT, "");
  for (const [, name = "", value = ""] of bare.matchAll(DEFINE)) numbers.set(name, Number(value));
  for (const [, body = ""] of bare.replaceAll(DIRECTIVE, "").matchAll(ENUM)) readEnum(body, numbers);
  return numbers;
}

function readEnum(body: string, numbers: Map<string, number>): void {
  let next = 0;
  for (const item of body.split(",")) {
    const [name = "", expression] = item.split("=").map((part) => part.trim());
    if (name === "") continue;
    const value = expression === undefined ? next : evaluate(expression, numbers);
    if (value === undefined) continue; // an expression that no constant of ours is made of
    numbers.set(name, value);
    next = value + 1;
  }
}

function evaluate(expression: string, numbers: ReadonlyMap<string, number>): number | undefined {
  const bare = expression.replaceAll(/[()\s]/g, "");
  const shift = /^(\d+)U?<<(\d+)$/.exec(bare);
  if (shift !== null) return Number(shift[1]) * 2 ** Number(shift[2]);
  if (/^-?(?:\d+|0x[\da-f]+)$/i.test(bare)) return Number(bare);
  return numbers.get(bare);
}

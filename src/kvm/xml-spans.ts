/** Where an element stands in a text: from its `<` to after its last `>`. */
export interface XmlSpan {
  readonly from: number;
  readonly to: number;
}

/** What is no tag, though it may hold what looks like one; then a tag, whose values may hold `>`. */
const TOKENS =
  /<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>|<(\/?)([^\s/>!?]+)(?:\s+[^\s=>]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*(\/?)>/g;

/**
 * The elements at a path from the root in well-formed XML without a document type: what stands in comments or CDATA is
 * none. With them a document is changed in place, and all the rest of it stays as it is, byte by byte.
 *
 * @param path names from the root on: `["domain", "devices", "disk"]`
 */
export function spansAt(xml: string, path: readonly string[]): readonly XmlSpan[] {
  const found: XmlSpan[] = [];
  const open: { readonly name: string; readonly from: number }[] = [];
  const isAt = () => open.length === path.length && open.every(({ name }, at) => name === path[at]);
  for (const { 0: token, 1: closes, 2: name, 3: isEmpty, index } of xml.matchAll(TOKENS)) {
    if (name === undefined) continue;
    if (closes !== "/") open.push({ name, from: index });
    if (closes !== "/" && isEmpty !== "/") continue;
    if (isAt()) found.push({ from: open.at(-1)?.from ?? index, to: index + token.length });
    open.pop();
  }
  return found;
}

/** The text without these parts of it, and without the line of each that is empty then. */
export function withoutSpans(xml: string, spans: readonly XmlSpan[]): string {
  return spans.toReversed().reduce((text, { from, to }) => {
    const before = text.slice(0, from);
    const after = text.slice(to);
    const isAlone = /(?:^|\n)[ \t]*$/.test(before) && /^[ \t]*\n/.test(after);
    return isAlone ? before.replace(/[ \t]*$/, "") + after.replace(/^[ \t]*\n/, "") : before + after;
  }, xml);
}

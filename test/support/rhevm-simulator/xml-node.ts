/** An element of a document that the engine sends or gets: text, or children in their order. */
export interface XmlNode {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: string | readonly XmlNode[];
}

const HEADING = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const INDENT = "    ";

/** An element with children. Without any it is written `<name/>`. */
export function node(
  name: string,
  attributes: Readonly<Record<string, string>>,
  content: readonly XmlNode[] = [],
): XmlNode {
  return { name, attributes, content };
}

/** An element without attributes that holds children only. */
export function group(name: string, content: readonly XmlNode[]): XmlNode {
  return { name, attributes: {}, content };
}

/** An element that holds text. An empty text is written `<name></name>`, as engines do. */
export function leaf(name: string, value: string | number | boolean): XmlNode {
  return { name, attributes: {}, content: String(value) };
}

/** The child of this name, of an element that has children. */
export function childNode(parent: XmlNode, name: string): XmlNode | undefined {
  return typeof parent.content === "string" ? undefined : parent.content.find((child) => child.name === name);
}

/** The text of a child; undefined when there is no such child. */
export function childText(parent: XmlNode, name: string): string | undefined {
  const child = childNode(parent, name);
  if (child === undefined) return undefined;
  return typeof child.content === "string" ? child.content : "";
}

/** Writes a document as the engine does: a declaration, four blanks a level, an element that holds text on one line. */
export function renderDocument(root: XmlNode): string {
  return `${HEADING}${render(root, "")}`;
}

function render({ name, attributes, content }: XmlNode, indent: string): string {
  const words = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const opening = `${indent}<${name}${words.join("")}`;
  if (typeof content === "string") return `${opening}>${escaped(content)}</${name}>\n`;
  if (content.length === 0) return `${opening}/>\n`;
  const children = content.map((child) => render(child, indent + INDENT));
  return `${opening}>\n${children.join("")}${indent}</${name}>\n`;
}

function escaped(text: string): string {
  if (!/[&<>"\r]/.test(text)) return text;
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\r", "&#13;");
}

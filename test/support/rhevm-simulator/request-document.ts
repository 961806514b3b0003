import { parseStringPromise } from "xml2js";
import type { XmlNode } from "./xml-node.ts";

/**
 * Reads the document of a request, with the text as it is: a payload's last line end counts.
 *
 * @returns undefined when it is no well-formed document
 */
export async function readDocument(text: string): Promise<XmlNode | undefined> {
  try {
    const parsed: unknown = await parseStringPromise(text, {
      explicitRoot: true,
      explicitChildren: true,
      preserveChildrenOrder: true,
      explicitCharkey: true,
    });
    return isRecord(parsed) ? nodeOf(Object.values(parsed)[0]) : undefined;
  } catch {
    return undefined; // the caller says so in the engine's words
  }
}

function nodeOf(value: unknown): XmlNode | undefined {
  if (!isRecord(value)) return undefined;
  const { "#name": name, $: attributes, $$: children, _: text } = value;
  if (typeof name !== "string") return undefined;
  const nodes = Array.isArray(children) ? children.map(nodeOf).filter((child) => child !== undefined) : [];
  const content = nodes.length === 0 && typeof text === "string" ? text : nodes;
  return { name, attributes: isRecord(attributes) ? stringsOf(attributes) : {}, content };
}

function stringsOf(record: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, String(value)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

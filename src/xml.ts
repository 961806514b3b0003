import { parseStringPromise } from "xml2js";
import { AgentError } from "./agent-error.ts";

/** An element: attributes, text, and children by name. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

/** The largest document that is read; the largest domain definitions in the field have some 100 KiB. */
export const XML_LIMIT_BYTES = 1_048_576;

/**
 * Parses XML from outside. Document types are refused, so no entity can be declared, expanded or fetched.
 *
 * @param source names the document in messages: a path or a URL
 * @throws {AgentError} PROTOCOL with the parser's own words, line and column
 */
export async function parseXml(text: string, source: string): Promise<XmlElement> {
  if (Buffer.byteLength(text) > XML_LIMIT_BYTES) {
    throw new AgentError("PROTOCOL", `${source}: is larger than ${XML_LIMIT_BYTES} bytes`);
  }
  if (text.trim() === "") throw new AgentError("PROTOCOL", `${source}: is empty`);
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) {
    throw new AgentError(
      "PROTOCOL",
      `${source}: holds a document type or entity declaration, which is not accepted`,
    );
  }
  let parsed: unknown;
  try {
    parsed = await parseStringPromise(text, {
      explicitRoot: true,
      explicitChildren: true,
      preserveChildrenOrder: true,
      explicitCharkey: true,
    });
  } catch (error) {
    const words = error instanceof Error ? error.message.replace(/\s+/g, " ") : "";
    throw new AgentError("PROTOCOL", `${source}: is no well-formed XML: ${words}`, { cause: error });
  }
  const root = isRecord(parsed) ? Object.values(parsed)[0] : undefined;
  const element = elementOf(root);
  if (element === undefined) throw new AgentError("PROTOCOL", `${source}: holds no element`);
  return element;
}

/** The first child of this name. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

function elementOf(node: unknown): XmlElement | undefined {
  if (!isRecord(node)) return undefined;
  const name = node["#name"];
  if (typeof name !== "string") return undefined;
  const children = Array.isArray(node["$$"]) ? node["$$"] : [];
  return {
    name,
    attributes: attributesOf(node["$"]),
    text: typeof node["_"] === "string" ? node["_"].trim() : "",
    children: children.map(elementOf).filter((child) => child !== undefined),
  };
}

function attributesOf(node: unknown): Readonly<Record<string, string>> {
  if (!isRecord(node)) return {};
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, String(value)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

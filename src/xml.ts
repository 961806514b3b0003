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

/** How much of a document is read. */
interface XmlLimits {
  readonly bytes: number;
  /** elements and attributes together */
  readonly parts: number;
}

/** Some ten times the largest domain definition. More would hold up the process for seconds. */
const DEFINITION_LIMITS: XmlLimits = { bytes: XML_LIMIT_BYTES, parts: 30_000 };

/** A definition has some ten levels. */
const LEVELS_AT_MOST = 100;

/**
 * Parses XML from outside. Document types are refused, so no entity can be declared, expanded or fetched; size, number
 * of parts and depth are bounded.
 *
 * @param source names the document in messages: a path or a URL
 * @throws {AgentError} PROTOCOL with the line where it is known, and the parser's own words
 */
export async function parseXml(
  text: string,
  source: string,
  limits = DEFINITION_LIMITS,
): Promise<XmlElement> {
  if (Buffer.byteLength(text) > limits.bytes) {
    throw new AgentError("PROTOCOL", `${source}: is larger than ${limits.bytes} bytes`);
  }
  if (text.trim() === "") throw new AgentError("PROTOCOL", `${source}: is empty`);
  const declaration = text.search(/<!DOCTYPE|<!ENTITY/i);
  if (declaration >= 0) {
    throw new AgentError(
      "PROTOCOL",
      `${source}: line ${lineAt(text, declaration)}: holds a document type or entity declaration, which is not accepted`,
    );
  }
  const parsed = await parse(text, source, limits.parts);
  const root = isRecord(parsed) ? Object.values(parsed)[0] : undefined;
  const element = elementOf(root, source, 1);
  if (element === undefined) throw new AgentError("PROTOCOL", `${source}: holds no element`);
  return element;
}

/** The line of a place in a text, as editors count: the first is 1. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

async function parse(text: string, source: string, partsAtMost: number): Promise<unknown> {
  let parts = 0;
  const count = (name: string): string => {
    parts += 1;
    if (parts <= partsAtMost) return name;
    throw new AgentError("PROTOCOL", `${source}: holds more than ${partsAtMost} elements and attributes`);
  };
  try {
    return await parseStringPromise(text, {
      explicitRoot: true,
      explicitChildren: true,
      preserveChildrenOrder: true,
      explicitCharkey: true,
      tagNameProcessors: [count],
      attrNameProcessors: [count],
    });
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const words = error instanceof Error ? error.message : "";
    // the parser counts lines from 0, and says where in lines of its own
    const line = /\nLine: (\d+)/.exec(words)?.[1];
    const place = line === undefined ? "" : `line ${Number(line) + 1}: `;
    const why = words.split("\n")[0] ?? "";
    throw new AgentError("PROTOCOL", `${source}: ${place}is no well-formed XML: ${why}`, { cause: error });
  }
}

/** The first child of this name. */
export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

function elementOf(node: unknown, source: string, level: number): XmlElement | undefined {
  if (!isRecord(node)) return undefined;
  if (level > LEVELS_AT_MOST) {
    throw new AgentError("PROTOCOL", `${source}: is nested deeper than ${LEVELS_AT_MOST} levels`);
  }
  const name = node["#name"];
  if (typeof name !== "string") return undefined;
  const children = Array.isArray(node["$$"]) ? node["$$"] : [];
  return {
    name,
    attributes: attributesOf(node["$"]),
    text: typeof node["_"] === "string" ? node["_"].trim() : "",
    children: children
      .map((child) => elementOf(child, source, level + 1))
      .filter((child) => child !== undefined),
  };
}

function attributesOf(node: unknown): Readonly<Record<string, string>> {
  if (!isRecord(node)) return {};
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, String(value)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

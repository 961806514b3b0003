import { AgentError } from "../agent-error.ts";
import { childOf, type XmlElement } from "../xml.ts";

/** The text below an element, along names of children; undefined when it is not there or empty. */
export function textAt(element: XmlElement, ...path: readonly string[]): string | undefined {
  const text = elementAt(element, path)?.text ?? "";
  return text === "" ? undefined : text;
}

/**
 * A word of state: API 3 wraps it in an element `state`, API 4 does not.
 *
 * @returns the word as it came; undefined when the element is not there or empty, which the engine does send
 */
export function wordAt(element: XmlElement, ...path: readonly string[]): string | undefined {
  return textAt(element, ...path, "state") ?? textAt(element, ...path);
}

/** The id of what an element refers to, such as the host of a VM. */
export function idAt(element: XmlElement, ...path: readonly string[]): string | undefined {
  const id = elementAt(element, path)?.attributes["id"] ?? "";
  return id === "" ? undefined : id;
}

/** True where the text is `true`, in any case; an element that is not there is false. */
export function flagAt(element: XmlElement, ...path: readonly string[]): boolean {
  return textAt(element, ...path)?.toLowerCase() === "true";
}

/** All children of a name. */
export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/**
 * The members of a list document.
 *
 * @throws {AgentError} PROTOCOL when the document is something else
 */
export function membersOf(
  root: XmlElement,
  list: string,
  member: string,
  source: string,
): readonly XmlElement[] {
  expectName(root, list, source);
  return childrenOf(root, member);
}

/** @throws {AgentError} PROTOCOL when the element has another name */
export function expectName(element: XmlElement, name: string, source: string): void {
  if (element.name === name) return;
  throw new AgentError("PROTOCOL", `${source}: answered with <${element.name}>, not with <${name}>`);
}

/**
 * The id that every resource has.
 *
 * @throws {AgentError} PROTOCOL when it has none, or one that cannot be part of a path
 */
export function ownId(element: XmlElement, source: string): string {
  const id = element.attributes["id"] ?? "";
  if (isId(id)) return id;
  throw new AgentError("PROTOCOL", `${source}: a <${element.name}> has no usable id`);
}

/** What may stand in a path as an id: the engine's are UUIDs, and numbers for events. */
function isId(text: string): boolean {
  return /^[0-9A-Za-z-]{1,64}$/.test(text);
}

function elementAt(element: XmlElement, path: readonly string[]): XmlElement | undefined {
  let found: XmlElement | undefined = element;
  for (const name of path) found = found === undefined ? undefined : childOf(found, name);
  return found;
}

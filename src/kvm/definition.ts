import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { AgentError, messageOf } from "../agent-error.ts";
import { printable } from "../tuples.ts";
import { childOf, lineAt, parseXml, XML_LIMIT_BYTES } from "../xml.ts";

/** A domain definition from a file, proved to be that of one guest. */
export interface Definition {
  readonly xml: string;
  readonly uuid: string | undefined;
}

/**
 * Reads a definition and checks that it is the guest's own.
 *
 * @param links whether the path itself may be a symbolic link
 * @throws {AgentError} BAD_ATTRIBUTE naming the file, and the line where one is to blame, when it is missing,
 *   unreadable, broken or another guest's
 */
export async function readDefinition(
  path: string,
  guest: string,
  links: "followed" | "refused" = "followed",
): Promise<Definition> {
  try {
    const xml = await readBounded(path, links === "followed" ? 0 : constants.O_NOFOLLOW);
    return { xml, uuid: await checkedUuid(xml, path, guest) };
  } catch (error) {
    throw new AgentError("BAD_ATTRIBUTE", `guest configuration: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Gives a definition without a UUID the one that libvirt knows the guest by; without it, libvirt would take the
 * file for another guest of the same name and refuse it.
 *
 * @throws {AgentError} BAD_ATTRIBUTE when the file carries another UUID
 */
export async function withUuid(
  definition: Definition,
  known: string,
  path: string,
  guest: string,
): Promise<string> {
  if (definition.uuid === known) return definition.xml;
  if (definition.uuid !== undefined) {
    throw new AgentError(
      "BAD_ATTRIBUTE",
      `guest configuration: ${path}: ${lineOf(definition.xml, "uuid")}holds UUID ${definition.uuid}, but guest ${guest} is known here as ${known}`,
    );
  }
  const xml = definition.xml.replace(/<domain(\s[^>]*)?>/, (tag) => `${tag}<uuid>${known}</uuid>`);
  if ((await checkedUuid(xml, path, guest)) !== known) {
    throw new AgentError(
      "BAD_ATTRIBUTE",
      `guest configuration: ${path}: has no place for the guest's UUID ${known}`,
    );
  }
  return xml;
}

/** Only a regular file of bounded size is read; without O_NONBLOCK the open of a pipe would wait for a writer. */
async function readBounded(path: string, flags: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags).catch((error: unknown) => {
    throw new AgentError("BAD_ATTRIBUTE", `${path}: cannot be opened: ${messageOf(error)}`, { cause: error });
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new AgentError("BAD_ATTRIBUTE", `${path}: is no regular file`);
    if (stat.size > XML_LIMIT_BYTES)
      throw new AgentError("BAD_ATTRIBUTE", `${path}: is larger than ${XML_LIMIT_BYTES} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function checkedUuid(xml: string, path: string, guest: string): Promise<string | undefined> {
  const root = await parseXml(xml, path);
  if (root.name !== "domain")
    throw new AgentError(
      "BAD_ATTRIBUTE",
      `${path}: ${lineOf(xml, root.name)}is a <${root.name}>, not a <domain>`,
    );
  const name = childOf(root, "name")?.text;
  if (name !== guest) {
    throw new AgentError(
      "BAD_ATTRIBUTE",
      `${path}: ${lineOf(xml, "name")}defines guest "${printable(name ?? "")}", not "${guest}"`,
    );
  }
  return childOf(root, "uuid")?.text.toLowerCase();
}

/** Where the first element of a name stands; empty when there is none. */
function lineOf(xml: string, element: string): string {
  const at = xml.indexOf(`<${element}`);
  return at < 0 ? "" : `line ${lineAt(xml, at)}: `;
}

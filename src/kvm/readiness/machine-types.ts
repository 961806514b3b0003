import { childOf, parseXml } from "../../xml.ts";

/**
 * The machine types that a host's emulators know, by all their names. Capabilities of a host with emulators for every
 * architecture are larger than what is parsed as a whole.
 */
export function machineTypesIn(capabilities: string): ReadonlySet<string> {
  const machines = capabilities.matchAll(/<machine(\s[^>]*)?>([^<]*)<\/machine>/g);
  return new Set(
    [...machines].flatMap(([, attributes = "", name = ""]) => {
      const canonical = /\scanonical=(?:'([^']*)'|"([^"]*)")/.exec(attributes);
      return [name.trim(), canonical?.[1] ?? canonical?.[2] ?? name.trim()];
    }),
  );
}

/** The machine type of a domain definition; undefined where it names none. */
export async function machineTypeOf(xml: string): Promise<string | undefined> {
  const root = await parseXml(xml, "definition");
  const os = childOf(root, "os");
  return os === undefined ? undefined : childOf(os, "type")?.attributes["machine"];
}

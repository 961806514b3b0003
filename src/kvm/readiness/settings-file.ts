import { readFile } from "node:fs/promises";

/** The values of one of libvirt's own configuration files, by key; texts without their quotes. */
export type SettingsFile = ReadonlyMap<string, string>;

/**
 * Reads plain `key = value` lines, the later over the earlier; what takes several lines is left out. A file that is not
 * there has no values.
 */
export async function readSettingsFile(path: string): Promise<SettingsFile> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.matchAll(/^[ \t]*([a-z0-9_]+)[ \t]*=[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#"']+))/gm);
  return new Map(
    [...lines].map(([, key = "", double, single, bare]) => [key, double ?? single ?? bare ?? ""]),
  );
}

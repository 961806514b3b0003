import { type ConfigurationKey, configurationKeys } from "./configuration-keys.ts";

/** A table that is made: `<!-- keys: NAME... -->`, what stands there now, `<!-- end of keys -->`. */
const TABLE = /^<!-- keys: ([^>]*) -->\n[^]*?^<!-- end of keys -->$/gm;

const HEAD = `| key | value | default | takes effect | meaning |
| --- | --- | --- | --- | --- |
`;

/**
 * docs/configuration.md with its tables made anew. Its sentences are written by hand; each table begins with a mark
 * that names the keys in it, a name standing for all keys below it that no other mark names more exactly.
 *
 * @throws when a key is in no table, or a mark stands for no key
 */
export function configurationDocument(present: string): string {
  const keys = configurationKeys();
  const marks = [...present.matchAll(TABLE)].flatMap(([, names = ""]) => names.split(" "));
  const markOf = new Map(keys.map(({ key }) => [key, longest(marks, key)]));
  const homeless = keys.filter(({ key }) => markOf.get(key) === undefined).map(({ key }) => key);
  if (homeless.length > 0)
    throw new Error(`no table of docs/configuration.md has ${homeless.join(", ")}: add <!-- keys: NAME -->`);
  return present.replaceAll(TABLE, (_all, names: string) => {
    const own = names.split(" ");
    const rows = keys.filter(({ key }) => own.includes(markOf.get(key) ?? ""));
    if (rows.length === 0) throw new Error(`docs/configuration.md: no key is called ${names}`);
    return `<!-- keys: ${names} -->\n${HEAD}${rows.map(row).join("\n")}\n<!-- end of keys -->`;
  });
}

function longest(marks: readonly string[], key: string): string | undefined {
  return marks
    .filter((mark) => key === mark || key.startsWith(`${mark}.`))
    .toSorted((a, b) => b.length - a.length)[0];
}

function row({ key, kind, byDefault, effect, meaning }: ConfigurationKey): string {
  const shown = byDefault === undefined ? "none" : `\`${byDefault}\``;
  return `| \`${key}\` | ${kind} | ${shown} | ${effect} | ${meaning ?? ""} |`;
}

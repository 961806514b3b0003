/** What one .x file of libvirt says: constants, enums, and structures flattened to the words on the wire. */
export type DotX = {
  constants: ReadonlyMap<string, number>;
  priorities: ReadonlyMap<string, string>;
  /** The words of a structure, in order; undefined if there is no such structure. */
  layout: (name: string) => string[] | undefined;
};

const COMMENT = /\/\*[^]*?\*\//g;
const CONSTANT = /^const (\w+)\s*=\s*(\w+);/gm;
const PROCEDURE = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*(\w+) = (\d+)/g;
const PRIORITY = /@priority: (\w+)/;
const STRUCTURE = /^struct (\w+)\s*\{([^}]*)\};/gm;
const FIELD = /^(unsigned \w+|\w+)\s+(\*?)(\w+)(?:(<|\[)(\w*)[>\]])?$/;

const WORDS: Readonly<Record<string, readonly string[]>> = {
  int: ["int"],
  "unsigned int": ["uint"],
  hyper: ["hyper"],
  "unsigned hyper": ["uhyper"],
  "unsigned char": ["uint"],
  "unsigned short": ["uint"],
  remote_auth_type: ["int"],
  remote_nonnull_string: ["string"],
  remote_string: ["bool", "string"],
  remote_uuid: ["uuid"],
  remote_domain: ["bool", "string", "uuid", "int"],
  // one of seven kinds: the samples here are of the first
  remote_typed_param_value: ["int", "int"],
};

/** Reads the text of a .x file. @param shared another file whose structures and constants this one uses */
export function parseDotX(text: string, shared?: DotX): DotX {
  const bare = text.replaceAll(COMMENT, "");
  const constants = new Map(shared?.constants);
  for (const [, name = "", value = ""] of bare.matchAll(CONSTANT)) constants.set(name, Number(value));
  const priorities = new Map<string, string>();
  for (const [, comment = "", name = "", number = ""] of text.matchAll(PROCEDURE)) {
    constants.set(name, Number(number));
    priorities.set(name, PRIORITY.exec(comment)?.[1] ?? "low"); // as the file itself says
  }
  const bodies = new Map<string, string>();
  for (const [, name = "", body = ""] of bare.matchAll(STRUCTURE)) bodies.set(name, body);

  const layout = (name: string): string[] | undefined => {
    const body = bodies.get(name);
    if (body === undefined) return shared?.layout(name);
    const fields = body.split(";").map((field) => field.trim());
    return fields.filter((field) => field !== "").flatMap((field) => wordsOf(field, { constants, layout }));
  };
  return { constants, priorities, layout };
}

type Known = { constants: ReadonlyMap<string, number>; layout: (name: string) => string[] | undefined };

function wordsOf(field: string, known: Known): string[] {
  const [, type = "", , , bracket, bound = ""] = FIELD.exec(field) ?? [];
  const max = known.constants.get(bound) ?? Number(bound);
  if (type === "opaque") return [bracket === "<" ? `opaque<${max}>` : `opaque[${max}]`];
  const words = WORDS[type] ?? known.layout(type);
  if (words === undefined) throw new Error(`"${field}" has an unknown type`);
  return bracket === "<" ? [`array<${max}>`, ...words] : [...words];
}

/** A value as a configuration file writes it, before the type says which dimension it has. */
export type CfValue =
  | { readonly kind: "scalar"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "association"; readonly entries: ReadonlyMap<string, string> };

/** How many values an attribute holds, and how they are told to a script. */
export type Dimension = "scalar" | "vector" | "keylist" | "association";

/** One attribute of a resource type. */
export interface AttributeDefinition {
  readonly name: string;
  readonly basicType: "str" | "int" | "boolean";
  readonly dimension: Dimension;
  readonly defaultValue: CfValue;
}

/** A `type` block of a types file. */
export interface ResourceType {
  readonly name: string;
  readonly staticValues: ReadonlyMap<string, CfValue>;
  readonly attributes: ReadonlyMap<string, AttributeDefinition>;
}

/** A resource of main.cf. A key of `values` is an attribute, or `attribute@system` for a local value. */
export interface CfResource {
  readonly name: string;
  readonly type: string;
  readonly group: string;
  readonly values: ReadonlyMap<string, CfValue>;
}

/** A service group of main.cf. `systems` keeps the order of SystemList. */
export interface CfGroup {
  readonly name: string;
  readonly systems: readonly string[];
  readonly autoStart: readonly string[];
  readonly values: ReadonlyMap<string, CfValue>;
}

/** What main.cf and the files it includes say. */
export interface CfConfiguration {
  readonly cluster: string | undefined;
  readonly systems: readonly string[];
  readonly types: ReadonlyMap<string, ResourceType>;
  readonly groups: ReadonlyMap<string, CfGroup>;
  readonly resources: ReadonlyMap<string, CfResource>;
}

/** A configuration that cannot be used: the file, the line and what is wrong there. */
export class CfError extends Error {
  override readonly name = "CfError";
}

/** The value of an attribute that nobody set. */
export function emptyValue(dimension: Dimension): CfValue {
  if (dimension === "scalar") return { kind: "scalar", text: "" };
  if (dimension === "association") return { kind: "association", entries: new Map() };
  return { kind: "list", items: [] };
}

/**
 * The value in the form that the dimension asks for: empty braces are any list, a lone word is a list of one.
 *
 * @throws {CfError} when the value does not fit
 */
export function fitValue(value: CfValue, dimension: Dimension, where: string): CfValue {
  if (dimension === "scalar" && value.kind === "scalar") return value;
  if (dimension === "association" && value.kind === "association") return value;
  if (dimension === "association" && value.kind === "list" && value.items.length === 0)
    return emptyValue(dimension);
  if (dimension === "vector" || dimension === "keylist") {
    if (value.kind === "list") return value;
    if (value.kind === "scalar") return { kind: "list", items: [value.text] };
  }
  throw new CfError(`${where}: a ${value.kind} is given where a ${dimension} is wanted`);
}

/** The values one after another, keys and values of an association in turn. */
export function flatten(value: CfValue): readonly string[] {
  switch (value.kind) {
    case "scalar":
      return [value.text];
    case "list":
      return value.items;
    case "association":
      return [...value.entries].flat();
  }
}

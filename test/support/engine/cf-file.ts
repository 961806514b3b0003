import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type CfAssignment, type CfBlock, type CfDeclaration, parseBlocks } from "./cf-parser.ts";
import {
  type AttributeDefinition,
  type CfConfiguration,
  CfError,
  type CfGroup,
  type CfResource,
  type CfValue,
  type Dimension,
  emptyValue,
  fitValue,
  type ResourceType,
} from "./cf-values.ts";
import { isFrameworkAttribute } from "./framework-defaults.ts";

const BASIC_TYPES = ["str", "int", "boolean", "keylist"] as const;
const NOT_SUPPORTED = new Set(["heartbeat", "remotecluster", "clus_heartbeat", "heartbeat-agent", "event"]);

/**
 * Reads main.cf and what it includes; a relative include is beside the file that names it.
 *
 * @throws {CfError} when a file is not of the form, a type is defined twice, or an attribute is unknown
 */
export async function readConfiguration(mainCf: string): Promise<CfConfiguration> {
  return buildConfiguration(await readBlocks(resolve(mainCf), []), mainCf);
}

async function readBlocks(file: string, within: readonly string[]): Promise<CfBlock[]> {
  if (within.includes(file)) throw new CfError(`${file}: includes itself`);
  const blocks: CfBlock[] = [];
  for (const block of parseBlocks(await readFile(file, "utf8"), file)) {
    if (block.kind !== "include") blocks.push(block);
    else blocks.push(...(await readBlocks(resolve(dirname(file), block.path), [...within, file])));
  }
  return blocks;
}

/** Makes a configuration of the blocks of all files. `file` is named in errors. */
export function buildConfiguration(blocks: readonly CfBlock[], file: string): CfConfiguration {
  let cluster: string | undefined;
  let group: string | undefined;
  const systems: string[] = [];
  const types = new Map<string, ResourceType>();
  const groups = new Map<string, CfGroup>();
  const resources = new Map<string, CfResource>();
  for (const block of blocks) {
    const where = `${file}: near line ${block.line}`;
    if (block.kind === "include") throw new CfError(`${where}: the included file was not read`);
    if (block.kind === "type") {
      addOnce(types, block.name, buildType(block.name, block.declarations, where), where);
    } else if (block.keyword === "cluster") cluster = block.name;
    else if (block.keyword === "system") systems.push(block.name);
    else if (block.keyword === "group") {
      group = block.name;
      addOnce(groups, group, buildGroup(group, block.assignments), where);
    } else if (NOT_SUPPORTED.has(block.keyword))
      throw new CfError(`${where}: ${block.keyword} is not supported`);
    else {
      if (group === undefined) throw new CfError(`${where}: ${block.name} stands in no group`);
      const type = types.get(block.keyword);
      if (type === undefined) throw new CfError(`${where}: there is no type ${block.keyword}`);
      addOnce(resources, block.name, buildResource(block.name, type, group, block.assignments, where), where);
    }
  }
  return { cluster, systems, types, groups, resources };
}

function addOnce<T>(to: Map<string, T>, name: string, value: T, where: string): void {
  if (to.has(name)) throw new CfError(`${where}: ${name} is defined twice`);
  to.set(name, value);
}

function buildType(name: string, declarations: readonly CfDeclaration[], where: string): ResourceType {
  const staticValues = new Map<string, CfValue>();
  const attributes = new Map<string, AttributeDefinition>();
  for (const { isStatic, basicType, name: attribute, suffix, value } of declarations) {
    const found = BASIC_TYPES.find((known) => known === basicType);
    if (found === undefined) throw new CfError(`${where}: ${basicType} is no type of an attribute`);
    const dimension = dimensionOf(found, suffix);
    const given =
      value === undefined ? emptyValue(dimension) : fitValue(value, dimension, `${where}: ${attribute}`);
    if (isStatic) addOnce(staticValues, attribute, given, where);
    else {
      const definition = {
        name: attribute,
        basicType: found === "keylist" ? ("str" as const) : found,
        dimension,
        defaultValue: given,
      };
      addOnce(attributes, attribute, definition, where);
    }
  }
  return { name, staticValues, attributes };
}

function dimensionOf(basicType: (typeof BASIC_TYPES)[number], suffix: "" | "[]" | "{}"): Dimension {
  if (basicType === "keylist") return "keylist";
  if (suffix === "[]") return "vector";
  return suffix === "{}" ? "association" : "scalar";
}

function buildGroup(name: string, assignments: readonly CfAssignment[]): CfGroup {
  const values = valuesOf(assignments);
  return {
    name,
    systems: namesIn(values.get("SystemList")),
    autoStart: namesIn(values.get("AutoStartList")),
    values,
  };
}

function buildResource(
  name: string,
  type: ResourceType,
  group: string,
  assignments: readonly CfAssignment[],
  where: string,
): CfResource {
  const values = new Map<string, CfValue>();
  for (const [key, value] of valuesOf(assignments)) {
    const [attribute = key] = key.split("@", 1);
    const definition = type.attributes.get(attribute);
    const known =
      definition !== undefined || type.staticValues.has(attribute) || isFrameworkAttribute(attribute);
    if (!known) throw new CfError(`${where}: ${name} has no attribute ${attribute}`);
    values.set(
      key,
      definition === undefined ? value : fitValue(value, definition.dimension, `${where}: ${attribute}`),
    );
  }
  return { name, type: type.name, group, values };
}

function valuesOf(assignments: readonly CfAssignment[]): Map<string, CfValue> {
  return new Map(
    assignments.map(({ name, system, value }) => [system === undefined ? name : `${name}@${system}`, value]),
  );
}

function namesIn(value: CfValue | undefined): readonly string[] {
  if (value === undefined) return [];
  if (value.kind === "association") return [...value.entries.keys()];
  return value.kind === "list" ? value.items : [value.text];
}

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildConfiguration, readConfiguration } from "../../support/engine/cf-file.ts";
import { parseBlocks } from "../../support/engine/cf-parser.ts";
import { type CfConfiguration, CfError, type CfValue, flatten } from "../../support/engine/cf-values.ts";

const TYPES = `
type Toy (
  static int MonitorInterval = 30
  static keylist SupportedActions = { one, "two" }
  static str ArgList[] = { Text, Options, Hosts }
  str Text = "a b"
  int Number = 5
  str Options{} = { A=1, B=NONE }
  str Hosts[]
  keylist Keys
  boolean Flag
)
`;

function configurationOf(text: string): CfConfiguration {
  return buildConfiguration(parseBlocks(`${TYPES}${text}`, "main.cf"), "main.cf");
}

function valueIn(text: string, attribute: string): CfValue | undefined {
  return configurationOf(`group g ( SystemList = { n1 = 0 } ) Toy t ( ${text} )`)
    .resources.get("t")
    ?.values.get(attribute);
}

function quote(raw: string): string {
  return `"${raw.replace(/["\\]/g, (mark) => `\\${mark}`)}"`;
}

function errorOf(text: string): unknown {
  try {
    configurationOf(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("reading a configuration", () => {
  it("takes static values, attributes, dimensions and defaults from a type", () => {
    const type = configurationOf("").types.get("Toy");

    expect(type?.staticValues.get("MonitorInterval")).toEqual({ kind: "scalar", text: "30" });
    expect(type?.staticValues.get("SupportedActions")).toEqual({ kind: "list", items: ["one", "two"] });
    expect(
      [...(type?.attributes.values() ?? [])].map(({ name, basicType, dimension }) => [
        name,
        basicType,
        dimension,
      ]),
    ).toEqual([
      ["Text", "str", "scalar"],
      ["Number", "int", "scalar"],
      ["Options", "str", "association"],
      ["Hosts", "str", "vector"],
      ["Keys", "str", "keylist"],
      ["Flag", "boolean", "scalar"],
    ]);
    expect(flatten(type?.attributes.get("Options")?.defaultValue ?? { kind: "list", items: [] })).toEqual([
      "A",
      "1",
      "B",
      "NONE",
    ]);
  });

  it("takes cluster, systems, groups and resources from main.cf, and reads over dependencies", () => {
    const configuration = configurationOf(`
      cluster c1 ( UserNames = { admin = "xx" } )
      system n1 ( )
      system n2 ( )
      group g1 (
        SystemList = { n2 = 0, n1 = 1 }
        AutoStartList = { n1 }
        )
        // a comment
        Toy one ( Text = x /* another */ )
        Toy two ( MonitorInterval = 5 ) # a third
        one requires two
        requires group g2 online local firm
      group g2 ( SystemList = { n1 = 0 } )
    `);

    expect(configuration.cluster).toBe("c1");
    expect(configuration.systems).toEqual(["n1", "n2"]);
    expect(configuration.groups.get("g1")).toMatchObject({ systems: ["n2", "n1"], autoStart: ["n1"] });
    expect([...configuration.resources.values()].map(({ name, group }) => [name, group])).toEqual([
      ["one", "g1"],
      ["two", "g1"],
    ]);
    expect(configuration.groups.get("g2")?.systems).toEqual(["n1"]);
  });

  it.each([
    ['Text = "two words"', "Text", ["two words"]],
    [String.raw`Text = "a \"b\" \\ \n"`, "Text", [String.raw`a "b" \ \n`]],
    ['Text = "// no comment # here"', "Text", ["// no comment # here"]],
    ["Text = https://host:443/x#y", "Text", ["https://host:443/x#y"]],
    ["Text = -1", "Text", ["-1"]],
    ["Hosts = { a, b }", "Hosts", ["a", "b"]],
    ["Hosts = a", "Hosts", ["a"]],
    ["Keys = { }", "Keys", []],
    ["Options = { }", "Options", []],
    ['Options = { A = 0; "B c" = "d e" }', "Options", ["A", "0", "B c", "d e"]],
    ["Text @n1 = x", "Text@n1", ["x"]],
    ["Text@n1 = x", "Text@n1", ["x"]],
  ])("reads %s", (text, attribute, words) => {
    const value = valueIn(text, attribute);

    expect(value === undefined ? undefined : flatten(value)).toEqual(words);
  });

  it.each([
    ['Text = "open', "does not end"],
    ["Text = /* open", "does not end"],
    ["Text", '"=" is missing'],
    ["Text = { a }", "a list is given where a scalar is wanted"],
    ["Options = { A = 1, B }", "mixed"],
    ["Nothing = 1", "t has no attribute Nothing"],
  ])("refuses %s with the file and the reason", (text, reason) => {
    expect(() => valueIn(text, "Text")).toThrow(CfError);
    expect(() => valueIn(text, "Text")).toThrow(/^main\.cf:/);
    expect(() => valueIn(text, "Text")).toThrow(reason);
  });

  it.each([
    [TYPES, "Toy is defined twice"],
    ["Toy t ( )", "t stands in no group"],
    ["group g ( ) Other o ( )", "there is no type Other"],
    ["group g ( ) Toy t ( ) Toy t ( )", "t is defined twice"],
    ["heartbeat h ( )", "heartbeat is not supported"],
  ])("refuses a configuration with %j", (text, reason) => {
    expect(() => configurationOf(text)).toThrow(reason);
  });

  it("reads back every string that is written with its quotes and backslashes escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (key, text) => {
        const value = valueIn(
          `Options = { ${quote(key)} = ${quote(text)} } Text = ${quote(text)}`,
          "Options",
        );

        expect(value === undefined ? undefined : flatten(value)).toEqual([key, text]);
      }),
    );
  });

  it("answers any text with a configuration or a CfError", () => {
    const word = fc.constantFrom(
      "type",
      "group",
      "static",
      "str",
      "include",
      "a",
      "(",
      ")",
      "{",
      "}",
      "[",
      "]",
      "=",
      ",",
      '"',
      "\\",
      "\n",
      "//",
      "/*",
      " ",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join(" ")),
        ),
        (text) => {
          expect(errorOf(text)).toSatisfy((error) => error === undefined || error instanceof CfError);
        },
      ),
    );
  });
});

describe("included files", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cf-"));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("are looked for beside the file that names them", async () => {
    await writeFile(join(folder, "types.cf"), TYPES);
    await writeFile(join(folder, "main.cf"), 'include "types.cf"\ngroup g ( )\nToy t ( )');

    const configuration = await readConfiguration(join(folder, "main.cf"));

    expect(configuration.resources.get("t")?.type).toBe("Toy");
  });

  it("must not include themselves", async () => {
    await writeFile(join(folder, "main.cf"), 'include "main.cf"');

    await expect(readConfiguration(join(folder, "main.cf"))).rejects.toThrow("includes itself");
  });
});

import { describe, expect, it } from "vitest";
import {
  actionArguments,
  attributeChangedArguments,
  cleanArguments,
  DEFAULT_TAIL,
  migrateArguments,
  resourceArguments,
} from "../../support/engine/arguments.ts";
import { buildConfiguration } from "../../support/engine/cf-file.ts";
import { parseBlocks } from "../../support/engine/cf-parser.ts";
import { ResourceSettings } from "../../support/engine/resource-settings.ts";

function settingsOf(
  values: string,
  statics = "static boolean AEPTimeout = 1",
  system = "n1",
): ResourceSettings {
  const text = `
    type Toy (
      ${statics}
      static str ArgList[] = { Text, Options, Hosts, Keys }
      str Text
      str Options{} = { A=1, B=NONE }
      str Hosts[]
      keylist Keys
    )
    group g ( SystemList = { n1 = 0, n2 = 1 } )
    Toy t ( ${values} )`;
  const configuration = buildConfiguration(parseBlocks(text, "main.cf"), "main.cf");
  const resource = configuration.resources.get("t");
  if (resource === undefined) throw new Error("the text has no resource t");
  return new ResourceSettings(configuration, resource, { system, capsActions: true });
}

const TUPLES = ["Text", "1", "", "Options", "4", "A", "1", "B", "NONE", "Hosts", "0", "Keys", "0"];

describe("arguments of entry points", () => {
  it("are a tuple for each attribute, an empty one for a scalar that nobody set, and the timeout", () => {
    expect(resourceArguments(settingsOf(""), "monitor")).toEqual(["t", ...TUPLES, "AEPTimeout", "1", "60"]);
  });

  it("count keys and values of an association, elements of a vector, keys of a keylist", () => {
    const settings = settingsOf('Text = "x y" Options = { K = v } Hosts = { a, b } Keys = { k }');

    expect(resourceArguments(settings, "monitor").slice(1, -3)).toEqual([
      "Text",
      "1",
      "x y",
      "Options",
      "2",
      "K",
      "v",
      "Hosts",
      "2",
      "a",
      "b",
      "Keys",
      "1",
      "k",
    ]);
  });

  it("have the timeout of the entry point, with the resource's own value", () => {
    const settings = settingsOf("OnlineTimeout = 12 MonitorInterval = 40 MigrateTimeout = 0.2");

    const timeouts = (["online", "clean", "action", "migrate"] as const).map((name) =>
      resourceArguments(settings, name).at(-1),
    );

    expect(timeouts).toEqual(["12", "60", "20", "1"]);
  });

  it("have no timeout when the type does not ask for it, whatever the resource says", () => {
    expect(
      resourceArguments(settingsOf("AEPTimeout = 1", "static boolean AEPTimeout = 0"), "monitor"),
    ).toEqual(["t", ...TUPLES]);
  });

  it("take a local value on its system only", () => {
    expect(resourceArguments(settingsOf("Text = all Text@n1 = mine"), "monitor").slice(1, 4)).toEqual([
      "Text",
      "1",
      "mine",
    ]);
    expect(resourceArguments(settingsOf("Text = all Text@n2 = mine"), "monitor").slice(1, 4)).toEqual([
      "Text",
      "1",
      "all",
    ]);
  });

  it("have clean's reason before the tuples", () => {
    expect(cleanArguments(settingsOf(""), 4).slice(0, 4)).toEqual(["t", "4", "Text", "1"]);
  });

  it.each([
    [{}, ["2", "a", "b c", "AEPTimeout", "1", "30"]],
    [{ actionArguments: "plain" }, ["a", "b c", "AEPTimeout", "1", "30"]],
    [{ actionArguments: "tuple" }, ["ActionArgs", "2", "a", "b c", "AEPTimeout", "1", "30"]],
    [{ timeout: "first" }, ["AEPTimeout", "1", "30", "2", "a", "b c"]],
  ] as const)("end with those of an action in the form %j", (tail, expected) => {
    const argv = actionArguments(settingsOf(""), ["a", "b c"], { ...DEFAULT_TAIL, ...tail });

    expect(argv).toEqual(["t", ...TUPLES, ...expected]);
  });

  it.each([
    [{}, ["VCSInfo", "2", "TargetHost", "n2", "AEPTimeout", "1", "300"]],
    [{ targetHost: "scalar" }, ["VCSInfo", "1", "n2", "AEPTimeout", "1", "300"]],
  ] as const)("name the target of a migration in the form %j", (tail, expected) => {
    const argv = migrateArguments(settingsOf(""), "n2", { ...DEFAULT_TAIL, ...tail });

    expect(argv).toEqual(["t", ...TUPLES, ...expected]);
  });

  it.each([
    [{}, ["t", "t", "Options", "A", "2"]],
    [{ newValue: "counted" }, ["t", "t", "Options", "2", "A", "2"]],
  ] as const)("tell attr_changed the new value in the form %j", (tail, expected) => {
    expect(
      attributeChangedArguments(settingsOf(""), "Options", ["A", "2"], { ...DEFAULT_TAIL, ...tail }),
    ).toEqual(expected);
  });
});

describe("changing a value", () => {
  it("takes keys and values in turn for an association", () => {
    const settings = settingsOf("");

    settings.set("Options", ["K", "v", "L", "w"]);

    expect(settings.argListValues().slice(3, 9)).toEqual(["Options", "4", "K", "v", "L", "w"]);
  });

  it("keeps a local value local", () => {
    const settings = settingsOf("Text = all Text@n1 = mine");

    settings.set("Text", ["new"]);

    expect(settings.argListValues().slice(0, 3)).toEqual(["Text", "1", "new"]);
  });

  it.each([
    ["Options", ["K"]],
    ["Text", ["a", "b"]],
    ["Nothing", ["a"]],
    ["SupportedActions", ["a"]],
  ])("refuses %s = %j", (attribute, words) => {
    expect(() => settingsOf("").set(attribute, words)).toThrow(/Options|Text|Nothing|SupportedActions/);
  });
});

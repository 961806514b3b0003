import { describe, expect, it } from "vitest";
import { parseSearch, SearchError } from "../../support/rhevm-simulator/search-language.ts";
import { makeUnwiredEngine, type UnwiredEngine } from "../../support/rhevm-simulator/unwired-engine.ts";

describe("the search language", () => {
  it("lets `and` bind tighter than `or`", () => {
    expect(parseSearch("name=a or name=b and cluster=c").anyOf).toEqual([
      [{ key: "name", operator: "=", value: "a" }],
      [
        { key: "name", operator: "=", value: "b" },
        { key: "cluster", operator: "=", value: "c" },
      ],
    ]);
  });

  it("takes a value with blanks and operators in double quotes", () => {
    expect(parseSearch('name="my vm = 1"').anyOf).toEqual([
      [{ key: "name", operator: "=", value: "my vm = 1" }],
    ]);
  });

  it("reads order and page, whatever the case of the words", () => {
    const { sortBy, page } = parseSearch("Name != a SORTBY name DESC Page 3");

    expect([sortBy, page]).toEqual([{ key: "name", isDescending: true }, 3]);
  });

  it("finds everything with an empty search", () => {
    expect(parseSearch("  ").anyOf).toEqual([[]]);
  });

  it.each([
    "name=",
    "=a",
    "name=a and",
    "name=a name=b",
    "name=my vm",
    'name="a',
    "sortby name asc page 0",
    "name=a page two",
  ])("refuses %s", (text) => {
    expect(() => parseSearch(text)).toThrow(SearchError);
  });
});

const ROOT = "/ovirt-engine/api";

async function names(engine: UnwiredEngine, path: string): Promise<string[] | number> {
  const { status, document } = await engine.ask(path);
  if (status !== 200 || document === undefined) return status;
  return document.children.map((child) => child.children.find(({ name }) => name === "name")?.text ?? "");
}

async function search(engine: UnwiredEngine, text: string, collection = "vms"): Promise<string[] | number> {
  return names(engine, `${ROOT}/${collection}?search=${encodeURIComponent(text)}`);
}

function site(): UnwiredEngine {
  const engine = makeUnwiredEngine({ vms: ["web1", "web10", "Web1", "my vm"] });
  engine.world.addCluster("Remote", "Default");
  engine.world.addHost("far1", { cluster: "Remote" });
  engine.world.addVm("web1", { cluster: "Remote", host: "far1" });
  return engine;
}

describe("a list", () => {
  it.each([
    ["name=web10", ["web10"]],
    ["name=web*", ["web1", "web10", "Web1", "web1"]],
    ['name="my vm"', ["my vm"]],
    ["name=web1 and cluster=Remote", ["web1"]],
    ["cluster=Remote or name=web10", ["web10", "web1"]],
    ["host=far1", ["web1"]],
    ["status=up", ["web1"]],
    ["status!=down", ["web1"]],
    ["my", ["my vm"]],
    ["sortby name desc", ["web10", "Web1", "web1", "web1", "my vm"]],
  ])("finds by %s in version 4", async (text, expected) => {
    expect(await search(site(), text)).toEqual(expected);
  });

  it("does not tell the cases of names apart in 4.x, and does in 3.x, unless it is told", async () => {
    const old = makeUnwiredEngine({ release: "3.6", vms: ["web1", "Web1"] });

    expect(await search(site(), "name=web1")).toEqual(["web1", "Web1", "web1"]);
    expect(await names(site(), `${ROOT}/vms?search=name%3Dweb1&case_sensitive=true`)).toEqual([
      "web1",
      "web1",
    ]);
    expect(await search(old, "name=web1")).toEqual(["web1"]);
    expect(await names(old, `${ROOT}/vms;case_sensitive=false?search=name%3Dweb1`)).toEqual(["web1", "Web1"]);
  });

  it("knows the engine's own words for states", async () => {
    const engine = site();
    engine.world.setVmStatus("web10", "powering_up", "host1");
    engine.world.setVmStatus("my vm", "migrating", "host1");

    expect(await search(engine, "status=poweringup")).toEqual(["web10"]);
    expect(await search(engine, "status=migratingfrom")).toEqual(["my vm"]);
    expect(await search(engine, "status=powering_up")).toEqual([]);
  });

  it("refuses a search that does not parse, or asks for a field that there is not", async () => {
    expect(await search(site(), "name=my vm")).toBe(400);
    expect(await search(site(), "colour=red")).toBe(400);
  });

  it.each([
    ["3.1", "/api/vms", 100],
    ["3.1", "/api/vms;max=120", 120],
    ["3.1", "/api/vms?max=120", 100],
    ["3.3", "/api/vms", 100],
    ["3.3", "/api/vms?search=sortby%20name%20asc%20page%202", 30],
    ["3.3", "/api/vms?search=sortby%20name%20asc%20page%203", 0],
    ["3.6", "/ovirt-engine/api/vms", 130],
    ["3.6", "/ovirt-engine/api/vms;max=20?search=page%202", 20],
    ["4.3", "/ovirt-engine/api/vms", 130],
    ["4.3", "/ovirt-engine/api/vms?max=20", 20],
    ["4.3", "/ovirt-engine/api/vms?search=page%202", 0],
  ] as const)("of 130 VMs, %s answers %s with %i", async (release, path, expected) => {
    const vms = Array.from({ length: 130 }, (_, index) => `vm${index}`);

    expect(await names(makeUnwiredEngine({ release, vms }), path)).toHaveLength(expected);
  });

  it("refuses a URL that the web server before the engine would not pass on", async () => {
    const many = Array.from({ length: 600 }, (_, index) => `name=vm${index}`).join(" or ");

    expect(await search(site(), many)).toBe(414);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listPath, nameQueries } from "../../../src/rhev/search.ts";

describe("the search for names", () => {
  it("quotes each name", () => {
    expect(nameQueries(["web1", "my vm", "or", "a=b"])).toEqual([
      'name="web1" or name="my vm" or name="or" or name="a=b"',
    ]);
  });

  it("puts the sign for any text where a quote or backslash would end the name", () => {
    expect(nameQueries(['a"b\\c'])).toEqual(['name="a*b*c"']);
  });

  it("asks nothing for no names, and once for a name that comes twice", () => {
    expect(nameQueries([])).toEqual([]);
    expect(nameQueries(["web1", "web1"])).toEqual(['name="web1"']);
  });

  it("asks for 500 guests in ten requests", () => {
    expect(nameQueries(Array.from({ length: 500 }, (_, at) => `guest-${at}`))).toHaveLength(10);
  });

  it("holds every name once, in queries that pass a web server", () => {
    const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 60, unit: "grapheme" }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(names, (list) => {
        const queries = nameQueries(list);
        const terms = queries.flatMap((query) => query.split(/(?<=") or (?=name=")/));

        const wanted = list.map((name) => `name="${name.replaceAll(/["\\]/g, "*")}"`);
        expect(terms.join("\n")).toBe(wanted.join("\n"));
        expect(Math.max(0, ...queries.map((query) => encodeURIComponent(query).length))).toBeLessThan(7000);
      }),
    );
  });
});

describe("the path of a list", () => {
  it.each([
    [4, { search: 'name="a b"' }, "/vms?search=name%3D%22a%20b%22&max=10000"],
    [3, { search: 'name="a b"' }, "/vms;max=10000?search=name%3D%22a%20b%22"],
    [4, { from: 7, max: 500 }, "/vms?from=7&max=500"],
    [3, { from: 7, max: 500 }, "/vms;from=7;max=500"],
    [4, {}, "/vms?max=10000"],
    [3, {}, "/vms;max=10000"],
  ] as const)("is in version %i of %j %s", (version, query, path) => {
    expect(listPath("/vms", version, query)).toBe(path);
  });
});

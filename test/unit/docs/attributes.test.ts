import { describe, expect, it } from "vitest";
import { ASSOCIATION_KEYS, ATTRIBUTE_NAMES } from "../../../src/attributes.ts";
import { textOf } from "../../support/documents.ts";

const SETUP = textOf("docs/vcs-setup.md");

/** First cells of the tables below a line that begins so, up to the next empty line after the table. */
function firstCells(after: string): readonly string[] {
  const table = (SETUP.split(after)[1] ?? "").split("\n\n").find((part) => part.includes("| --- |")) ?? "";
  return table
    .split("\n")
    .slice(2)
    .map((line) => line.split("|")[1]?.trim() ?? "");
}

describe("docs/vcs-setup.md", () => {
  it("says of every attribute of the type what is done with it", () => {
    const table = (SETUP.split("| attribute of a resource |")[1] ?? "").split("\n\n")[0] ?? "";
    const rows = table.split("\n").map((line) => line.split("|")[1]?.trim() ?? "");

    expect(ATTRIBUTE_NAMES.filter((name) => !rows.includes(name))).toEqual([]);
  });

  it.each([
    ["DROpts", "DROpts is checked as a whole:"],
    ["RHEVMInfo", "## Guests of RHEV-M"],
  ])("explains every key of %s and no other", (attribute, after) => {
    expect(firstCells(after).toSorted()).toEqual(ASSOCIATION_KEYS[attribute]?.toSorted());
  });

  it("shows every key of CEInfo", () => {
    expect(ASSOCIATION_KEYS["CEInfo"]?.filter((key) => !SETUP.includes(key))).toEqual([]);
  });
});

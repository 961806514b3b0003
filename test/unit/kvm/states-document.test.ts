import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { repositoryFile } from "../../support/repository.ts";
import { statesDocument } from "../../support/states-document.ts";

const FILE = repositoryFile("docs/states.md");

it("keeps docs/states.md as the table of states has it", () => {
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(FILE, statesDocument());

  expect(readFileSync(FILE, "utf8")).toBe(statesDocument());
});

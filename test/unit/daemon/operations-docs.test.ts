import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { STATE_TABLE } from "../../../src/kvm/state-table.ts";
import { stateText } from "../../../src/resource-state.ts";
import { repositoryFile } from "../../support/repository.ts";

/** The rows of docs/operations.md: libvirt's words, the answer, whether it is warned of. */
const ROWS = [
  ...readFileSync(repositoryFile("docs/operations.md"), "utf8").matchAll(
    /^\| `([^`]+)` \| (ONLINE (\d+)|[A-Z ]+)(, warned)? \|/gm,
  ),
].map(([, row = "", answer = "", confidence, warned]) => ({
  row,
  state: confidence === undefined ? answer : `ONLINE(${confidence})`,
  alarming: warned !== undefined,
}));

describe("docs/operations.md", () => {
  it("tells of every row of the state table what the product answers", () => {
    const table = Object.entries(STATE_TABLE).map(([row, verdict]) => ({
      row,
      state: stateText(verdict.state),
      alarming: "alarming" in verdict,
    }));

    expect(ROWS).toEqual(table);
  });
});

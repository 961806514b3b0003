import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { styleFor } from "../../../daemon/kvmguestctl/terminal.ts";
import { countsOf, reportJson, reportLines } from "../../../daemon/readiness/report.ts";
import { CHECK_NAMES, rowsOf } from "../../../src/readiness.ts";
import { repositoryFile } from "../../support/repository.ts";

const PLAIN = styleFor(false, {});
const ROWS = [
  rowsOf("daemon", "/run/agent.sock").ok("runs"),
  rowsOf("peer address", "peer node2").problem("nobody answers", "open the port"),
  rowsOf("peer", "peer node3").notChecked("why\u001b[31m\nnot"),
];

it("shows a row for each, what to do about it, and the sum", () => {
  expect(reportLines(ROWS, PLAIN)).toEqual([
    "ok           daemon        /run/agent.sock: runs",
    "problem      peer address  peer node2: nobody answers",
    "                           -> open the port",
    "not checked  peer          peer node3: why [31m not",
    "",
    "1 problem, 0 warnings, 1 not checked, 1 ok",
  ]);
});

it("shows the same to programs, with what to do", () => {
  expect(JSON.parse(reportJson(ROWS.slice(1, 2)))).toEqual({
    counts: { ok: 0, warning: 0, problem: 1, "not checked": 0 },
    checks: [
      {
        check: "peer address",
        about: "peer node2",
        verdict: "problem",
        text: "nobody answers",
        remedy: "open the port",
      },
    ],
  });
});

it("counts each verdict", () => {
  expect(countsOf([...ROWS, rowsOf("type", "x").warning("y")])).toEqual({
    ok: 1,
    warning: 1,
    problem: 1,
    "not checked": 1,
  });
});

it("has every check in the manual, in the same order", async () => {
  const text = await readFile(repositoryFile("docs/operations.md"), "utf8");
  const table = text.slice(text.indexOf("| check | looks at |")).split("\n\n")[0] ?? "";
  const [, , ...rows] = table.split("\n");

  expect(rows.map((row) => row.split("|")[1]?.trim())).toEqual([...CHECK_NAMES]);
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../daemon/kvmguestctl/commands.ts";
import { EXIT_CODES } from "../../../daemon/kvmguestctl/exit-codes.ts";
import { repositoryFile } from "../../support/repository.ts";

const OPERATIONS = readFileSync(repositoryFile("docs/operations.md"), "utf8");
const README = readFileSync(repositoryFile("README.md"), "utf8");

describe("docs/operations.md", () => {
  it("has the table of exit codes, in the words of --help", () => {
    const table = OPERATIONS.split("| kvmguestctl exits |")[1]?.split("\n\n")[0] ?? "";
    const rows = [...table.matchAll(/^\| (\d) \| ([^|]+) \|/gm)].map(([, code, meaning]) => [
      Number(code),
      meaning,
    ]);

    expect(rows).toEqual(Object.values(EXIT_CODES).map(({ code, meaning }) => [code, meaning]));
  });
});

describe("the documents", () => {
  it("name no command of kvmguestctl that there is none of, and the README names nearly all", () => {
    const commands = [...`${OPERATIONS}${README}`.matchAll(/(?:^ {4}|`)kvmguestctl ([a-z][a-z-]*)/gm)];
    const named = commands.map(([, name = ""]) => name);
    const names = COMMANDS.map(({ name }) => name);

    expect(named.filter((name) => !names.includes(name))).toEqual([]);
    expect(names.filter((name) => !README.includes(`kvmguestctl ${name}`) && name !== "check")).toEqual([]);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, loadConfig, type Overrides } from "../../../daemon/config.ts";
import { parseSyncCommand } from "../../../daemon/config-sync/flags.ts";
import { parseCommand } from "../../../daemon/flags.ts";

const word = fc.oneof(
  fc.constantFrom(
    "--config",
    "--socket=/x",
    "--state-directory",
    "--log-level",
    "--check-config",
    "--help",
    "-h",
    "--version",
    "--all",
    "-sys",
    "-n",
    "--dry-run",
    "--",
    "-",
    "",
    "web1",
    "/etc/config.yaml",
  ),
  fc.string({ maxLength: 12 }),
);
const argv = fc.array(word, { maxLength: 6 });

describe("the configuration that a command line names", () => {
  it("is read, or refused in lines that name the place, whatever was typed", () => {
    const names = fc.oneof(
      fc.constantFrom("", "/", "/dev/null", "/nowhere/config.yaml", "relative"),
      fc.string(),
    );
    const perhaps = fc.option(names, { nil: undefined });
    fc.assert(
      fc.property(names, perhaps, perhaps, perhaps, (file, socket, stateDirectory, logLevel) => {
        const problems = problemsOf(file, { socket, stateDirectory, logLevel });
        for (const problem of problems) expect(problem).toMatch(/^[^\n]{5,}$/);
      }),
    );
    expect(problemsOf("/dev/null", {})).toEqual([]);
    expect(problemsOf("/", {})[0]).toMatch(/^\/: cannot be read: /);
    expect(problemsOf("/dev/null", { socket: "relative" })).toEqual(["socket: must be an absolute path"]);
  });
});

/** What makes a configuration unusable; anything but words for it is a defect. */
function problemsOf(file: string, overrides: Overrides): readonly string[] {
  try {
    loadConfig(file, overrides, []);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe.each([
  ["vcskvmguestd", parseCommand, ["run", "check-config", "help", "version", "wrong"]],
  ["havmconfigsync", parseSyncCommand, ["sync", "help", "version", "wrong"]],
] as const)("the command line of %s", (_name, parse, kinds) => {
  it("is something to do, or one line of words, whatever was typed", () => {
    fc.assert(
      fc.property(argv, (words) => {
        const command = parse(words, {});
        expect(kinds).toContain(command.kind);
        expect(command.kind === "wrong" ? command.problem : "no words").toMatch(/^[^\n]{5,}$/);
      }),
      { numRuns: 2000 },
    );
  });
});

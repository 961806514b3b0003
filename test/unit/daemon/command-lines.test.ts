import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
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

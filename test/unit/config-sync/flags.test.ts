import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HELP, parseSyncCommand } from "../../../daemon/config-sync/flags.ts";
import { repositoryFile } from "../../support/repository.ts";

describe("the command line of havmconfigsync", () => {
  it("names resources, or all", () => {
    const nothing = { kind: "sync", system: undefined, dryRun: false, config: undefined };

    expect(parseSyncCommand(["web1", "db1", "web1"], {})).toEqual({ ...nothing, resources: ["web1", "db1"] });
    expect(parseSyncCommand(["--all"], {})).toEqual({ ...nothing, resources: undefined });
  });

  it("takes -n and --dry-run, -sys and --config, in any order", () => {
    expect(parseSyncCommand(["-sys", "node2", "web1", "-n", "--config", "/c"], {})).toEqual({
      kind: "sync",
      resources: ["web1"],
      system: "node2",
      dryRun: true,
      config: "/c",
    });
    expect(parseSyncCommand(["--dry-run", "--all"], {})).toMatchObject({ dryRun: true });
  });

  it("takes the configuration from the environment, but an option wins", () => {
    const env = { VCSKVMGUESTD_CONFIG: "/env" };

    expect(parseSyncCommand(["web1"], env)).toMatchObject({ config: "/env" });
    expect(parseSyncCommand(["web1", "--config", "/c"], env)).toMatchObject({ config: "/c" });
  });

  it.each([
    [[], "name resources, or say --all"],
    [["--all", "web1"], "name resources, or say --all"],
    [["-n"], "name resources, or say --all"],
    [["web1", "-sys"], "-sys wants a value"],
    [["web1", "--sys", "node1"], '"--sys" is no option'],
    [[""], "a resource's name is empty"],
  ])("refuses %j: %s", (argv, problem) => {
    expect(parseSyncCommand(argv, {})).toEqual({ kind: "wrong", problem });
  });

  it("tells help and version apart from work", () => {
    expect(parseSyncCommand(["web1", "--help"], {})).toEqual({ kind: "help" });
    expect(parseSyncCommand(["-h"], {})).toEqual({ kind: "help" });
    expect(parseSyncCommand(["--version"], {})).toEqual({ kind: "version" });
  });

  it("is described by the manual page, option by option", () => {
    const page = readFileSync(repositoryFile("docs/man/havmconfigsync.8"), "utf8");
    const options = [...HELP.matchAll(/--([a-z-]+)/g)].map(([, name = ""]) => name);
    const described = [...page.matchAll(/^\.It .*Fl Fl ([a-z-]+)/gm)].map(([, name = ""]) => name);

    expect([...new Set(described)].toSorted()).toEqual([...new Set(options)].toSorted());
    expect(page).toContain(".It Fl sys Ar system");
    for (const code of ["0", "1", "2", "3"]) expect(page).toMatch(new RegExp(`^\\.It ${code}$`, "m"));
  });
});

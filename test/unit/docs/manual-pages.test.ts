import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HELP as SYNC_HELP } from "../../../daemon/config-sync/flags.ts";
import { HELP as DAEMON_HELP } from "../../../daemon/flags.ts";
import { COMMANDS } from "../../../daemon/kvmguestctl/commands.ts";
import { commandHelp, programHelp } from "../../../daemon/kvmguestctl/help.ts";
import { configurationPage } from "../../support/configuration-page.ts";
import { kvmguestctlPage } from "../../support/kvmguestctl-page.ts";
import { repositoryFile } from "../../support/repository.ts";

const FOLDER = repositoryFile("docs/man");
const PAGES = readdirSync(FOLDER).toSorted();

/** What each page is compared with: the help of its program. */
const HELPS = [
  ["vcskvmguestd.8", DAEMON_HELP],
  ["havmconfigsync.8", SYNC_HELP],
  ["vcs-net-reconfig.8", helpOf("guest/vcs-net-reconfig")],
  ["vcskvmguestd-install-vcs.8", helpOf("packaging/host/install-vcs")],
] as const;

function helpOf(script: string): string {
  return execFileSync("sh", [repositoryFile(script), "--help"], { encoding: "utf8" });
}

function pageOf(name: string): string {
  return readFileSync(`${FOLDER}/${name}`, "utf8");
}

function namesIn(text: string, pattern: RegExp): readonly string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name))].toSorted();
}

/** Options of a page's lists: `.It Fl n , Fl Fl dry-run` has n and dry-run. */
function optionsOf(page: string): readonly string[] {
  const items = [...page.matchAll(/^\.It (Fl .*)$/gm)].map(([, item = ""]) => item);
  return [...new Set(items.flatMap((item) => namesIn(item, /\bFl (?:Fl )?([a-z][a-z-]*)/g)))].toSorted();
}

/** Words of a help that begin with `-` or `--`, without it. */
function optionsIn(help: string): readonly string[] {
  return namesIn(help, /(?<![\w-])--?([a-z][a-z-]*)/g).filter((name) => !OF_OTHERS.has(name));
}

/** Options of the engine's commands, which helps give as examples. */
const OF_OTHERS = new Set(["makerw", "dump", "makero"]);

function section(page: string, name: string): string {
  return page.split(/^\.Sh /m).find((part) => part.startsWith(name)) ?? "";
}

describe("a manual page", () => {
  it.each(PAGES)("%s has no fault that mandoc or groff warns of", (name) => {
    const page = `${FOLDER}/${name}`;
    const said = [
      spawnSync("mandoc", ["-Tlint", "-Wwarning", page], { encoding: "utf8" }).stdout,
      spawnSync("man", ["-l", "--warnings", "-P", "cat", page], { encoding: "utf8" }).stderr,
    ];

    expect(said).toEqual(["", ""]);
  });

  it.each(HELPS)("%s describes every option of --help and no other", (name, help) => {
    expect(optionsIn(help)).toContain("help");
    expect(optionsOf(pageOf(name)).filter((option) => option !== "h")).toEqual(
      optionsIn(help).filter((option) => option !== "h"),
    );
  });

  it.each(HELPS)("%s has the exit codes of --help", (name, help) => {
    const told = help.split("Exit codes:")[1] ?? "";

    expect(namesIn(section(pageOf(name), "EXIT STATUS"), /^\.It (\d+)$/gm)).toEqual(
      namesIn(told, /(?:^|[,\n ]) ?(\d+) /g),
    );
  });

  it.each(HELPS)("%s names the environment variables of --help", (name, help) => {
    const page = pageOf(name);

    expect(namesIn(help, /(VCSKVMGUESTD_[A-Z_]+)/g).filter((variable) => !page.includes(variable))).toEqual(
      [],
    );
  });
});

describe("vcskvmguestd.8", () => {
  it("names the environment variables of its help and of the shims, and no other", () => {
    const shims = ["VCSKVMGUESTD_LOG", "VCSKVMGUESTD_START"];

    expect(namesIn(pageOf("vcskvmguestd.8"), /(VCSKVMGUESTD_[A-Z_]+)/g)).toEqual(
      [...namesIn(DAEMON_HELP, /(VCSKVMGUESTD_[A-Z_]+)/g), ...shims].toSorted(),
    );
  });
});

describe("a page that is made from tables", () => {
  it.each([
    ["kvmguestctl.8", kvmguestctlPage],
    ["vcskvmguestd.yaml.5", configurationPage],
  ] as const)("%s is as the tables have it", (name, made) => {
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(`${FOLDER}/${name}`, made());

    expect(pageOf(name)).toBe(made());
  });
});

describe("kvmguestctl.8", () => {
  it("has what a reader of --help and of each command's --help finds there", () => {
    const page = pageOf("kvmguestctl.8");
    const helps = [programHelp(), ...COMMANDS.map(commandHelp)].join("\n");

    expect(namesIn(page, /^\.It Cm ([a-z-]+)/gm)).toEqual(COMMANDS.map(({ name }) => name).toSorted());
    expect(optionsOf(page).filter((option) => option.length > 1)).toEqual(
      namesIn(helps, /(?<![\w-])--([a-z][a-z-]*)/g),
    );
    expect(namesIn(section(page, "EXIT STATUS"), /^\.It (\d+)$/gm)).toEqual(
      namesIn(programHelp().split("Exit codes:")[1] ?? "", /^  (\d+) /gm),
    );
  });
});

describe("vcskvmguestd.yaml.5", () => {
  it("has each key with its kind, default and effect, as a reader sees them", () => {
    const seen = execFileSync("mandoc", ["-Tmarkdown", `${FOLDER}/vcskvmguestd.yaml.5`], {
      encoding: "utf8",
    });

    expect(seen).toContain("Seconds, 1 to 120; default **10**; reload.");
    expect(seen).toMatch(
      /\*\*kvm\.guestPowerOff\*\*\n\n> \*\*fault\*\* or \*\*intentional\*\*; default \*\*fault\*\*; reload\. +\n> A power-off/,
    );
    expect(seen).toMatch(/\*\*\/opt\/VRTSvcs\/bin\/vcsdecrypt .*agent {encrypted}\*\*\./);
  });
});

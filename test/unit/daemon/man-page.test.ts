import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HELP } from "../../../daemon/flags.ts";
import { repositoryFile } from "../../support/repository.ts";

const PAGE = readFileSync(repositoryFile("docs/man/vcskvmguestd.8"), "utf8");

function namesIn(text: string, pattern: RegExp): readonly string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name))].toSorted();
}

describe("the manual page", () => {
  it("describes every option of --help and no other", () => {
    expect(namesIn(PAGE, /^\.It Fl Fl ([a-z-]+)/gm)).toEqual(namesIn(HELP, /--([a-z-]+)/g));
  });

  it("names every environment variable of --help, and those of the shims", () => {
    const shims = ["VCSKVMGUESTD_LOG", "VCSKVMGUESTD_START"];

    expect(namesIn(PAGE, /(VCSKVMGUESTD_[A-Z_]+)/g)).toEqual(
      [...namesIn(HELP, /(VCSKVMGUESTD_[A-Z_]+)/g), ...shims].toSorted(),
    );
  });
});

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { textOf } from "../../support/documents.ts";
import { repositoryFile } from "../../support/repository.ts";

const DOCUMENT = textOf("docs/architecture.md");

/** What "Where to look first" says of each folder. */
const PLACES = (DOCUMENT.split("## Where to look first\n")[1] ?? "")
  .split(/\n## /)[0]
  ?.split(/^In (?=`)/m)
  .slice(1)
  .map((part) => ({ folder: /^`([^`]+)`/.exec(part)?.[1] ?? "", part: part.slice(part.indexOf(":")) }));

/** Folders of the product, which a reader has to find his way in. */
const ROOMS = ["daemon/", "ipc/", "src/", "src/entry-points/", "src/kvm/", "src/libvirt/", "src/rhev/"];

function isThere(folder: string, name: string): boolean {
  const [before = "", after = ""] = name.split("*");
  if (!name.includes("*")) return existsSync(repositoryFile(join(folder, name)));
  return readdirSync(repositoryFile(folder)).some((file) => file.startsWith(before) && file.endsWith(after));
}

describe("docs/architecture.md", () => {
  it("leads through every folder of the product", () => {
    expect(PLACES?.map(({ folder }) => folder)).toEqual(expect.arrayContaining(ROOMS));
  });

  it("names no file that is not in the folder it is said to be in", () => {
    const missing = (PLACES ?? []).flatMap(({ folder, part }) =>
      [...part.matchAll(/`([\w.*/-]+)`/g)]
        .map(([, name = ""]) => name)
        .filter((name) => !isThere(folder, name))
        .map((name) => folder + name),
    );

    expect(missing).toEqual([]);
  });

  it("has a row for every folder at the top that is kept", () => {
    const folders = readdirSync(repositoryFile(), { withFileTypes: true })
      .filter(
        (entry) => entry.isDirectory() && !/^(\.|node_modules$|dist$|build$|docs$|test$)/.test(entry.name),
      )
      .map(({ name }) => `| \`${name}/\` |`);

    expect(folders.filter((row) => !DOCUMENT.includes(row))).toEqual([]);
  });
});

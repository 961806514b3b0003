import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { repositoryFile } from "./repository.ts";

/** Folders that hold documents or texts that name them. */
const FOLDERS = [
  "docs",
  "src",
  "daemon",
  "ipc",
  "guest",
  "triggers",
  "systemd",
  "packaging",
  "test",
  "bench",
  "scripts",
];

/** All files of the repository below FOLDERS, and those at its top, by their path below the top. */
function allFiles(): readonly string[] {
  const below = FOLDERS.flatMap((folder) =>
    readdirSync(repositoryFile(folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(repositoryFile().length + 1)),
  );
  const top = readdirSync(repositoryFile(), { withFileTypes: true });
  return [...top.filter((entry) => entry.isFile()).map(({ name }) => name), ...below];
}

const FILES = allFiles();

/** Paths of all documents in Markdown. */
export const DOCUMENTS: readonly string[] = FILES.filter((path) => path.endsWith(".md")).toSorted();

/** Paths of all texts that may send a reader to a document: sources, scripts, units, examples. */
export const SOURCES: readonly string[] = FILES.filter((path) => !/\.(md|hex|json|png|svg|gz)$/.test(path));

export function textOf(path: string): string {
  return readFileSync(repositoryFile(path), "utf8");
}

/** A text without its fenced and indented code, where words are no references. */
function proseOf(markdown: string): string {
  return markdown.replaceAll(/^```[^]*?^```$/gm, "").replaceAll(/^(?: {4}|\t).*$/gm, "");
}

/** Headings of a document, as they are read: without their marks. */
function headingsOf(path: string): readonly string[] {
  return [...proseOf(textOf(path)).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) =>
    heading.replaceAll("`", "").trim(),
  );
}

/** GitHub's anchor of a heading: lower case, blanks as hyphens, other signs gone. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

/** Paragraphs of a document that have a name of their own, in bold at their begin. */
function namedParagraphsOf(path: string): readonly string[] {
  return [...textOf(path).matchAll(/^\*\*(.+?)\.?\*\*/gm)].map(([, name = ""]) => name.replaceAll("`", ""));
}

/** Links in Markdown to files of the repository, and to headings in them, that are not there; each as the text has it. */
export function brokenLinks(path: string, text: string): readonly string[] {
  return [...proseOf(text).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
    .filter(([, file = "", anchor]) => {
      const target = file === "" ? path : join(dirname(path), file);
      if (!existsSync(repositoryFile(target))) return true;
      return anchor !== undefined && !headingsOf(target).some((heading) => anchorOf(heading) === anchor);
    })
    .map(([link]) => link);
}

/**
 * Names of documents that are not there, or not there with the heading that follows: `docs/protocol.md, "The shim"`, in prose
 * or in a comment. A line's end may stand for the blank.
 */
export function brokenMentions(path: string, text: string): readonly string[] {
  const mentions = text
    .replaceAll(/\n(?:\s*(?:\*|#|\/\/|\.\\") ?|\s+)?/g, " ")
    .matchAll(/(?<![\w./-])((?:[\w.-]+\/)*[\w-]+\.md)\b(?:, "([^"]+)")?/g);
  return [...mentions]
    .filter(([, file = "", heading]) => {
      const target = [file, join(dirname(path), file), join("docs", file)].find((place) =>
        existsSync(repositoryFile(place)),
      );
      if (target === undefined) return true;
      return (
        heading !== undefined && ![...headingsOf(target), ...namedParagraphsOf(target)].includes(heading)
      );
    })
    .map(([mention]) => mention);
}

/** References of a document to its own headings, `"Heading" below`, `"Heading" above` and `see "Heading"`, that are not there. */
export function brokenOwnReferences(path: string): readonly string[] {
  const headings = headingsOf(path);
  const prose = proseOf(textOf(path)).replaceAll(/\s+/g, " ");
  return [...prose.matchAll(/(?<!md, )(?:"([A-Z][^"]*)" (?:below|above)|\bsee "([A-Z][^"]*)")/g)]
    .map(([, before, after]) => before ?? after ?? "")
    .filter((heading) => !headings.includes(heading));
}

/** Folders below test/ that documents name without it. */
const TEST_FOLDERS = ["unit", "integration", "long"];

/** Paths of the repository in a document's code that are not there. What is built, or stands for any name, is left out. */
export function brokenPaths(path: string): readonly string[] {
  const named = [...proseOf(textOf(path)).matchAll(/`((?:[\w.-]+\/)+[\w.-]*)`/g)].map(
    ([, name = ""]) => name,
  );
  return named.filter((name) => {
    const [top = ""] = name.split("/");
    if (![...FOLDERS, ...TEST_FOLDERS].includes(top) || /[A-Z]{4}/.test(name.replace("README", "")))
      return false;
    return ![name, join(dirname(path), name), join("test", name)].some((place) =>
      existsSync(repositoryFile(place)),
    );
  });
}

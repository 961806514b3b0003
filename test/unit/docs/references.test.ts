import { describe, expect, it } from "vitest";
import {
  anchorOf,
  brokenLinks,
  brokenMentions,
  brokenOwnReferences,
  brokenPaths,
  DOCUMENTS,
  SOURCES,
  textOf,
} from "../../support/documents.ts";

describe("documents", () => {
  it.each(DOCUMENTS)("%s sends nobody to a file or heading that is not there", (path) => {
    const text = textOf(path);

    expect([...brokenLinks(path, text), ...brokenMentions(path, text)]).toEqual([]);
  });

  it.each(DOCUMENTS)("%s names no heading of its own that is not there", (path) => {
    expect(brokenOwnReferences(path)).toEqual([]);
  });

  it.each(DOCUMENTS)("%s names no file of the repository that is not there", (path) => {
    expect(brokenPaths(path)).toEqual([]);
  });
});

describe("messages, units and comments", () => {
  it("send nobody to a document or heading that is not there", () => {
    const others = SOURCES.filter((path) => path !== "test/unit/docs/references.test.ts");
    const broken = others.flatMap((path) =>
      brokenMentions(path, textOf(path)).map((what) => ({ path, what })),
    );

    expect(broken).toEqual([]);
  });
});

describe("a reference", () => {
  it.each([
    "[here](protocol.md)",
    "[here](protocol.md#the-shim)",
    "[here](#when-a-start-is-refused)",
    "[here](https://example.com/none)",
    'docs/protocol.md,\n"The shim"',
    'docs/vcs-setup.md, "Rights"',
  ])("is right: %j", (text) => {
    expect(brokenLinks("docs/operations.md", text)).toEqual([]);
    expect(brokenMentions("docs/operations.md", text)).toEqual([]);
  });

  it.each(["[here](nothing.md)", "[here](protocol.md#nothing)", "[here](#nothing)"])(
    "is broken: %j",
    (text) => {
      expect(brokenLinks("docs/operations.md", text)).toHaveLength(1);
    },
  );

  it.each([
    "see docs/nothing.md.",
    'see docs/protocol.md,\n"Nothing".',
    '// docs/protocol.md,\n// "Nothing"',
  ])("is broken: %j", (text) => {
    expect(brokenMentions("docs/operations.md", text)).toHaveLength(1);
  });

  it.each([
    ["RHEV-M: fencing and DevScan", "rhev-m-fencing-and-devscan"],
    ["A guest's agent, by hand", "a-guests-agent-by-hand"],
  ])("to the heading %s has the anchor %s", (heading, anchor) => {
    expect(anchorOf(heading)).toBe(anchor);
  });
});

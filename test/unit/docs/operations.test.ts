import { describe, expect, it } from "vitest";
import { SOURCES, textOf } from "../../support/documents.ts";

/** Tables whose first column is a message of the log: `msg`, or `message`. */
const TABLES = textOf("docs/operations.md")
  .split(/^\| (?:msg|message) \|.*\n\| --- .*\n/m)
  .slice(1);

/** The product's own texts, a string that is put together of several as one. */
const PRODUCT = SOURCES.filter((path) => /^(daemon|src|ipc)\/.*\.ts$/.test(path))
  .map((path) => textOf(path))
  .join("\n")
  .replaceAll(/"\s*\+\s*"/g, "");

function isLogged(message: string): boolean {
  return PRODUCT.includes(`"${message}"`);
}

/** First cells of the tables: one message each, as a rule. */
const CELLS = TABLES.flatMap((text) => (text.split(/\n(?!\|)/)[0] ?? "").split("\n"))
  .map((line) => (line.split("|")[1] ?? "").trim())
  .filter((cell) => cell !== "");

/** The messages of a cell that has several; those that stand for many, with dots in them, are left out. */
function messagesOf(cell: string): readonly string[] {
  return cell
    .split(/;|(?<=begins|goes on),/)
    .map((message) => message.trim())
    .filter((message) => !message.includes("...") && !message.endsWith("of an action"));
}

describe("docs/operations.md", () => {
  it("explains many messages", () => {
    expect(CELLS.length).toBeGreaterThan(100);
  });

  it("explains no message that the daemon does not log", () => {
    const several = CELLS.filter((cell) => !isLogged(cell)).flatMap(messagesOf);

    expect(several.filter((message) => !isLogged(message))).toEqual([]);
  });
});

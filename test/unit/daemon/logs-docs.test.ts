import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ENGINE_EVENTS } from "../../../daemon/engine-events.ts";
import { callsIn, logCalls } from "../../support/log-calls.ts";
import { repositoryFile } from "../../support/repository.ts";

/** The rows of docs/logs.md: event, levels, id in the engine's log. */
const ROWS = [
  ...readFileSync(repositoryFile("docs/logs.md"), "utf8").matchAll(
    /^\| ([^|]+) \| ((?:info|warn|error)(?:, (?:info|warn|error))*) \| (\d+|-) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm,
  ),
].map(([, event = "", levels = "", id, , , instruction = ""]) => ({
  event,
  levels: levels.split(", "),
  id: id === "-" ? undefined : Number(id),
  instruction,
}));

const CALLS = logCalls().filter(({ level }) => level !== "debug");

/** What writing to the engine's log says of itself cannot go there. */
const ABOUT_THE_ENGINE_LOG = ["engine's log cannot be written", "engine's log is written again"];

function levelsOf(event: string): readonly (string | undefined)[] {
  return [...new Set(CALLS.filter(({ message }) => message === event).map(({ level }) => level))];
}

describe("docs/logs.md", () => {
  it("has a row for each event of the source, and no other", () => {
    const events = [...new Set(CALLS.map(({ message }) => message))];

    expect(ROWS.map(({ event }) => event).toSorted()).toEqual(events.toSorted());
  });

  it("gives each its levels; one that is chosen at run time is the row's to tell", () => {
    const fixed = ROWS.filter(({ event }) => !levelsOf(event).includes(undefined));

    expect(fixed.map(({ event, levels }) => [event, new Set<unknown>(levels)])).toEqual(
      fixed.map(({ event }) => [event, new Set(levelsOf(event))]),
    );
  });

  it("gives the ids of the engine's log, and says what to do at each warning and error", () => {
    const ids = ROWS.filter(({ id }) => id !== undefined).map(({ event, id }) => [event, id]);

    expect(new Map(ids.map(([event, id]) => [event, id]))).toEqual(new Map(ENGINE_EVENTS));
    const silent = ROWS.filter(({ levels }) => levels.includes("error")).filter(
      ({ instruction }) => instruction === "-",
    );
    expect(silent).toEqual([]);
  });

  it("links to sections that docs/operations.md has", () => {
    const operations = readFileSync(repositoryFile("docs/operations.md"), "utf8");
    const headings = [...operations.matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    const links = [...new Set(ROWS.flatMap(({ instruction }) => /#([\w-]+)\)/.exec(instruction)?.[1] ?? []))];

    expect(links.length).toBeGreaterThan(0);
    // a heading that is there twice gets a number
    expect(links.filter((link) => !headings.includes(link.replace(/-1$/, "")))).toEqual([]);
  });
});

describe("the ids of the engine's log", () => {
  it("belong to one event each, and are the daemon's", () => {
    const ids = [...ENGINE_EVENTS.values()];

    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => id < 1200 || id > 1999 || id === 1298 || id === 1299)).toEqual([]);
  });

  it("are there for every warning and error", () => {
    const grave = CALLS.filter(({ level }) => level !== "info").map(({ message }) => message);

    expect(
      grave.filter((event) => !ENGINE_EVENTS.has(event) && !ABOUT_THE_ENGINE_LOG.includes(event)),
    ).toEqual([]);
  });
});

describe("docs/operations.md", () => {
  it("names every warning and error", () => {
    const operations = readFileSync(repositoryFile("docs/operations.md"), "utf8");
    const grave = CALLS.filter(({ level }) => level === "warn" || level === "error");
    const unnamed = grave.map(({ message }) => message).filter((event) => !operations.includes(event));

    expect([...new Set(unnamed)]).toEqual([]);
  });
});

describe("the collection of log calls", () => {
  it("reads messages, levels and fields in every form that the product uses", () => {
    const source = `
      log.warn({ err: error, why: "a, b (c)" }, "one failed");
      this.#parts.log.info({}, isBack ? "it is back" : "it is there");
      log[level]({ attribute }, "found something");
      this.#say("error", { err }, "it is away");
      words: { notKept: "records cannot be kept", unreadable: "wait" },
      response.error(404);
      log.debug(
        { at },
        "a step",
      );
    `;

    expect(callsIn("x.ts", source).map(({ level, message }) => [level, message])).toEqual([
      ["error", "records cannot be kept"],
      ["warn", "one failed"],
      ["info", "it is back"],
      ["info", "it is there"],
      [undefined, "found something"],
      ["error", "it is away"],
      ["debug", "a step"],
    ]);
  });
});

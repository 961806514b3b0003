import { describe, expect, it } from "vitest";
import { defaultTimeoutS, fallbackExitCode, isLegalExitCode } from "../../../ipc/entry-point-names.ts";
import { DEFAULT_LIMITS } from "../../../ipc/protocol.ts";
import { payloadFileOf } from "../../../src/payload-file.ts";
import { textOf } from "../../support/documents.ts";

const PROTOCOL = textOf("docs/protocol.md");
const SHIM = textOf("ipc/entry-point");

/** What the shim tells itself when it runs itself anew: no setting. */
const ITS_OWN = "VCSKVMGUESTD_FOUND";

/** Rows of a table: the cells of each line that begins so. */
function rows(document: string, pattern: RegExp): readonly (readonly string[])[] {
  return document
    .split("\n")
    .filter((line) => pattern.test(line))
    .map((line) => line.split("|").slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
}

/** `99, 100 to 110, 200` as single numbers. */
function numbersOf(words: string): readonly number[] {
  return words.split(", ").flatMap((part) => {
    const [first = 0, last = first] = part.split(" to ").map(Number);
    return Array.from({ length: last - first + 1 }, (_none, index) => first + index);
  });
}

const KINDS = [
  "monitor",
  "clean",
  "action",
  "online",
  "offline",
  "migrate",
  "open",
  "close",
  "attr_changed",
  "shutdown",
] as const;

describe("docs/protocol.md", () => {
  it.each(KINDS)("has legal exit codes, fallback and deadline of %s", (kind) => {
    const table = rows(PROTOCOL, /^\| [a-z_, ]+ \| [\d, to]+ \| \d/);
    const [, legal = "", fallback = "", deadline = ""] =
      table.find(([names = ""]) => names.split(", ").includes(kind)) ?? [];

    const all = Array.from({ length: 300 }, (_none, code) => code);
    expect(numbersOf(legal)).toEqual(all.filter((code) => isLegalExitCode(kind, code)));
    expect(Number(/^\d+/.exec(fallback)?.[0])).toBe(fallbackExitCode(kind));
    expect(deadline).toBe(`${defaultTimeoutS(kind)} s`);
  });

  it("has the server's limits", () => {
    const { bodyBytes, requestsAtOnce, readRequestMs, connections, eventReaders, eventBufferBytes } =
      DEFAULT_LIMITS;

    expect(PROTOCOL).toContain(`| the request was not whole in time | ${readRequestMs / 1000} s |`);
    expect(PROTOCOL).toContain(`| the body is too large | ${bodyBytes / 1_048_576} MiB |`);
    expect(PROTOCOL).toContain(`| ${requestsAtOnce} requests, ${eventReaders} readers |`);
    expect(PROTOCOL).toContain(`More than ${connections} connections`);
    expect(PROTOCOL).toContain(`more than ${eventBufferBytes / 1024} KiB unread`);
  });

  it("names every setting of the shim, with its default where the shim says it plainly", () => {
    const settings = rows(PROTOCOL, /^\| `VCSKVMGUESTD_/);

    expect(settings.map(([name = ""]) => name.replaceAll("`", "")).toSorted()).toEqual(
      [...new Set(SHIM.match(/VCSKVMGUESTD_[A-Z]+/g))].filter((name) => name !== ITS_OWN).toSorted(),
    );
    for (const [, byDefault = ""] of settings) {
      const [, value = ""] = /`([^`]+)`/.exec(byDefault) ?? [];
      expect(SHIM).toContain(value);
    }
  });

  it("names every message of the shim by its number", () => {
    expect(rows(PROTOCOL, /^\| 10\d\d \|/).map(([id = ""]) => id)).toEqual(
      [...new Set([...SHIM.matchAll(/(?:fail|log NOTICE) (\d{4}) /g)].map(([, id = ""]) => id))].toSorted(),
    );
  });
});

describe("docs/payload.md", () => {
  it("names every key of a payload, and its example has them in their order", () => {
    const { content } = payloadFileOf(
      {
        address: "10.1.2.3",
        prefix: 24,
        gateway: "10.1.2.1",
        dnsServers: ["10.1.2.53", "10.1.2.54"],
        dnsSearchPath: ["example.com"],
        device: "eth0",
      },
      { resource: "web1_res", guest: "web1", site: "north" },
    );
    const document = textOf("docs/payload.md");

    expect(document).toContain(
      content
        .split("\n")
        .slice(0, -2)
        .map((line) => `    ${line}\n`)
        .join(""),
    );
    const keys = content.split("\n").flatMap((line) => /^([a-z0-9]+)=/.exec(line)?.[1] ?? []);
    const named = rows(document, /^\| `[a-z0-9]+`/).flatMap(([cell = ""]) => cell.match(/[a-z0-9]+/g) ?? []);
    expect(named).toEqual(expect.arrayContaining(keys));
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { childOf, parseXml, XML_LIMIT_BYTES } from "../../../src/xml.ts";

describe("parseXml", () => {
  it("reads elements, attributes, text and order", async () => {
    const root = await parseXml(
      "<domain type='kvm'>\n <name> web1 </name><a x='1'/><b/><a x='2'/></domain>",
      "f",
    );

    expect(root.name).toBe("domain");
    expect(root.attributes).toEqual({ type: "kvm" });
    expect(childOf(root, "name")?.text).toBe("web1");
    expect(root.children.map((child) => child.name)).toEqual(["name", "a", "b", "a"]);
    expect(childOf(root, "a")?.attributes).toEqual({ x: "1" });
    expect(childOf(root, "missing")).toBeUndefined();
  });

  it("reads the predefined entities and character references", async () => {
    const root = await parseXml("<name>a &amp; b &lt;c&gt; &#100; &quot;&apos;</name>", "f");

    expect(root.text).toBe("a & b <c> d \"'");
  });

  it("reads CDATA as text and names like those of object members as elements", async () => {
    const root = await parseXml("<x><__proto__>1</__proto__><constructor/><y><![CDATA[a<b]]></y></x>", "f");

    expect(root.children.map((child) => child.name)).toEqual(["__proto__", "constructor", "y"]);
    expect(childOf(root, "y")?.text).toBe("a<b");
  });

  it.each([
    ["a document type", '<!DOCTYPE domain SYSTEM "http://example.org/x.dtd"><domain/>'],
    ["an entity", '<!DOCTYPE d [<!ENTITY a "aaaa">]><d>&a;</d>'],
    ["a document type in small letters", "<!doctype html><html/>"],
  ])("refuses %s", async (_what, text) => {
    await expect(parseXml(text, "/x.xml")).rejects.toThrow(
      new AgentError(
        "PROTOCOL",
        "/x.xml: line 1: holds a document type or entity declaration, which is not accepted",
      ),
    );
  });

  it.each([
    ["nothing", ""],
    ["blanks", " \n\t "],
  ])("refuses %s as empty", async (_what, text) => {
    await expect(parseXml(text, "/x.xml")).rejects.toThrow(new AgentError("PROTOCOL", "/x.xml: is empty"));
  });

  it.each([
    ["an element that is not closed", "<domain><name>web1</name>"],
    ["an unknown entity", "<a>&invented;</a>"],
    ["elements that cross", "<a><b></a></b>"],
    ["no XML at all", "GuestName=web1"],
    ["an attribute without quotes", "<a x=1/>"],
  ])("refuses %s with the parser's words and the place", async (_what, text) => {
    const failed = parseXml(text, "/x.xml");

    await expect(failed).rejects.toThrow(AgentError);
    await expect(failed).rejects.toThrow(/^\/x\.xml: line 1: is no well-formed XML: .+/);
  });

  it.each([
    ["<domain>\n<name>web1</name>\n<os>\n</domain>", 4],
    ["<domain>\n\n<!DOCTYPE x><name/></domain>", 3],
  ])("names the line of the mistake in %j", async (text, line) => {
    await expect(parseXml(text, "/x.xml")).rejects.toThrow(new RegExp(`^/x\\.xml: line ${line}: `));
  });

  it("refuses a document that is too large, without parsing it", async () => {
    const text = `<a>${"x".repeat(XML_LIMIT_BYTES)}</a>`;

    await expect(parseXml(text, "/x.xml")).rejects.toThrow(
      new AgentError("PROTOCOL", "/x.xml: is larger than 1048576 bytes"),
    );
  });

  it.each([
    [
      "nested deeper than any definition",
      "<a>".repeat(101) + "</a>".repeat(101),
      "is nested deeper than 100 levels",
    ],
    [
      "nested so deeply that a stack would not hold it",
      "<a>".repeat(14_000) + "</a>".repeat(14_000),
      "is nested deeper than 100 levels",
    ],
    [
      "of more elements than any definition",
      `<a>${"<b/>".repeat(30_000)}</a>`,
      "holds more than 30000 elements and attributes",
    ],
    [
      "of more attributes than any definition",
      `<a ${Array.from({ length: 30_000 }, (_, at) => `x${at}=""`).join(" ")}/>`,
      "holds more than 30000 elements and attributes",
    ],
  ])("refuses a document %s", async (_what, text, words) => {
    await expect(parseXml(text, "/x.xml")).rejects.toThrow(new AgentError("PROTOCOL", `/x.xml: ${words}`));
  });

  it("takes a document as deep and as wide as a definition can be", async () => {
    const deep = "<a>".repeat(99) + "</a>".repeat(99);

    expect((await parseXml(`<a>${deep}</a>`, "f")).name).toBe("a");
    expect((await parseXml(`<a>${"<b x='1'/>".repeat(10_000)}</a>`, "f")).children).toHaveLength(10_000);
  });

  it("throws nothing but AgentError on mutilated definitions", async () => {
    const whole =
      "<domain type='kvm'><name>web1</name><uuid>u</uuid><os><type arch='x'>hvm</type></os></domain>";
    const cut = fc.tuple(fc.nat(whole.length), fc.nat(8), fc.string());
    await fc.assert(
      fc.asyncProperty(cut, async ([at, count, text]) => {
        const broken = whole.slice(0, at) + text + whole.slice(at + count);
        const result = await parseXml(broken, "f").catch((error: unknown) => error);

        expect(result instanceof Error ? result : new AgentError("PROTOCOL", "")).toBeInstanceOf(AgentError);
      }),
    );
  });
});

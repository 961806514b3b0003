import { describe, expect, it } from "vitest";
import { DocumentMemory } from "../../../src/rhev/document-memory.ts";
import { leanText } from "../../../src/rhev/lean-text.ts";
import { parseXml } from "../../../src/xml.ts";

/** A memory, and how often something was parsed. */
function counted() {
  const memory = new DocumentMemory();
  const parsed: string[] = [];
  const ask = (question: string, text: string) =>
    memory.documentOf(question, text, () => {
      parsed.push(question);
      return parseXml(text, "test");
    });
  return { ask, parsed };
}

describe("the memory of documents", () => {
  it("parses the same answer to the same question once", async () => {
    const { ask, parsed } = counted();

    const first = await ask("/vms", "<vms/>");

    expect(await ask("/vms", "<vms/>")).toBe(first);
    expect(parsed).toEqual(["/vms"]);
  });

  it("parses another answer, and the same to another question", async () => {
    const { ask, parsed } = counted();
    await ask("/vms", "<vms/>");

    expect((await ask("/vms", "<vms><vm/></vms>")).children).toHaveLength(1);
    expect((await ask("/vms", "<vms/>")).children).toEqual([]);
    await ask("/hosts", "<vms/>");

    expect(parsed).toEqual(["/vms", "/vms", "/vms", "/hosts"]);
  });

  it("keeps nothing of an answer that cannot be parsed", async () => {
    const { ask, parsed } = counted();
    await ask("/vms", "<vms").catch(() => undefined);
    await ask("/vms", "<vms").catch(() => undefined);

    expect(parsed).toHaveLength(2);
  });

  it("keeps sixteen answers, and no long ones", async () => {
    const { ask, parsed } = counted();
    for (let at = 0; at < 17; at += 1) await ask(`/${at}`, "<a/>");
    await ask("/16", "<a/>");
    expect(parsed).toHaveLength(17);

    await ask("/0", "<a/>");
    const long = `<a>${" ".repeat(1_048_570)}</a>`;
    await ask("/long", long).catch(() => undefined);
    await ask("/long", long).catch(() => undefined);
    expect(parsed).toHaveLength(20);
  });
});

describe("a lean text", () => {
  it("has no links and no actions", () => {
    const text = `<vm id="1"><actions>\n<link href="a" rel="start"/>\n</actions><name>web1</name><link href="b" rel="nics"/><x/><actions/></vm>`;

    expect(leanText(text)).toBe('<vm id="1"><name>web1</name><x/></vm>');
  });

  it.each(["<!-- <actions> --><a></actions></a>", "<a><![CDATA[<link x/>]]></a>"])(
    "is %s as it is",
    (text) => {
      expect(leanText(text)).toBe(text);
    },
  );

  it("leaves elements of like names", () => {
    expect(leanText("<a><links/><actionsx>1</actionsx></a>")).toBe("<a><links/><actionsx>1</actionsx></a>");
  });
});

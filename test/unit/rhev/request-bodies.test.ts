import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  escaped,
  fenceBody,
  migrateBody,
  payloadBody,
  reasonBody,
  startBody,
} from "../../../src/rhev/request-bodies.ts";
import { childOf, parseXml } from "../../../src/xml.ts";

const FILES = [{ name: "net.conf", content: "IPADDR=10.0.0.5\nX=<&>\n" }];

/** Source: XML 1.0, production Char. */
function fitsXml(sign: string): boolean {
  const code = sign.codePointAt(0) ?? 0;
  return ["\t", "\n", "\r"].includes(sign) || (code >= 0x20 && code !== 0xfffe && code !== 0xffff);
}

describe("bodies of requests", () => {
  it.each([
    [startBody(4, undefined), "<action/>"],
    [startBody(3, "h1"), '<action><vm><placement_policy><host id="h1"/></placement_policy></vm></action>'],
    [
      startBody(4, "h1"),
      '<action><vm><placement_policy><hosts><host id="h1"/></hosts></placement_policy></vm></action>',
    ],
    [migrateBody("h1"), '<action><host id="h1"/></action>'],
    [reasonBody("a & b"), "<action><reason>a &amp; b</reason></action>"],
    [fenceBody("manual"), "<action><fence_type>manual</fence_type></action>"],
  ])("are as the engine reads them: %s", (body, expected) => {
    expect(body).toBe(expected);
  });

  it("give a guest a CD-ROM in version 4", () => {
    expect(payloadBody(4, false, "VCSNET", FILES)).toBe(
      "<vm><payloads><payload><files><file><name>net.conf</name><content>IPADDR=10.0.0.5\nX=&lt;&amp;&gt;\n</content></file></files><type>cdrom</type><volume_id>VCSNET</volume_id></payload></payloads></vm>",
    );
  });

  it("give a guest a CD-ROM in version 3, and in that before 3.3", () => {
    expect(payloadBody(3, false, "VCSNET", FILES)).toContain(
      '<payload type="cdrom"><files><file><name>net.conf</name>',
    );
    expect(payloadBody(3, true, "VCSNET", FILES)).toBe(
      '<vm><payloads><payload type="cdrom"><file name="net.conf"><content>IPADDR=10.0.0.5\nX=&lt;&amp;&gt;\n</content></file></payload></payloads></vm>',
    );
  });

  it("take the CD-ROM away, or empty it where that cannot be done", () => {
    expect(payloadBody(4, false, "VCSNET", [])).toBe("<vm><payloads/></vm>");
    expect(payloadBody(3, true, "VCSNET", [])).toContain('<file name="none"><content></content></file>');
  });

  it("carry any text, but what XML cannot", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        const root = await parseXml(`<a x="${escaped(text)}"><b>|${escaped(text)}|</b></a>`, "test");

        const expected = Array.from(text, (sign) => (fitsXml(sign) ? sign : "?")).join("");
        expect(childOf(root, "b")?.text).toBe(`|${expected}|`);
      }),
    );
  });
});

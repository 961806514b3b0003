import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spansAt, withoutSpans } from "../../../src/kvm/xml-spans.ts";

const PATH = ["domain", "devices", "disk"];

function foundIn(xml: string): readonly string[] {
  return spansAt(xml, PATH).map(({ from, to }) => xml.slice(from, to));
}

describe("spans of elements", () => {
  it("finds elements at a path, empty ones too, and none elsewhere", () => {
    const xml =
      "<?xml version='1.0'?><domain><disk>no</disk><devices><disk a='1'/><x><disk/></x><disk><disk/></disk></devices></domain>";

    expect(foundIn(xml)).toEqual(["<disk a='1'/>", "<disk><disk/></disk>"]);
  });

  it.each([
    "<domain><devices><!-- <disk/> --></devices></domain>",
    "<domain><devices><![CDATA[<disk/>]]></devices></domain>",
    "<domain><devices><q:disk xmlns:q='urn:q'/></devices></domain>",
    "<domain><metadata><devices><disk/></devices></metadata></domain>",
    "<domain><devices><note text='</devices><disk/>'/></devices></domain>",
  ])("finds nothing in %s", (xml) => {
    expect(foundIn(xml)).toEqual([]);
  });

  it("knows the end of a tag from a sign in a value", () => {
    expect(foundIn(`<domain><devices><disk a=">" b='/>'>x</disk ></devices></domain>`)).toEqual([
      `<disk a=">" b='/>'>x</disk >`,
    ]);
  });

  it("takes the line of what it removes, and nothing else", () => {
    const xml =
      "<domain>\n  <devices>\n    <!-- keep -->\n    <disk/>\n    <b/><disk/>\n  </devices>\n</domain>\n";

    expect(withoutSpans(xml, spansAt(xml, PATH))).toBe(
      "<domain>\n  <devices>\n    <!-- keep -->\n    <b/>\n  </devices>\n</domain>\n",
    );
  });

  it("leaves every other byte as it is, whatever stands around", () => {
    const piece = fc.constantFrom(
      "<!-- <disk/> -->",
      "<![CDATA[ </devices> <disk> ]]>",
      "<q:commandline xmlns:q='urn:q'><q:arg value='-disk>'/></q:commandline>",
      '<interface type="bridge"/>',
      "<x><disk/></x>",
      " text &amp; more ",
      "\n   ",
    );
    fc.assert(
      fc.property(fc.array(piece), fc.array(piece), (before, after) => {
        const [head, tail] = [`<domain><devices>${before.join("")}`, `${after.join("")}</devices></domain>`];
        const xml = `${head}<disk type='file'><source file='/a>b'/></disk>${tail}`;
        const left = withoutSpans(xml, spansAt(xml, PATH));

        expect(left.replaceAll(/\s/g, "")).toBe((head + tail).replaceAll(/\s/g, ""));
      }),
    );
  });
});

import { isIPv6 } from "node:net";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressText, parseIpAddress } from "../../../src/ip-address.ts";

function canonical(text: string): string | undefined {
  const address = parseIpAddress(text);
  return address === undefined ? undefined : addressText(address);
}

describe("IP address", () => {
  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::", "::"],
    ["::1", "::1"],
    ["fe80::", "fe80::"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ])("writes %s as %s", (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it.each(["", "10.1.2", "010.1.2.3", "10.1.2.3 ", "1::2::3", "fe80::1%eth0", "::g", "10.1.2.3/24"])(
    "takes %j for no address",
    (text) => {
      expect(canonical(text)).toBeUndefined();
    },
  );

  it("writes every IPv6 address so that it is read as the same, and never twice differently", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        fc.pre(isIPv6(text));
        const once = canonical(text) ?? "";

        expect(isIPv6(once)).toBe(true);
        expect(parseIpAddress(once)).toEqual(parseIpAddress(text));
        expect(canonical(once)).toBe(once);
      }),
    );
  });
});

import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NetworkSetting } from "../../../src/dr-network.ts";
import { payloadFileOf } from "../../../src/payload-file.ts";

const SETTING: NetworkSetting = {
  address: "10.1.2.3",
  prefix: 24,
  gateway: "10.1.2.1",
  dnsServers: ["10.1.2.53", "2001:db8::53"],
  dnsSearchPath: ["site-a.example.com", "example.com"],
  device: "eth0",
};

/** The lines as the guest's service takes them apart, with what was quoted brought back. */
function linesOf(content: string): readonly (readonly [string, string])[] {
  return content
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), decodeURIComponent(line.slice(at + 1))] as const;
    });
}

describe("payload file", () => {
  it("holds one key and value a line, and ends with the checksum of what is before", () => {
    const { name, content } = payloadFileOf(SETTING, { resource: "web1_res", guest: "web1", site: "north" });

    expect(name).toBe("vcsnet.conf");
    expect(content).toBe(
      `vcsnet=1
resource=web1_res
guest=web1
site=north
address=10.1.2.3
prefix=24
gateway=10.1.2.1
dns=10.1.2.53
dns=2001:db8::53
search=site-a.example.com
search=example.com
device=eth0
sha256=1a
`.replace(
        "1a",
        createHash("sha256")
          .update(content.slice(0, content.indexOf("sha256=")))
          .digest("hex"),
      ),
    );
  });

  it("leaves out what is not set", () => {
    const few = { ...SETTING, gateway: undefined, dnsServers: [], dnsSearchPath: [], device: undefined };
    const { content } = payloadFileOf(few, { resource: "r", guest: "g", site: undefined });

    expect(linesOf(content).map(([key]) => key)).toEqual([
      "vcsnet",
      "resource",
      "guest",
      "address",
      "prefix",
      "sha256",
    ]);
  });

  it("quotes every byte that could mean anything", () => {
    const origin = { resource: "a b$(reboot)", guest: "gäst\n'\"`;|&", site: "50%" };
    const { content } = payloadFileOf(SETTING, origin);

    expect(content).toContain("\nresource=a%20b%24%28reboot%29\n");
    expect(content).toContain("\nguest=g%C3%A4st%0A%27%22%60%3B%7C%26\n");
    expect(content).toContain("\nsite=50%25\n");
  });

  it("brings every value through, and nothing of it out of its line", () => {
    const word = fc.string({ unit: "binary", minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(word, word, word, word, (resource, guest, site, device) => {
        const { content } = payloadFileOf({ ...SETTING, device }, { resource, guest, site });

        expect(content).toMatch(/^(?:[a-z0-9]+=[A-Za-z0-9.:_%-]*\n)+$/);
        expect(linesOf(content)).toEqual([
          ["vcsnet", "1"],
          ["resource", resource],
          ["guest", guest],
          ["site", site],
          ["address", "10.1.2.3"],
          ["prefix", "24"],
          ["gateway", "10.1.2.1"],
          ["dns", "10.1.2.53"],
          ["dns", "2001:db8::53"],
          ["search", "site-a.example.com"],
          ["search", "example.com"],
          ["device", device],
          ["sha256", expect.stringMatching(/^[0-9a-f]{64}$/)],
        ]);
      }),
    );
  });

  it("never holds more than the 8192 characters that RHEV-M takes", () => {
    const name = "\u{1f600}".repeat(500);
    const largest: NetworkSetting = {
      ...SETTING,
      dnsSearchPath: ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(63)],
    };

    const { content } = payloadFileOf(largest, { resource: name, guest: name, site: name });

    expect(content.length).toBeLessThanOrEqual(8192);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Attributes, parseAttributes } from "../../../src/attributes.ts";
import { networkSettingOf } from "../../../src/dr-network.ts";
import { complaintOf } from "../../support/complaint-of.ts";

type DrOpts = Attributes["drOpts"];

const WHOLE = {
  ConfigureNetwork: "1",
  IPAddress: "10.1.2.3",
  Netmask: "255.255.255.0",
  Gateway: "10.1.2.1",
  DNSServers: "10.1.2.53 2001:DB8::53",
  DNSSearchPath: "site-a.example.com example.com.",
  Device: "eth0",
};

function drOpts(changes: Readonly<Record<string, string>>): { drOpts: DrOpts } {
  const tokens = Object.entries({ ...WHOLE, ...changes }).flat();
  return parseAttributes(
    "web1_res",
    new Map([
      ["GuestName", ["web1"]],
      ["DROpts", tokens],
    ]),
  );
}

const SIX = { IPAddress: "2001:db8:0:1::3", Netmask: "64", Gateway: "2001:db8:0:1::1" };

describe("network setting of DROpts", () => {
  it("takes all seven keys over", () => {
    expect(networkSettingOf("web1_res", drOpts({}))).toEqual({
      address: "10.1.2.3",
      prefix: 24,
      gateway: "10.1.2.1",
      dnsServers: ["10.1.2.53", "2001:db8::53"],
      dnsSearchPath: ["site-a.example.com", "example.com"],
      device: "eth0",
    });
  });

  it("needs no more than an address and a mask", () => {
    const few = { Gateway: "NONE", DNSServers: "NONE", DNSSearchPath: "", Device: "NONE" };

    expect(networkSettingOf("web1_res", drOpts(few))).toEqual({
      address: "10.1.2.3",
      prefix: 24,
      gateway: undefined,
      dnsServers: [],
      dnsSearchPath: [],
      device: undefined,
    });
  });

  it("looks at nothing while ConfigureNetwork is 0", () => {
    const broken = { ConfigureNetwork: "0", IPAddress: "nonsense", Gateway: "10.9.9.9" };

    expect(networkSettingOf("web1_res", drOpts(broken))).toBeUndefined();
  });

  it.each([
    ["255.255.255.0", 24],
    ["24", 24],
    ["/24", 24],
    ["255.255.254.0", 23],
    ["255.0.0.0", 8],
  ])("reads %s as a prefix of %i bits", (Netmask, prefix) => {
    expect(networkSettingOf("web1_res", drOpts({ Netmask }))?.prefix).toBe(prefix);
  });

  it.each(["64", "/64", "ffff:ffff:ffff:ffff::"])("takes IPv6 with the mask %s", (Netmask) => {
    const setting = networkSettingOf("web1_res", drOpts({ ...SIX, Netmask }));

    expect(setting).toMatchObject({ address: "2001:db8:0:1::3", prefix: 64, gateway: "2001:db8:0:1::1" });
  });

  it("takes a link-local gateway for an IPv6 address", () => {
    expect(networkSettingOf("web1_res", drOpts({ ...SIX, Gateway: "fe80::1" }))?.gateway).toBe("fe80::1");
  });

  it("names a server or domain that is given twice only once", () => {
    const twice = { DNSServers: "10.1.2.53 10.1.2.53", DNSSearchPath: "example.com example.com." };

    expect(networkSettingOf("web1_res", drOpts(twice))).toMatchObject({
      dnsServers: ["10.1.2.53"],
      dnsSearchPath: ["example.com"],
    });
  });

  it.each([
    [{ IPAddress: "NONE" }, 'DROpts.IPAddress = "": is required where ConfigureNetwork is 1'],
    [{ IPAddress: "10.1.2.300" }, 'DROpts.IPAddress = "10.1.2.300": is no IPv4 or IPv6 address'],
    [{ IPAddress: "10.1.2.3/24" }, 'DROpts.IPAddress = "10.1.2.3/24": is no IPv4 or IPv6 address'],
    [{ IPAddress: "fe80::3%eth0" }, "is no IPv4 or IPv6 address"],
    [{ IPAddress: "127.0.0.1" }, "is no address of one host"],
    [{ IPAddress: "224.0.0.1" }, "is no address of one host"],
    [{ IPAddress: "0.0.0.0" }, "is no address of one host"],
    [{ IPAddress: "ff02::1" }, "is no address of one host"],
    [{ IPAddress: "::ffff:10.1.2.3" }, "is no address of one host"],
    [{ IPAddress: "169.254.1.2" }, "is link-local"],
    [{ IPAddress: "10.1.2.0" }, "is the network itself of 10.1.2.0/24"],
    [{ IPAddress: "10.1.2.255" }, "is the broadcast address of 10.1.2.0/24"],
    [{ Netmask: "NONE" }, 'DROpts.Netmask = "": is required'],
    [{ Netmask: "255.0.255.0" }, 'DROpts.Netmask = "255.0.255.0": is no netmask or prefix for 10.1.2.3'],
    [{ Netmask: "33" }, 'DROpts.Netmask = "33": is no netmask or prefix'],
    [{ Netmask: "0" }, 'DROpts.Netmask = "0": is no netmask or prefix'],
    [{ Netmask: "ffff::" }, 'DROpts.Netmask = "ffff::": is no netmask or prefix'],
    [{ ...SIX, Netmask: "129" }, 'DROpts.Netmask = "129": is no netmask or prefix for 2001:db8:0:1::3'],
    [{ Gateway: "10.1.3.1" }, 'DROpts.Gateway = "10.1.3.1": is not in the network 10.1.2.0/24'],
    [{ Gateway: "169.254.0.1" }, 'DROpts.Gateway = "169.254.0.1": is not in the network 10.1.2.0/24'],
    [{ Gateway: "10.1.2.0" }, 'DROpts.Gateway = "10.1.2.0": is the network itself of 10.1.2.0/24'],
    [{ Gateway: "10.1.2.255" }, 'DROpts.Gateway = "10.1.2.255": is the broadcast address of 10.1.2.0/24'],
    [{ Gateway: "10.1.2.3" }, 'DROpts.Gateway = "10.1.2.3": is the guest\'s own address'],
    [{ Gateway: "2001:db8::1" }, 'DROpts.Gateway = "2001:db8::1": is of another kind'],
    [{ ...SIX, Gateway: "2001:db8:0:2::1" }, "is not in the network 2001:db8:0:1::/64"],
    [{ DNSServers: "10.1.2.53 dns1" }, 'DROpts.DNSServers = "dns1": is no IPv4 or IPv6 address'],
    [{ DNSServers: "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4" }, "are 4 servers: a guest uses 3"],
    [{ DNSSearchPath: "a.b c d e f g h" }, "are 7 domains: a guest uses 6"],
    [{ DNSSearchPath: "example..com" }, 'DROpts.DNSSearchPath = "example..com": is no domain name'],
    [{ DNSSearchPath: "$(reboot)" }, 'DROpts.DNSSearchPath = "$(reboot)": is no domain name'],
    [{ Device: "eth0;reboot" }, 'DROpts.Device = "eth0;reboot": is no name of a NIC'],
    [{ Device: "../../etc" }, "is no name of a NIC"],
    [{ Device: "an-interface-too-long" }, "is no name of a NIC"],
    [{ Device: "lo" }, "is no NIC of a guest"],
  ])("refuses %j", (changes, complaint) => {
    const said = complaintOf(() => networkSettingOf("web1_res", drOpts(changes)));

    expect(said).toContain(complaint);
    expect(said).toMatch(/^resource web1_res: DROpts\./);
  });

  it("refuses a search path that a resolver cuts off", () => {
    const long = ["a", "b", "c", "d", "e"].map((letter) => `${letter.repeat(60)}.com`).join(" ");

    expect(complaintOf(() => networkSettingOf("web1_res", drOpts({ DNSSearchPath: long })))).toContain(
      "is longer than the 256 characters",
    );
  });

  it("either takes whatever is written or names the key, and takes over only what cannot be misread", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(WHOLE).slice(1)),
        fc.string({ unit: "binary" }),
        (key, value) => {
          const attributes = drOpts({ [key]: value });
          const said = complaintOf(() => networkSettingOf("web1_res", attributes));
          const taken =
            said === "" ? Object.values(networkSettingOf("web1_res", attributes) ?? {}).flat() : [];

          expect(said === "" || said.includes(`DROpts.${key} = `)).toBe(true);
          expect(taken.map(String).join("")).toMatch(/^[A-Za-z0-9.:_-]*$/);
        },
      ),
    );
  });

  it("takes every IPv4 address of a network that has one gateway in it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.integer({ min: 8, max: 30 }),
        (base, prefix) => {
          const network = ((0x0a00_0000 | (base & 0x00ff_ffff)) >>> (32 - prefix)) << (32 - prefix);
          const [IPAddress, Gateway] = [dotted(network + 1), dotted(network + 2)];

          const setting = networkSettingOf("r", drOpts({ IPAddress, Gateway, Netmask: String(prefix) }));

          expect(setting).toMatchObject({ address: IPAddress, gateway: Gateway, prefix });
        },
      ),
    );
  });
});

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

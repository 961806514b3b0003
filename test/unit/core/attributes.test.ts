import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import {
  ATTRIBUTE_NAMES,
  entryPointTimeoutS,
  environmentOf,
  parseAttributes,
  sameAttributes,
} from "../../../src/attributes.ts";
import { parseTuples, type Tuples } from "../../../src/tuples.ts";
import { complaintOf } from "../../support/complaint-of.ts";

/** The arguments of the type's defaults as the framework passes them. */
const DEFAULTS = [
  ["GuestName", "1", "vm1"],
  ["DelayAfterGuestOnline", "1", "5"],
  ["DelayAfterGuestOffline", "1", "30"],
  ["SyncDir", "1", ""],
  ["GuestConfigFilePath", "1", ""],
  ["CEInfo", "6", "Enabled", "0", "CESystem", "NONE", "FaultOnHBLoss", "1"],
  ["RHEVMInfo", "12", "Enabled", "0", "URL", "NONE", "User", "NONE", "Password", "NONE"],
  ["ResyncVMCfg", "1", "0"],
  ["DROpts", "14", "ConfigureNetwork", "0", "IPAddress", "NONE", "Netmask", "NONE", "Gateway", "NONE"],
];
DEFAULTS[6]?.push("Cluster", "NONE", "UseManualRHEVMFencing", "0");
DEFAULTS[8]?.push("DNSServers", "NONE", "DNSSearchPath", "NONE", "Device", "NONE");

const PARSED = {
  guestName: "vm1",
  delayAfterGuestOnlineS: 5,
  delayAfterGuestOfflineS: 30,
  syncDir: undefined,
  guestConfigFilePath: undefined,
  resyncVmCfg: false,
  ceInfo: { enabled: false, ceSystem: undefined, faultOnHbLoss: true },
  rhevmInfo: {
    enabled: false,
    url: undefined,
    user: undefined,
    cluster: undefined,
    useManualRhevmFencing: false,
  },
  drOpts: {
    configureNetwork: false,
    ipAddress: undefined,
    netmask: undefined,
    gateway: undefined,
    dnsServers: [],
    dnsSearchPath: [],
    device: undefined,
  },
};

function tuples(...entries: [string, ...string[]][]): Tuples {
  return new Map(entries.map(([name, ...values]) => [name, values]));
}

describe("parseAttributes", () => {
  it("reads the type's defaults, NONE and empty as unset", () => {
    expect(parseAttributes("res", parseTuples(DEFAULTS.flat()))).toEqual(PARSED);
  });

  it("takes defaults for everything but the guest's name", () => {
    expect(parseAttributes("res", tuples(["GuestName", "vm1"]))).toEqual(PARSED);
  });

  it("reads the same from tuples in any order", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(DEFAULTS, { minLength: DEFAULTS.length }), (shuffled) => {
        expect(parseAttributes("res", parseTuples(shuffled.flat()))).toEqual(PARSED);
      }),
    );
  });

  it("reads every attribute that is set, with blanks around values gone", () => {
    const parsed = parseAttributes(
      "res",
      tuples(
        ["GuestName", "  db 1 "],
        ["DelayAfterGuestOnline", " 60"],
        ["DelayAfterGuestOffline", "0"],
        ["SyncDir", "/sync"],
        ["GuestConfigFilePath", "/etc/db.xml"],
        ["ResyncVMCfg", "1"],
        ["CEInfo", "Enabled", "1", "CESystem", "ce1", "FaultOnHBLoss", "0"],
        ["RHEVMInfo", "Enabled", "1", "URL", "https://m", "User", "u", "Cluster", "c", "Password", "p"],
        ["DROpts", "ConfigureNetwork", "1", "IPAddress", "10.0.0.2", "DNSServers", "10.0.0.3 10.0.0.4"],
      ),
    );

    expect(parsed).toEqual({
      guestName: "db 1",
      delayAfterGuestOnlineS: 60,
      delayAfterGuestOfflineS: 0,
      syncDir: "/sync",
      guestConfigFilePath: "/etc/db.xml",
      resyncVmCfg: true,
      ceInfo: { enabled: true, ceSystem: "ce1", faultOnHbLoss: false },
      rhevmInfo: { enabled: true, url: "https://m", user: "u", cluster: "c", useManualRhevmFencing: false },
      drOpts: {
        ...PARSED.drOpts,
        configureNetwork: true,
        ipAddress: "10.0.0.2",
        dnsServers: ["10.0.0.3", "10.0.0.4"],
      },
    });
    expect(environmentOf(parsed)).toBe("rhev");
  });

  it.each([
    [[], 'resource res: GuestName = "": is required: the guest\'s name as libvirt or RHEV-M knows it'],
    [
      ["GuestName", "NONE"],
      'resource res: GuestName = "": is required: the guest\'s name as libvirt or RHEV-M knows it',
    ],
    [["GuestName", "a/b"], 'resource res: GuestName = "a/b": must not hold slashes or control characters'],
    [["GuestName", "a\nb"], 'resource res: GuestName = "a?b": must not hold slashes or control characters'],
    [["GuestName", ".."], 'resource res: GuestName = "..": must not begin with a dot'],
    [["GuestName", "a", "b"], 'resource res: GuestName = "2 values": takes one value'],
  ] as [string[], string][])("refuses the guest's name %j with words", (values, message) => {
    const given: Tuples = values.length === 0 ? new Map() : new Map([[values[0] ?? "", values.slice(1)]]);

    expect(() => parseAttributes("res", given)).toThrow(new AgentError("BAD_ATTRIBUTE", message));
  });

  it.each([
    ["DelayAfterGuestOnline", "soon", "must be whole seconds, 0 or more"],
    ["DelayAfterGuestOnline", "-1", "must be whole seconds, 0 or more"],
    ["DelayAfterGuestOffline", "1.5", "must be whole seconds, 0 or more"],
    ["DelayAfterGuestOffline", "86401", "must be at most 86400 seconds"],
    ["SyncDir", "sync", "must be an absolute path"],
    ["GuestConfigFilePath", "/a\0b", "is no usable path"],
    ["ResyncVMCfg", "yes", "must be 0 or 1"],
  ])("refuses %s = %j: %s", (attribute, value, rule) => {
    const parse = () => parseAttributes("res", tuples(["GuestName", "vm1"], [attribute, value]));

    expect(parse).toThrow(AgentError);
    expect(parse).toThrow(new RegExp(`^resource res: ${attribute} = .*: ${rule}$`));
  });

  it("never keeps the password", () => {
    const parsed = parseAttributes(
      "res",
      tuples(["GuestName", "vm1"], ["RHEVMInfo", "Enabled", "1", "Password", "S3cr3t", "User", "u"]),
    );

    expect(JSON.stringify(parsed)).not.toContain("S3cr3t");
  });

  it("throws nothing but AgentError, and never with the password in it", () => {
    const values = fc.array(fc.oneof(fc.string(), fc.constantFrom("0", "1", "NONE", "/x", "vm1")), {
      maxLength: 5,
    });
    const others = fc.dictionary(fc.constantFrom(...ATTRIBUTE_NAMES), values);
    const rhevm = fc.shuffledSubarray(["Enabled", "URL", "User", "Cluster", "UseManualRHEVMFencing"]);
    fc.assert(
      fc.property(others, rhevm, fc.string(), (given, keys, value) => {
        const association = ["Password", "S3cr3t-word", ...keys.flatMap((key) => [key, value])];
        const all = new Map([...Object.entries(given), ["RHEVMInfo", association] as const]);

        expect(complaintOf(() => parseAttributes("res", all))).not.toContain("S3cr3t-word");
      }),
    );
  });
});

describe("sameAttributes", () => {
  it("tells a change in any depth", () => {
    const one = parseAttributes("res", tuples(["GuestName", "vm1"]));
    const other = parseAttributes("res", tuples(["GuestName", "vm1"], ["CEInfo", "CESystem", "ce1"]));

    expect(sameAttributes(one, parseAttributes("res", tuples(["GuestName", "vm1"])))).toBe(true);
    expect(sameAttributes(one, other)).toBe(false);
  });
});

describe("entryPointTimeoutS", () => {
  it.each([
    ["60", 60],
    [" 300 ", 300],
    ["0", undefined],
    ["-5", undefined],
    ["", undefined],
    ["1e3", undefined],
    ["99999999", undefined],
  ])("reads %j as %s", (text, seconds) => {
    expect(entryPointTimeoutS(tuples(["AEPTimeout", text]))).toBe(seconds);
  });

  it("is undefined without the tuple", () => {
    expect(entryPointTimeoutS(new Map())).toBeUndefined();
  });
});

import { AgentError } from "./agent-error.ts";
import { parseAssociation, printable, type Tuples } from "./tuples.ts";

/** Which kind of hypervisor keeps the guest. */
export type Environment = "kvm" | "rhev";

/** The attributes of one KVMGuest resource, validated. `NONE` and empty values of the type are undefined here. */
export interface Attributes {
  readonly guestName: string;
  readonly delayAfterGuestOnlineS: number;
  readonly delayAfterGuestOfflineS: number;
  readonly syncDir?: string | undefined;
  readonly guestConfigFilePath?: string | undefined;
  readonly resyncVmCfg: boolean;
  readonly ceInfo: {
    readonly enabled: boolean;
    readonly ceSystem?: string | undefined;
    readonly faultOnHbLoss: boolean;
  };
  /** The password is never part of this: it would be written to disk with the registration. */
  readonly rhevmInfo: {
    readonly enabled: boolean;
    readonly url?: string | undefined;
    readonly user?: string | undefined;
    readonly cluster?: string | undefined;
    readonly useManualRhevmFencing: boolean;
  };
  readonly drOpts: {
    readonly configureNetwork: boolean;
    readonly ipAddress?: string | undefined;
    readonly netmask?: string | undefined;
    readonly gateway?: string | undefined;
    readonly dnsServers: readonly string[];
    readonly dnsSearchPath: readonly string[];
    readonly device?: string | undefined;
  };
}

/** Defaults of the type. Source: "About the KVMGuest agent", KVMGuest resource type definition. */
export const DEFAULT_DELAY_ONLINE_S = 5;
export const DEFAULT_DELAY_OFFLINE_S = 30;

/** Keys of the associations of the type. Source: the same. */
const CE_KEYS = ["Enabled", "CESystem", "FaultOnHBLoss"];
const RHEVM_KEYS = ["Enabled", "URL", "User", "Password", "Cluster", "UseManualRHEVMFencing"];
const DR_KEYS = [
  "ConfigureNetwork",
  "IPAddress",
  "Netmask",
  "Gateway",
  "DNSServers",
  "DNSSearchPath",
  "Device",
];

/** The associations of the type with their keys: what `hares -value` prints of them has to be taken apart again. */
export const ASSOCIATION_KEYS: Readonly<Record<string, readonly string[]>> = {
  CEInfo: CE_KEYS,
  RHEVMInfo: RHEVM_KEYS,
  DROpts: DR_KEYS,
};

/** All attributes of the type in the order of its ArgList. Source: the same. */
export const ATTRIBUTE_NAMES = [
  "GuestName",
  "DelayAfterGuestOnline",
  "DelayAfterGuestOffline",
  "SyncDir",
  "GuestConfigFilePath",
  "CEInfo",
  "RHEVMInfo",
  "ResyncVMCfg",
  "DROpts",
] as const;

/** A day: no guest takes longer, and a larger number is a slip of the keyboard. */
const LARGEST_DELAY_S = 86_400;

/**
 * Validates the tuples of a resource.
 *
 * @throws {AgentError} BAD_ATTRIBUTE naming resource, attribute and value
 */
export function parseAttributes(resource: string, tuples: Tuples): Attributes {
  const read = reader(resource, tuples);
  const ce = parseAssociation(tuples.get("CEInfo") ?? [], CE_KEYS);
  const rhevm = parseAssociation(tuples.get("RHEVMInfo") ?? [], RHEVM_KEYS);
  const dr = parseAssociation(tuples.get("DROpts") ?? [], DR_KEYS);
  return {
    guestName: read.guestName(),
    delayAfterGuestOnlineS: read.seconds("DelayAfterGuestOnline", DEFAULT_DELAY_ONLINE_S),
    delayAfterGuestOfflineS: read.seconds("DelayAfterGuestOffline", DEFAULT_DELAY_OFFLINE_S),
    syncDir: read.path("SyncDir"),
    guestConfigFilePath: read.path("GuestConfigFilePath"),
    resyncVmCfg: read.flag("ResyncVMCfg", read.scalar("ResyncVMCfg"), false),
    ceInfo: {
      enabled: read.flag("CEInfo.Enabled", set(ce.get("Enabled")), false),
      ceSystem: set(ce.get("CESystem")),
      faultOnHbLoss: read.flag("CEInfo.FaultOnHBLoss", set(ce.get("FaultOnHBLoss")), true),
    },
    rhevmInfo: {
      enabled: read.flag("RHEVMInfo.Enabled", set(rhevm.get("Enabled")), false),
      url: set(rhevm.get("URL")),
      user: set(rhevm.get("User")),
      cluster: set(rhevm.get("Cluster")),
      useManualRhevmFencing: read.flag(
        "RHEVMInfo.UseManualRHEVMFencing",
        set(rhevm.get("UseManualRHEVMFencing")),
        false,
      ),
    },
    drOpts: {
      configureNetwork: read.flag("DROpts.ConfigureNetwork", set(dr.get("ConfigureNetwork")), false),
      ipAddress: set(dr.get("IPAddress")),
      netmask: set(dr.get("Netmask")),
      gateway: set(dr.get("Gateway")),
      dnsServers: words(set(dr.get("DNSServers"))),
      dnsSearchPath: words(set(dr.get("DNSSearchPath"))),
      device: set(dr.get("Device")),
    },
  };
}

/** RHEVMInfo's Password as the engine passes it, encrypted; undefined where it is not set. */
export function encryptedPasswordIn(tuples: Tuples): string | undefined {
  return set(parseAssociation(tuples.get("RHEVMInfo") ?? [], RHEVM_KEYS).get("Password"));
}

/** Which environment the attributes ask for. */
export function environmentOf(attributes: Attributes): Environment {
  return attributes.rhevmInfo.enabled ? "rhev" : "kvm";
}

/** True when both describe the same resource in every attribute. */
export function sameAttributes(one: Attributes, other: Attributes): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The framework's tuple AEPTimeout in seconds, or undefined when it is absent or no positive number. */
export function entryPointTimeoutS(tuples: Tuples): number | undefined {
  const text = tuples.get("AEPTimeout")?.[0]?.trim() ?? "";
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined;
}

function reader(resource: string, tuples: Tuples) {
  const refuse = (attribute: string, value: string, rule: string) =>
    new AgentError("BAD_ATTRIBUTE", `resource ${resource}: ${attribute} = "${printable(value)}": ${rule}`);

  const scalar = (attribute: string): string | undefined => {
    const values = tuples.get(attribute) ?? [];
    // the values are not shown: a shifted argument list may hold the password among them
    if (values.length > 1) throw refuse(attribute, `${values.length} values`, "takes one value");
    return set(values[0]);
  };

  return {
    scalar,
    guestName(): string {
      const name = scalar("GuestName");
      if (name === undefined)
        throw refuse("GuestName", "", "is required: the guest's name as libvirt or RHEV-M knows it");
      if (/[/\p{Cc}]/u.test(name))
        throw refuse("GuestName", name, "must not hold slashes or control characters");
      if (name.startsWith(".")) throw refuse("GuestName", name, "must not begin with a dot");
      if (Buffer.byteLength(name) > 200) throw refuse("GuestName", name, "is longer than 200 bytes");
      return name;
    },
    seconds(attribute: string, byDefault: number): number {
      const text = scalar(attribute);
      if (text === undefined) return byDefault;
      if (!/^\d{1,6}$/.test(text)) throw refuse(attribute, text, "must be whole seconds, 0 or more");
      const seconds = Number(text);
      if (seconds > LARGEST_DELAY_S)
        throw refuse(attribute, text, `must be at most ${LARGEST_DELAY_S} seconds`);
      return seconds;
    },
    path(attribute: string): string | undefined {
      const path = scalar(attribute);
      if (path === undefined) return undefined;
      if (!path.startsWith("/")) throw refuse(attribute, path, "must be an absolute path");
      if (path.includes("\0") || Buffer.byteLength(path) > 4095)
        throw refuse(attribute, path, "is no usable path");
      return path;
    },
    flag(attribute: string, text: string | undefined, byDefault: boolean): boolean {
      if (text === undefined) return byDefault;
      if (text !== "0" && text !== "1") throw refuse(attribute, text, "must be 0 or 1");
      return text === "1";
    },
  };
}

function set(value: string | undefined): string | undefined {
  const text = value?.trim() ?? "";
  return text === "" || text === "NONE" ? undefined : text;
}

function words(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(/\s+/);
}

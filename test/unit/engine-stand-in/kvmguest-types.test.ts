import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfiguration } from "../../support/engine/cf-file.ts";
import { flatten } from "../../support/engine/cf-values.ts";

const FILE = join(import.meta.dirname, "../../../src/KVMGuestTypes.cf");

/** Source: "About the KVMGuest agent", the resource type definition. */
const STATIC = {
  IntentionalOffline: ["1"],
  AEPTimeout: ["1"],
  MigrateTimeout: ["300"],
  MigrateWaitLimit: ["2"],
  SupportedActions: ["guestmigrated", "vmconfigsync", "DevScan"],
  SupportedOperations: ["migrate"],
  RegList: ["GuestName", "DelayAfterGuestOnline", "DelayAfterGuestOffline", "RHEVMInfo", "DROpts"],
  ArgList: [
    "GuestName",
    "DelayAfterGuestOnline",
    "DelayAfterGuestOffline",
    "SyncDir",
    "GuestConfigFilePath",
    "CEInfo",
    "RHEVMInfo",
    "ResyncVMCfg",
    "DROpts",
  ],
};

const ATTRIBUTES = {
  GuestName: ["str scalar", ""],
  DelayAfterGuestOnline: ["int scalar", "5"],
  DelayAfterGuestOffline: ["int scalar", "30"],
  SyncDir: ["str scalar", ""],
  GuestConfigFilePath: ["str scalar", ""],
  CEInfo: ["str association", "Enabled 0 CESystem NONE FaultOnHBLoss 1"],
  RHEVMInfo: [
    "str association",
    "Enabled 0 URL NONE User NONE Password NONE Cluster NONE UseManualRHEVMFencing 0",
  ],
  ResyncVMCfg: ["boolean scalar", "0"],
  DROpts: [
    "str association",
    "ConfigureNetwork 0 IPAddress NONE Netmask NONE Gateway NONE DNSServers NONE DNSSearchPath NONE Device NONE",
  ],
};

describe("the shipped type definition", () => {
  it("has the vendor's static values", async () => {
    const type = (await readConfiguration(FILE)).types.get("KVMGuest");

    const values = [...(type?.staticValues ?? [])].map(([name, value]) => [name, flatten(value)]);
    expect(Object.fromEntries(values)).toEqual(STATIC);
  });

  it("has the vendor's attributes with their dimensions and defaults", async () => {
    const type = (await readConfiguration(FILE)).types.get("KVMGuest");

    const attributes = [...(type?.attributes.values() ?? [])].map((attribute) => [
      attribute.name,
      [`${attribute.basicType} ${attribute.dimension}`, flatten(attribute.defaultValue).join(" ")],
    ]);
    expect(Object.fromEntries(attributes)).toEqual(ATTRIBUTES);
  });

  it("says that it must not stand beside the bundled definition", async () => {
    expect(await readFile(FILE, "utf8")).toMatch(
      /^\/\/ NEVER include this file beside the bundled definition/m,
    );
  });
});

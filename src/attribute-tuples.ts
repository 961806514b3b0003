import type { Attributes } from "./attributes.ts";

/**
 * Attributes in the form in which the framework passes them, name and values, so that a request can be made of them.
 * RHEVMInfo's Password is not among them: it is never kept with the attributes.
 */
export function tuplesOf(attributes: Attributes): Readonly<Record<string, readonly string[]>> {
  const { ceInfo, rhevmInfo, drOpts } = attributes;
  return {
    GuestName: [attributes.guestName],
    DelayAfterGuestOnline: [String(attributes.delayAfterGuestOnlineS)],
    DelayAfterGuestOffline: [String(attributes.delayAfterGuestOfflineS)],
    SyncDir: [attributes.syncDir ?? ""],
    GuestConfigFilePath: [attributes.guestConfigFilePath ?? ""],
    CEInfo: association({
      Enabled: flag(ceInfo.enabled),
      CESystem: ceInfo.ceSystem,
      FaultOnHBLoss: flag(ceInfo.faultOnHbLoss),
    }),
    RHEVMInfo: association({
      Enabled: flag(rhevmInfo.enabled),
      URL: rhevmInfo.url,
      User: rhevmInfo.user,
      Cluster: rhevmInfo.cluster,
      UseManualRHEVMFencing: flag(rhevmInfo.useManualRhevmFencing),
    }),
    ResyncVMCfg: [flag(attributes.resyncVmCfg)],
    DROpts: association({
      ConfigureNetwork: flag(drOpts.configureNetwork),
      IPAddress: drOpts.ipAddress,
      Netmask: drOpts.netmask,
      Gateway: drOpts.gateway,
      DNSServers: drOpts.dnsServers.join(" "),
      DNSSearchPath: drOpts.dnsSearchPath.join(" "),
      Device: drOpts.device,
    }),
  };
}

/** Source: "About the KVMGuest agent": a value that is not set is NONE. */
function association(values: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(values).flatMap(([key, value = ""]) => [key, value === "" ? "NONE" : value]);
}

function flag(value: boolean): string {
  return value ? "1" : "0";
}

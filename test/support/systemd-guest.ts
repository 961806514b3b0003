import type { NetworkSetting } from "../../src/dr-network.ts";
import { payloadFileOf } from "../../src/payload-file.ts";
import { type GuestRoot, makeGuestRoot } from "./guest-root.ts";

/** Settings of either family. */
export const FOUR: NetworkSetting = {
  address: "10.1.2.3",
  prefix: 24,
  gateway: "10.1.2.1",
  dnsServers: ["10.1.2.53", "2001:db8::53"],
  dnsSearchPath: ["site-a.example.com", "example.com"],
  device: undefined,
};
export const SIX: NetworkSetting = { ...FOUR, address: "2001:db8:1::3", prefix: 64, gateway: "fe80::1" };

export function payload(setting: NetworkSetting): string {
  return payloadFileOf(setting, { resource: "web1_res", guest: "web1", site: undefined }).content;
}

/** A guest with systemd; units are enabled, and active if they run. */
export async function systemdGuest(units: Readonly<Record<string, "runs" | "rests">>): Promise<GuestRoot> {
  const guest = await makeGuestRoot("dash");
  await guest.write("/run/systemd/system/x", "");
  const enabled = Object.keys(units).join("|") || "none";
  const active =
    Object.keys(units)
      .filter((unit) => units[unit] === "runs")
      .join("|") || "none";
  await guest.program(
    "systemctl",
    `case "$1 $3" in
    "is-enabled "*) case $3 in ${enabled}) exit 0;; esac; exit 1;;
    "is-active "*) case $3 in ${active}) exit 0;; esac; exit 1;;
    esac`,
  );
  return guest;
}

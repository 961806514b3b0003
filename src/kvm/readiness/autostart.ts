import { hasCode } from "../../agent-error.ts";
import { type Check, type CheckedResource, rowsOf } from "../../readiness.ts";
import { EmulatorScan } from "../emulator-scan.ts";
import { findLibvirtGuests } from "../libvirt-guests.ts";
import { findRivals, type RivalPlaces } from "../rivals.ts";
import type { HostAccess } from "./host-access.ts";

/** Would libvirt boot the guest by itself, or does something that is left of an earlier run keep it from starting? */
export function autostartCheck(
  libvirt: HostAccess,
  places: RivalPlaces,
  { attributes }: CheckedResource,
): Check {
  const { guestName: guest } = attributes;
  const about = `guest ${guest}`;
  const row = rowsOf("autostart", about);
  return {
    name: "autostart",
    about,
    async look(signal) {
      const known = await lookup(libvirt, guest, signal);
      if (known === undefined) return [row.ok("not defined here, so nothing starts it")];
      const lives = async () =>
        known.isActive || (await new EmulatorScan().find({ uuid: known.uuid })).length > 0;
      const findings = await findRivals(
        { guest, autostart: known.autostart, lives },
        { ...places, unitFolders: [] }, // the service is the host's own row
      );
      if (findings.length === 0) return [row.ok("libvirt does not start it by itself")];
      return findings.map(({ text }) => row.problem(text));
    },
  };
}

/** Does the service libvirt-guests start or stop guests behind the cluster's back? */
export function libvirtGuestsCheck(places: RivalPlaces): Check {
  const row = rowsOf("libvirt-guests", "this host");
  return {
    name: "libvirt-guests",
    about: "this host",
    async look() {
      const found = await findLibvirtGuests(places);
      if (found.length === 0) return [row.ok("the service libvirt-guests is not enabled")];
      return found.map((text) => row.problem(text));
    },
  };
}

async function lookup(
  libvirt: HostAccess,
  guest: string,
  signal: AbortSignal,
): Promise<{ readonly uuid: string; readonly isActive: boolean; readonly autostart: boolean } | undefined> {
  try {
    return await libvirt.use(`looking at the autostart of guest ${guest}`, signal, async (host) => {
      const { uuid, id } = await host.lookupByName(guest, { signal });
      return { uuid, isActive: id >= 0, autostart: await host.getAutostart(uuid, { signal }) };
    });
  } catch (error) {
    if (hasCode(error, "GUEST_NOT_FOUND")) return undefined;
    throw error;
  }
}

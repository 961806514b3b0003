import { guestPaths, typeOnConsole, waitForMarker } from "../lab/guest.ts";
import type { GuestFiles } from "../lab/guest-files.ts";
import type { GuestOptions } from "../lab/guest-xml.ts";
import type { Host } from "./host.ts";

/** Options of a tiny Linux with the real guest agent, whose console obeys sayTo(). */
export function agentGuest(
  host: Host,
  files: GuestFiles,
  name: string,
  options: Partial<GuestOptions> = {},
): GuestOptions {
  return { name, files, agent: true, ...guestPaths(host.libvirtd, name), ...options };
}

/** Types a line on the guest's console once it has booted; see scripts/guest-init for what it knows. */
export async function sayTo(host: Host, name: string, line: string): Promise<void> {
  const { serialLog, consolePath } = guestPaths(host.libvirtd, name);
  await waitForMarker(serialLog, "READY");
  await typeOnConsole(consolePath, line);
}

/** A configuration in which a heartbeat is lost after seconds instead of a minute. */
export const QUICK_HEARTBEAT = "heartbeat: { intervalS: 1, timeoutS: 3, misses: 3, lossS: 3 }";

/** Messages of the daemon about heartbeats. */
export const HEARTBEAT = {
  armed: "guest heartbeat is armed",
  disarmed: "guest heartbeat is disarmed",
  lost: "guest heartbeat is lost",
  back: "guest heartbeat is not lost any more",
  never: "guest agent is not heard, libvirt alone tells the state of its guest",
  noChannel: "guest has no channel to an agent, libvirt alone tells its state",
  wrongName: "guest does not give itself the name in CESystem",
} as const;

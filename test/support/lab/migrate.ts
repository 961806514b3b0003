import { guestPaths } from "./guest.ts";
import type { GuestFiles } from "./guest-files.ts";
import type { GuestOptions } from "./guest-xml.ts";
import type { LabHost } from "./lab-host.ts";
import type { PrivateLibvirtd } from "./libvirtd.ts";
import { run } from "./run.ts";

const LIMIT_MS = 170_000;

/** Options of a guest without disks that ticks and can be migrated; its serial log is one and the same on all hosts. */
export function movableGuest(
  libvirtd: PrivateLibvirtd,
  name: string,
  files: GuestFiles,
  options: Partial<GuestOptions> = {},
): GuestOptions {
  return { name, files, migrates: true, tick: true, ...guestPaths(libvirtd, name), ...options };
}

/**
 * Migrates a running guest live to another host, as an administrator would: peer to peer, and defined there too.
 *
 * @throws {Error} it failed; the message holds what libvirt said
 */
export async function migrateGuest(name: string, from: LabHost, to: LabHost): Promise<void> {
  const words = ["migrate", "--live", "--p2p", "--persistent", name, to.uri];
  await run("virsh", ["-q", "-c", from.libvirtd.uri, ...words], LIMIT_MS);
}

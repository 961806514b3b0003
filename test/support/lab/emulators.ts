import { readlink } from "node:fs/promises";
import { processesWith } from "../ipc/processes.ts";
import type { LabHost } from "./lab-host.ts";

/**
 * The hosts on which emulators of a guest live now, one entry an emulator, in the order of `hosts`. What libvirtd thinks of
 * them does not matter; a host without power has none.
 */
export async function hostsOfEmulators(uuid: string, hosts: readonly LabHost[]): Promise<readonly string[]> {
  const emulators = (await processesWith(uuid)).filter(({ argv }) => argv.includes("-uuid"));
  const spaces = await Promise.all(emulators.map(({ pid }) => pidNamespaceOf(pid)));
  const found = await Promise.all(
    hosts.map(async (host) => {
      const space = await host.outsidePid(1).then(pidNamespaceOf, () => "off");
      return spaces.filter((one) => one === space).map(() => host.name);
    }),
  );
  return found.flat();
}

/** Empty when the process is gone. */
function pidNamespaceOf(pid: number): Promise<string> {
  return readlink(`/proc/${pid}/ns/pid`).catch(() => "");
}

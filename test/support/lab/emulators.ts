import { readdir, readFile, readlink } from "node:fs/promises";
import type { LabHost } from "./lab-host.ts";

/**
 * The hosts on which emulators of a guest live now, one entry an emulator, in the order of `hosts`. What libvirtd thinks of
 * them does not matter; a host without power has none.
 */
export async function hostsOfEmulators(uuid: string, hosts: readonly LabHost[]): Promise<readonly string[]> {
  const spaces = await Promise.all((await emulatorsOf(uuid)).map(pidNamespaceOf));
  const found = await Promise.all(
    hosts.map(async (host) => {
      const space = await host.outsidePid(1).then(pidNamespaceOf, () => "off");
      return spaces.filter((one) => one === space).map(() => host.name);
    }),
  );
  return found.flat();
}

/** Emulators that have not ended, also those that libvirtd has lost sight of. */
async function emulatorsOf(uuid: string): Promise<readonly number[]> {
  const pids: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // that of a zombie is empty
    const words = (await readFile(`/proc/${entry}/cmdline`, "latin1").catch(() => "")).split("\0");
    if (words[words.indexOf("-uuid") + 1] === uuid && words.includes("-uuid")) pids.push(Number(entry));
  }
  return pids;
}

/** Empty when the process is gone. */
function pidNamespaceOf(pid: number): Promise<string> {
  return readlink(`/proc/${pid}/ns/pid`).catch(() => "");
}

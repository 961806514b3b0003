import { readdir } from "node:fs/promises";

/** Where systemd shows the scopes that were made at run time: the units themselves, and their cgroups, v2 and v1. */
export const SYSTEM_SCOPE_FOLDERS = [
  "/run/systemd/transient",
  "/sys/fs/cgroup/machine.slice",
  "/sys/fs/cgroup/systemd/machine.slice",
] as const;

/** Machine names are cut to the length of a host name. Source: domain_driver.c, virDomainMachineNameAppendValid. */
const MACHINE_NAME_MAX = 64;

/** Scopes that libvirt made for a guest, by their full names, once each; folders that do not exist hold none. */
export async function findScopes(guest: string, folders: readonly string[]): Promise<readonly string[]> {
  const entries = await Promise.all(folders.map(entriesOf));
  return [...new Set(entries.flat())].filter((entry) => isScopeOf(guest, entry)).toSorted();
}

/** libvirt names a scope by the domain's number and name: `machine-qemu\x2d3\x2dweb1.scope`. */
function isScopeOf(guest: string, entry: string): boolean {
  const id = /^machine-qemu\\x2d(\d+)\\x2d.*\.scope$/.exec(entry)?.[1];
  return id !== undefined && entry === `machine-${escaped(machineName(guest, id))}.scope`;
}

/** Source: domain_driver.c, virDomainDriverGenerateMachineName: what a host name could not hold is left out. */
function machineName(guest: string, id: string): string {
  let name = `qemu-${id}-`;
  let mayTakeMark = false;
  for (const letter of guest) {
    if (name.length >= MACHINE_NAME_MAX) break;
    const isMark = letter === "." || letter === "-";
    if (isMark ? !mayTakeMark : !/[a-z0-9]/i.test(letter)) continue;
    name += letter;
    mayTakeMark = !isMark;
  }
  return name.replace(/[-.]+$/, "");
}

/** Source: virsystemd.c, virSystemdEscapeName; of a machine's name, only the dash needs it. */
function escaped(machine: string): string {
  return machine.replaceAll("-", "\\x2d");
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    return []; // no systemd, another layout of cgroups, or no guest since the host came up
  }
}

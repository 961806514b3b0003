import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { guestFiles } from "../lab/guest-files.ts";
import { guestXml } from "../lab/guest-xml.ts";
import type { PrivateLibvirtd } from "../lab/libvirtd.ts";

/** Defines small guests that run at once and hear nothing, all in one call. */
export async function defineSectorGuests(libvirtd: PrivateLibvirtd, names: readonly string[]): Promise<void> {
  const files = await guestFiles();
  const paths = await Promise.all(
    names.map(async (name) => {
      const path = join(libvirtd.folder, `${name}.xml`);
      await writeFile(path, guestXml({ name, files, kind: "sector" }));
      return path;
    }),
  );
  await libvirtd.virsh(paths.map((path) => `define ${path}`).join("; "));
}

/** Starts guests in one call. */
export async function startAll(libvirtd: PrivateLibvirtd, names: readonly string[]): Promise<void> {
  await libvirtd.virsh(names.map((name) => `start ${name}`).join("; "));
}

/** Defines small guests and starts them. */
export async function runSectorGuests(libvirtd: PrivateLibvirtd, names: readonly string[]): Promise<void> {
  await defineSectorGuests(libvirtd, names);
  await startAll(libvirtd, names);
}

/** Names of so many guests: web00, web01 and on. */
export function guestNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `web${String(at).padStart(2, "0")}`);
}

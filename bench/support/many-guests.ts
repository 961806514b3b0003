import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "../../test/support/host/host.ts";
import { guestFiles } from "../../test/support/lab/guest-files.ts";
import { guestXml } from "../../test/support/lab/guest-xml.ts";

/** Names for so many guests. */
export function guestNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `bench${at + 1}`);
}

/** Defines all guests with one virsh; none of them runs. */
export async function defineGuests({ libvirtd }: Host, names: readonly string[]): Promise<void> {
  const files = await guestFiles();
  const commands: string[] = [];
  for (const name of names) {
    const file = join(libvirtd.folder, `${name}.xml`);
    await writeFile(file, guestXml({ name, files, kind: "sector" }));
    commands.push(`define ${file}`);
  }
  await libvirtd.virsh(commands.join("; "));
}

/** A resource for each guest, for main.cf. */
export function resourcesOf(names: readonly string[]): string {
  return names.map((name) => `KVMGuest ${name}_vm ( GuestName = ${name} )`).join("\n");
}

/** Resident memory in MiB. Source: proc(5), /proc/PID/status: VmRSS in kB. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

import type { PrivateLibvirtd } from "./libvirtd.ts";

/** MiB a second, and the milliseconds for which the guest may stand still at the end. */
const CRAWL = { speed: "1", downtime: "1" } as const;

/** The defaults of libvirt and QEMU. Source: virsh(1), migrate-setspeed; QEMU's qapi/migration.json, downtime-limit. */
const FULL = { speed: "8796093022207", downtime: "300" } as const;

/**
 * Makes migrations of a running guest from this host last until letGo() or an abort. The guest must keep writing its
 * memory (GuestOptions.dirtyMiB, or an attentive one told to scribble; both with GuestOptions.migrates), else they last
 * only some seconds.
 */
export async function holdMigrations(libvirtd: PrivateLibvirtd, name: string): Promise<void> {
  await limit(libvirtd, name, CRAWL);
}

/** Lets them go on at full speed, the one that runs too. */
export async function letGo(libvirtd: PrivateLibvirtd, name: string): Promise<void> {
  try {
    await limit(libvirtd, name, FULL);
  } catch (error) {
    // the speed alone may have let it go so far that there is no downtime to set
    if (!String(error).includes("domain is not running")) throw error;
  }
}

async function limit(
  libvirtd: PrivateLibvirtd,
  name: string,
  { speed, downtime }: { readonly speed: string; readonly downtime: string },
): Promise<void> {
  await libvirtd.virsh("migrate-setspeed", name, speed);
  await libvirtd.virsh("migrate-setmaxdowntime", name, downtime);
}

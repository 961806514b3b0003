import { cp, mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/**
 * libvirt asks a QEMU binary for seconds what it can, and keeps the answer. One answer serves all private libvirtds:
 * libvirt throws it away by itself when the QEMU binary, libvirt, the kernel or the processor is another.
 */
const SHARED = join(process.env["VCSKVM_CACHE"] ?? "/var/cache/vcskvmguestd-test", "libvirt-capabilities");
const PRIVATE = "cache/qemu/capabilities";

/** Gives a private libvirtd's folder what is known of this machine's QEMU. */
export async function seedCapabilities(folder: string): Promise<void> {
  await mkdir(SHARED, { recursive: true });
  await cp(SHARED, join(folder, PRIVATE), { recursive: true, filter: (file) => !file.endsWith(".new") });
}

/** Keeps what a private libvirtd found out, for the next one. */
export async function keepCapabilities(folder: string): Promise<void> {
  for (const name of await readdir(join(folder, PRIVATE))) {
    const found = await readFile(join(folder, PRIVATE, name));
    const known = await readFile(join(SHARED, name)).catch(() => undefined);
    if (known?.equals(found) === true || !name.endsWith(".xml")) continue;
    const fresh = join(SHARED, `${name}.${process.pid}.new`);
    await cp(join(folder, PRIVATE, name), fresh);
    await rename(fresh, join(SHARED, name));
  }
}

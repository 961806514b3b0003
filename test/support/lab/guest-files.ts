import { join } from "node:path";
import { repositoryFile } from "../repository.ts";
import { run } from "./run.ts";

/** How guests are run here: `kvm` only where it is really fast. */
export type Accelerator = "kvm" | "tcg";

/** The tiny real guest, as absolute paths of files that nobody changes. */
export interface GuestFiles {
  kernel: string;
  initrd: string;
  /** The same with the real qemu-guest-agent. */
  initrdAgent: string;
  /** Modules for a NIC and a CD-ROM, to be put behind `initrd`: see network-guest.ts. */
  initrdNet: string;
  /** A disk of 512 bytes for guests of kind `sector`. */
  bootSector: string;
  accel: Accelerator;
}

/** The first build downloads 30 MB and takes about 7 s on a quiet machine. */
const BUILD_LIMIT_MS = 170_000;

/**
 * Finds the tiny guest, building it first if this machine has none. Cheap (20 ms) once it exists.
 *
 * @throws {Error} it cannot be built: no network, or packages that scripts/setup installs are missing
 */
export async function guestFiles(): Promise<GuestFiles> {
  const folder = (await run(script("build-guest"), [], BUILD_LIMIT_MS)).stdout;
  const accel = (await run(script("probe-accel"), [folder])).stdout;
  return {
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initrd.img"),
    initrdAgent: join(folder, "initrd-ga.img"),
    initrdNet: join(folder, "net.cpio.gz"),
    bootSector: join(folder, "boot.img"),
    accel: accel === "kvm" ? "kvm" : "tcg",
  };
}

function script(name: string): string {
  return repositoryFile("scripts", name);
}

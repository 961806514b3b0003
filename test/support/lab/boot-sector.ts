import { readFile, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { guestPaths, startGuest } from "./guest.ts";
import type { GuestFiles } from "./guest-files.ts";
import type { GuestOptions } from "./guest-xml.ts";
import type { PrivateLibvirtd } from "./libvirtd.ts";
import { until } from "./until.ts";

/** Bytes, a name for the place that follows, the distance to a label, or a label's address in memory. */
type Part = string | { readonly label: string } | { readonly to: string } | { readonly address: string };

/** Where the firmware puts a boot sector. */
const ORIGIN = 0x7c00;

const LENGTH = 512;

/** The firmware does not boot from a virtio disk of less than a cylinder (504 KiB). */
const DISK_LENGTH = 1 << 20;

/**
 * What the attentive sector does, in the machine language of an 8086: it says K; then, after each tick of the firmware's
 * clock, it looks at the power button, which it obeys, and at the serial port, where it echoes a letter and does it.
 *
 * Ports are those of QEMU's machine `pc`: 0x600 status, 0x602 events and 0x604 control of power management (SeaBIOS puts
 * them there), 0x3f8 serial, 0x64 keyboard controller, 0x505 panic device, 0x443 watchdog ib700.
 */
const ATTENTIVE: readonly Part[] = [
  "31 c0 8e d8", // xor ax,ax; mov ds,ax
  "ba 02 06 b8 00 01 ef", // the power button shall be noticed
  "ba f8 03 b0 4b ee eb", // says K
  { to: "wait" },
  { label: "scribble" },
  "fb f4 43 bf 00 20", // sti; hlt; inc bx; mov di,0x2000
  { label: "segment" },
  "8e c7 57 31 ff 89 d8 b9 00 80 f3 ab 5f", // mov es,di; push di; fills the segment with bx; pop di
  "81 c7 00 10 81 ff 00 90 72", // the next one, below 0x90000
  { to: "segment" },
  "ba fd 03 ec a8 01 74", // no letter came?
  { to: "scribble" },
  "eb",
  { to: "letter" },
  { label: "wait" },
  "fb f4", // sti; hlt
  "ba 00 06 ed f6 c4 01 75", // power button pressed?
  { to: "poweroff" },
  "ba fd 03 ec a8 01 74", // no letter came?
  { to: "wait" },
  { label: "letter" },
  "ba f8 03 ec ee", // echoes the letter
  "3c 70 74", // p?
  { to: "poweroff" },
  "3c 73 74", // s?
  { to: "sleep" },
  "3c 72 74", // r?
  { to: "reboot" },
  "3c 63 74", // c?
  { to: "crash" },
  "3c 77 74", // w?
  { to: "bark" },
  "3c 64 74", // d?
  { to: "write" },
  "3c 6d 74", // m?
  { to: "scribble" },
  "eb",
  { to: "wait" },
  { label: "poweroff" },
  "b8 00 20 ba 04 06 ef eb", // S5
  { to: "wait" },
  { label: "sleep" },
  "b8 00 24 ba 04 06 ef eb", // S3
  { to: "wait" },
  { label: "reboot" },
  "b0 fe e6 64 eb",
  { to: "wait" },
  { label: "crash" },
  "ba 05 05 b0 01 ee eb",
  { to: "wait" },
  { label: "bark" },
  "ba 43 04 b0 0f ee eb", // a watchdog that is due at once
  { to: "wait" },
  { label: "write" },
  "be",
  { address: "packet" },
  "b4 43 b0 00 b2 80 cd 13", // int 13h: write
  "66 83 06",
  { address: "block" },
  "08 eb", // the next 4 KiB
  { to: "write" },
  { label: "packet" },
  "10 00 01 00 00 7c 00 00",
  { label: "block" },
  "08 00 00 00 00 00 00 00",
];

/**
 * What the attentive sector can be told: power off (S5), sleep (S3, needs GuestOptions.pm), reboot, panic (needs
 * panicDevice), let its watchdog fire (needs `<watchdog model='ib700'/>`), fill its disk (needs ownDisk), scribble (write
 * 448 KiB of its memory anew at each tick of the clock until told something else, deaf to the power button meanwhile).
 */
const LETTERS = {
  poweroff: "p",
  sleep: "s",
  reboot: "r",
  panic: "c",
  bark: "w",
  fillDisk: "d",
  scribble: "m",
} as const;

export type AttentiveDeed = keyof typeof LETTERS;

/**
 * The tiny guest with a boot sector that obeys the power button and tell(): up in a moment, like the deaf one, but
 * with a will of its own. For GuestOptions.files with kind `sector`.
 */
export async function attentiveFiles(libvirtd: PrivateLibvirtd, files: GuestFiles): Promise<GuestFiles> {
  const bootSector = join(libvirtd.folder, "attentive.img");
  await writeFile(bootSector, assemble(ATTENTIVE));
  return { ...files, bootSector };
}

/**
 * Defines and starts an attentive guest and waits until it is up.
 *
 * @param files from attentiveFiles()
 */
export async function startAttentive(
  libvirtd: PrivateLibvirtd,
  name: string,
  files: GuestFiles,
  options: Partial<GuestOptions> = {},
): Promise<void> {
  await startGuest(libvirtd, attentiveOptions(libvirtd, name, files, options));
  await waitUntilAttentive(libvirtd, name);
}

/** Options of an attentive guest, for those who define or create it themselves. */
export function attentiveOptions(
  libvirtd: PrivateLibvirtd,
  name: string,
  files: GuestFiles,
  options: Partial<GuestOptions> = {},
): GuestOptions {
  return { name, files, kind: "sector", ...guestPaths(libvirtd, name), ...options };
}

/** Waits until an attentive guest has come up that many times. */
export async function waitUntilAttentive(libvirtd: PrivateLibvirtd, name: string, times = 1): Promise<void> {
  const { serialLog } = guestPaths(libvirtd, name);
  const isUp = async (): Promise<boolean> => (await readFile(serialLog, "latin1")).split("K").length > times;
  await until(`${name} is up`, isUp);
}

/** Makes an attentive guest do something; resolves when it has heard. */
export function tell(libvirtd: PrivateLibvirtd, name: string, deed: AttentiveDeed): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(libvirtd.outsidePath(guestPaths(libvirtd, name).consolePath));
    const end = (settle: () => void): void => {
      clearTimeout(limit);
      socket.destroy();
      settle();
    };
    const limit = setTimeout(() => end(() => reject(new Error(`${name} does not hear "${deed}"`))), 60_000);
    socket.setEncoding("latin1");
    socket.on("connect", () => socket.write(LETTERS[deed]));
    socket.on("error", (error) => end(() => reject(error)));
    socket.on("data", (text) => {
      if (text.toString().includes(LETTERS[deed])) end(resolve);
    });
  });
}

function assemble(parts: readonly Part[]): Buffer {
  const labels = new Map<string, number>();
  let at = 0;
  for (const part of parts) {
    if (typeof part === "object" && "label" in part) labels.set(part.label, at);
    at += sizeOf(part);
  }
  const sector = Buffer.alloc(DISK_LENGTH);
  at = 0;
  for (const part of parts) {
    if (typeof part === "string") bytesOf(part).copy(sector, at);
    else if ("to" in part) sector.writeInt8(placeOf(labels, part.to) - (at + 1), at);
    else if ("address" in part) sector.writeUInt16LE(ORIGIN + placeOf(labels, part.address), at);
    at += sizeOf(part);
  }
  sector.writeUInt16LE(0xaa55, LENGTH - 2);
  return sector;
}

function sizeOf(part: Part): number {
  if (typeof part === "string") return bytesOf(part).length;
  if ("label" in part) return 0;
  return "to" in part ? 1 : 2;
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

function placeOf(labels: ReadonlyMap<string, number>, label: string): number {
  const place = labels.get(label);
  if (place === undefined) throw new Error(`the boot sector has no label ${label}`);
  return place;
}

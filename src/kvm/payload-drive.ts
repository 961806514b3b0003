import { PAYLOAD_VOLUME } from "../payload-file.ts";
import { childOf, parseXml, type XmlElement } from "../xml.ts";
import { spansAt, withoutSpans, type XmlSpan } from "./xml-spans.ts";

/** The serial number that tells our CD-ROM from all others, wherever the domain came from. */
const SERIAL = PAYLOAD_VOLUME;

const DISKS = ["domain", "devices", "disk"];

/** A CD-ROM of ours in a domain definition. */
export interface PayloadDrive {
  /** the element as the definition has it */
  readonly xml: string;
  /** path of the image; undefined while the drive is empty */
  readonly source: string | undefined;
}

/** A place for one more CD-ROM. */
export interface DrivePlace {
  readonly bus: "ide" | "sata" | "scsi";
  readonly target: string;
}

/**
 * The places of a controller and how libvirt numbers them from a target's name.
 *
 * Source: libvirt, virDomainDiskDefAssignAddress.
 */
const BUSES = {
  ide: { letters: "hd", places: 4, unitOf: (at: number) => `0:${at >> 1}:${at & 1}` },
  sata: { letters: "sd", places: 6, unitOf: (at: number) => `0:0:${at}` },
  scsi: { letters: "sd", places: 7, unitOf: (at: number) => `0:0:${at}` },
} as const;

/** Our CD-ROMs in a definition: one, or none. */
export async function payloadDrivesOf(xml: string): Promise<readonly PayloadDrive[]> {
  const drives = await payloadSpansOf(xml);
  return drives.map(({ from, to, source }) => ({ xml: xml.slice(from, to), source }));
}

/** A definition without our CD-ROM, the rest of it as it is: the payload is of this host alone. */
export async function withoutPayloadDrive(xml: string): Promise<string> {
  return withoutSpans(xml, await payloadSpansOf(xml));
}

/**
 * The place for our CD-ROM: on the bus on which the machine has its own CD-ROMs, the last place that neither a name nor
 * an address takes, so that the guest boots from what it booted from; undefined when all are taken.
 */
export async function freePlaceIn(xml: string): Promise<DrivePlace | undefined> {
  const root = await parseXml(xml, "domain definition");
  const disks = childOf(root, "devices")?.children.filter(({ name }) => name === "disk") ?? [];
  const machine = childOf(childOf(root, "os") ?? root, "type")?.attributes["machine"] ?? "";
  const names = new Set(disks.map((disk) => childOf(disk, "target")?.attributes["dev"]));
  for (const bus of busesOf(machine)) {
    const { letters, places, unitOf } = BUSES[bus];
    const taken = new Set(disks.filter((disk) => busOf(disk) === bus).map(addressOf));
    for (let at = places - 1; at >= 0; at--) {
      const target = letters + String.fromCharCode("a".charCodeAt(0) + at);
      if (!names.has(target) && !taken.has(unitOf(at))) return { bus, target };
    }
  }
  return undefined;
}

/**
 * The device for libvirt. An image that is missing on the host where the domain starts next, or to which somebody migrates
 * it, is left out of it: a payload keeps no guest from starting or moving.
 */
export function payloadDriveXml({ bus, target }: DrivePlace, source: string): string {
  return [
    "<disk type='file' device='cdrom'>",
    "<driver name='qemu' type='raw'/>",
    sourceXml(source),
    `<target dev='${target}' bus='${bus}'/>`,
    "<readonly/>",
    `<serial>${SERIAL}</serial>`,
    "</disk>",
  ].join("");
}

/** The running device of a drive with another medium in it; undefined: with none. */
export function withMedium(drive: PayloadDrive, source: string | undefined): string {
  const isOld = (name: string) => spansAt(drive.xml, ["disk", name]);
  const empty = withoutSpans(
    drive.xml,
    [...isOld("source"), ...isOld("backingStore")].toSorted((one, other) => one.from - other.from),
  );
  if (source === undefined) return empty;
  return empty.replace(/<target\s/, () => `${sourceXml(source)}<target `);
}

function sourceXml(path: string): string {
  return `<source file='${escaped(path)}' startupPolicy='optional'/>`;
}

async function payloadSpansOf(xml: string): Promise<readonly (XmlSpan & Pick<PayloadDrive, "source">)[]> {
  const spans = spansAt(xml, DISKS);
  const disks = await Promise.all(
    spans.map(async ({ from, to }) => ({
      from,
      to,
      disk: await parseXml(xml.slice(from, to), "disk of a domain definition"),
    })),
  );
  return disks
    .filter(({ disk }) => isOurs(disk))
    .map(({ from, to, disk }) => ({ from, to, source: childOf(disk, "source")?.attributes["file"] }));
}

function isOurs(disk: XmlElement): boolean {
  return disk.attributes["device"] === "cdrom" && childOf(disk, "serial")?.text === SERIAL;
}

function busesOf(machine: string): readonly DrivePlace["bus"][] {
  if (machine.includes("q35")) return ["sata"];
  // RHEL 6 named its machines, which are i440fx, by its releases
  if (/^(?:pc|isapc|rhel)/.test(machine)) return ["ide", "sata"];
  return ["scsi"];
}

function busOf(disk: XmlElement): string | undefined {
  return childOf(disk, "target")?.attributes["bus"];
}

function addressOf(disk: XmlElement): string | undefined {
  const address = childOf(disk, "address")?.attributes;
  return address === undefined ? undefined : `${address["controller"]}:${address["bus"]}:${address["unit"]}`;
}

function escaped(text: string): string {
  return text.replace(/[&<>'"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

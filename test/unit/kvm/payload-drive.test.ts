import { describe, expect, it } from "vitest";
import {
  freePlaceIn,
  payloadDrivesOf,
  payloadDriveXml,
  withMedium,
  withoutPayloadDrive,
} from "../../../src/kvm/payload-drive.ts";

const OURS = payloadDriveXml({ bus: "ide", target: "hdd" }, "/var/lib/vcskvmguestd/payload/web1.iso");

/** As libvirt shows a running one. */
const LIVE = `<disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/>
      <source file='/var/lib/vcskvmguestd/payload/web1.iso' startupPolicy='optional' index='2'/>
      <backingStore/>
      <target dev='hdd' bus='ide'/>
      <readonly/>
      <serial>VCSNET</serial>
      <alias name='ide0-1-1'/>
      <address type='drive' controller='0' bus='1' target='0' unit='1'/>
    </disk>`;

function domain(machine: string, ...devices: string[]): string {
  return `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web1</name>
  <os><type arch='x86_64' machine='${machine}'>hvm</type></os>
  <devices>
    <!-- the administrator's own -->
${devices.map((device) => `    ${device}\n`).join("")}    <qemu:unknown a='>'/>
  </devices>
  <qemu:commandline><qemu:arg value='-foo'/></qemu:commandline>
</domain>
`;
}

function disk(target: string, bus: string, more = ""): string {
  return `<disk type='file' device='disk'><target dev='${target}' bus='${bus}'/>${more}</disk>`;
}

const CDROM = "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>";

describe("drive with the payload", () => {
  it("is known by its serial number, and no other disk is taken for it", async () => {
    const named = "<disk type='file' device='disk'><target dev='vdb'/><serial>VCSNET</serial></disk>";

    expect(await payloadDrivesOf(domain("pc", CDROM, named, OURS))).toEqual([
      { xml: OURS, source: "/var/lib/vcskvmguestd/payload/web1.iso" },
    ]);
    expect(await payloadDrivesOf(domain("pc", CDROM, named))).toEqual([]);
  });

  it("is taken out of a definition, and all the rest stays", async () => {
    expect(await withoutPayloadDrive(domain("pc", CDROM, OURS, disk("vda", "virtio")))).toBe(
      domain("pc", CDROM, disk("vda", "virtio")),
    );
    expect(await withoutPayloadDrive(domain("pc", CDROM))).toBe(domain("pc", CDROM));
  });

  it("is emptied and filled again as it runs", async () => {
    const empty = withMedium({ xml: LIVE, source: "x" }, undefined);

    expect(empty).toBe(`<disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/>
      <target dev='hdd' bus='ide'/>
      <readonly/>
      <serial>VCSNET</serial>
      <alias name='ide0-1-1'/>
      <address type='drive' controller='0' bus='1' target='0' unit='1'/>
    </disk>`);
    expect(withMedium({ xml: empty, source: undefined }, "/a&b.iso")).toContain(
      "<source file='/a&#38;b.iso' startupPolicy='optional'/><target dev='hdd' bus='ide'/>",
    );
  });

  it.each([
    ["pc-i440fx-7.2", [], { bus: "ide", target: "hdd" }],
    ["pc", [disk("hdd", "ide")], { bus: "ide", target: "hdc" }],
    ["rhel6.6.0", [disk("vda", "virtio"), CDROM], { bus: "ide", target: "hdd" }],
    [
      "pc",
      [disk("hda", "ide", "<address type='drive' controller='0' bus='1' target='0' unit='1'/>")],
      { bus: "ide", target: "hdc" },
    ],
    ["pc", ["hda", "hdb", "hdc", "hdd"].map((target) => disk(target, "ide")), { bus: "sata", target: "sdf" }],
    ["pc-q35-7.2", [disk("sda", "sata")], { bus: "sata", target: "sdf" }],
    ["q35", [disk("sdf", "scsi"), disk("sde", "usb")], { bus: "sata", target: "sdd" }],
    ["virt", [], { bus: "scsi", target: "sdg" }],
  ] as const)("has a place on a %s", async (machine, devices, place) => {
    expect(await freePlaceIn(domain(machine, ...devices))).toEqual(place);
  });

  it("has no place where all are taken", async () => {
    const all = ["sda", "sdb", "sdc", "sdd", "sde", "sdf"].map((target) => disk(target, "sata"));

    expect(await freePlaceIn(domain("q35", ...all))).toBeUndefined();
  });
});

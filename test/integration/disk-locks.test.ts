import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { createGuest, defineGuest } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";

const HINT =
  ": a disk of it is locked, so another host may run this guest, or another guest uses that disk: find out which before anything is forced";

let folder: string;
let files: GuestFiles;
let host: Host;
let other: PrivateLibvirtd;

beforeAll(async () => {
  files = await guestFiles();
  folder = await mkdtemp(join(tmpdir(), "vkl-"));
  const lockspace = join(folder, "locks");
  await mkdir(lockspace);
  host = await makeHost("", undefined, { lockspace });
  other = await startLibvirtd({ lockspace });
  await host.startDaemon();
});

afterAll(async () => {
  await host.stop();
  await other.stop();
  await rm(folder, { recursive: true });
});

/** A guest here and one of another name on the other host: in one /proc, the same guest twice would be found at once. */
async function twoGuests(name: string, ownDisk: string): Promise<Resource> {
  await createGuest(other, { name: `${name}-there`, files, kind: "sector", ownDisk });
  await defineGuest(host.libvirtd, { name, files, kind: "sector", ownDisk });
  return openedResource(host, name, { DelayAfterGuestOnline: "0" });
}

/** Why the last online of the resource failed. */
function failure(resource: Resource): unknown {
  const line = host.daemon
    .said("entry point failed", { entryPoint: "online", resource: resource.name })
    .at(-1);
  const error = line?.["err"];
  return typeof error === "object" && error !== null && "message" in error ? error.message : error;
}

describe("online of a guest whose disk is locked (scenario 58)", () => {
  it("names virtlockd's lock and what it means, and succeeds when it is free", async () => {
    // one path is one lock; each host has a file of its own there, or QEMU's own lock would come first
    const disk = "/var/lib/libvirt/locked.img";
    for (const libvirtd of [host.libvirtd, other])
      await copyFile(files.bootSector, libvirtd.outsidePath(disk));
    const resource = await twoGuests("locked", disk);

    expect((await resource.online()).exitCode).toBe(0);

    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(failure(resource)).toContain(
      // the name is the SHA-256 of the path
      `start of guest locked: resource busy: Lockspace resource 'ae8eb1608fadb5bfd248c3e230976311c57aa100c35767a77d43553f19915fed' is locked${HINT}`,
    );
    await other.virsh("destroy", "locked-there");
    await resource.online();
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("names QEMU's own lock on the image", async () => {
    const disk = join(folder, "shared.img");
    await copyFile(files.bootSector, disk);
    const resource = await twoGuests("image", disk);

    expect((await resource.online()).exitCode).toBe(0);

    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(failure(resource)).toContain(`Is another process using the image [${disk}]?${HINT}`);
  });
});

import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions } from "../support/lab/boot-sector.ts";
import { defineGuest, domainState, emulatorPid, killEmulator, waitForState } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { type GuestOptions, guestXml } from "../support/lab/guest-xml.ts";
import { run } from "../support/lab/run.ts";

const NOT_USED = "guest configuration file is not used, the existing definition is";
const DISPLAY = "<graphics type='vnc' port='-1' listen='127.0.0.1' passwd='s3cret'/>";
let host: Host;
let files: GuestFiles;
let syncDir: string;

beforeAll(async () => {
  host = await makeHost();
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  syncDir = join(host.folder, "sync");
  await mkdir(syncDir);
  await host.startDaemon();
});

afterAll(() => host.stop());

const virsh = (...args: string[]): Promise<string> => host.libvirtd.virsh(...args);

function options(name: string, changes: Partial<GuestOptions> = {}): GuestOptions {
  return attentiveOptions(host.libvirtd, name, files, changes);
}

function copyOf(name: string): Promise<string> {
  return readFile(join(syncDir, `${name}.xml`), "utf8");
}

/** A running guest whose resource has SyncDir. */
function kept(name: string, guest: Partial<GuestOptions> = {}): Promise<Resource> {
  return knownGuest(host, files, name, { guest, attributes: { SyncDir: syncDir } });
}

/** What the log says of a guest, as one text. */
function said(message: string, guest: string): string {
  return JSON.stringify(host.daemon.said(message, { guest }));
}

describe("a stop with SyncDir", () => {
  it("by offline leaves the inactive definition, without passwords, for root's eyes alone (scenario 87)", async () => {
    const resource = await kept("graceful", { devices: DISPLAY, title: "as defined" });
    expect((await resource.offline()).exitCode).toBe(0);

    expect(await domainState(host.libvirtd, "graceful")).toBe("shut off (shutdown)");
    const copy = await copyOf("graceful");
    expect(copy).toContain("<title>as defined</title>");
    expect(copy).toContain("<graphics type='vnc' port='-1'");
    expect(copy).not.toContain("s3cret");
    expect(copy.trim()).toBe((await virsh("dumpxml", "--inactive", "graceful")).trim());
    expect(((await stat(join(syncDir, "graceful.xml"))).mode & 0o777).toString(8)).toBe("600");
  });

  it("by clean leaves the definition that the guest would have had next, not the one it ran with", async () => {
    const resource = await kept("forced");
    await virsh("setmaxmem", "forced", "24M", "--config");
    expect((await resource.clean(1)).exitCode).toBe(0);

    expect(await copyOf("forced")).toContain("<memory unit='KiB'>24576</memory>");
  });

  it("writes nothing when the copy is the same (scenario 88)", async () => {
    const resource = await kept("same");
    await resource.offline();
    const before = await stat(join(syncDir, "same.xml"), { bigint: true });
    await virsh("start", "same");
    expect(await resource.monitor()).toBe(MONITOR.online);
    await resource.clean(1);

    const after = await stat(join(syncDir, "same.xml"), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
    expect((await readdir(syncDir)).filter((name) => name.startsWith("same."))).toEqual(["same.xml"]);
  });

  it("keeps the copies before", async () => {
    const resource = await kept("changed", { title: "first" });
    await resource.clean(1);
    await defineGuest(
      host.libvirtd,
      options("changed", { title: "second", uuid: await virsh("domuuid", "changed") }),
    );
    await virsh("start", "changed");
    await resource.clean(1);

    expect(await copyOf("changed")).toContain("<title>second</title>");
    expect(await readFile(join(syncDir, "changed.xml.1"), "utf8")).toContain("<title>first</title>");
  });

  it("copies the definition of a guest whose emulator was killed", async () => {
    const resource = await kept("killed");
    await killEmulator(host.libvirtd, "killed");
    await waitForState(host.libvirtd, "killed", "shut off (crashed)");
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect((await resource.clean(4)).exitCode).toBe(0);

    expect(await copyOf("killed")).toContain("<name>killed</name>");
  });

  it("does not copy the definition of a host on which the guest did not run", async () => {
    await defineGuest(host.libvirtd, options("standby", { title: "old" }));
    await writeFile(join(syncDir, "standby.xml"), "made where it ran");
    const resource = await openedResource(host, "standby", { SyncDir: syncDir });
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect((await resource.offline()).exitCode).toBe(0);
    expect((await resource.clean(3)).exitCode).toBe(0);

    expect(await copyOf("standby")).toBe("made where it ran");
  });

  it("succeeds without a SyncDir to write to, and says what is to be done", async () => {
    const missing = join(host.folder, "not-mounted");
    const resource = await knownGuest(host, files, "nodir", { attributes: { SyncDir: missing } });

    expect((await resource.clean(1)).exitCode).toBe(0);
    expect(
      said("guest configuration cannot be copied to SyncDir, other systems keep the copy before", "nodir"),
    ).toContain("SyncDir does not exist on this host: mount it, or correct the attribute");
    await expect(stat(missing)).rejects.toThrow(/ENOENT/);
  });
});

describe("the action vmconfigsync", () => {
  it("saves the configuration of a guest that runs on, and prints one line", async () => {
    const resource = await kept("acting");
    const pid = await emulatorPid(host.libvirtd, "acting");
    const done = await host.shim("actions/vmconfigsync", "acting", ...resource.tuples(), "0");

    expect(done).toEqual({ exitCode: 0, output: `configuration of guest acting saved to ${syncDir}\n` });
    expect(await copyOf("acting")).toContain("<name>acting</name>");
    expect(await emulatorPid(host.libvirtd, "acting")).toBe(pid);
  });

  it("fails with the reason for a guest that is not known here", async () => {
    const resource = await openedResource(host, "unknown", { SyncDir: syncDir });
    const done = await host.shim("actions/vmconfigsync", "unknown", ...resource.tuples());

    expect(done.exitCode).toBe(1);
    expect(done.output).toContain("Domain not found");
    expect(done.output.split("\n")).toHaveLength(2);
  });
});

describe("online with ResyncVMCfg", () => {
  const attributes = { ResyncVMCfg: "1", DelayAfterGuestOnline: "0" };

  it("keeps the file of the firmware's variables (scenario 59)", async () => {
    const uuid = randomUUID();
    const nvram = join(host.libvirtd.folder, "firm.nvram");
    await writeFile(nvram, "variables of the firmware");
    const firmware = `<loader readonly='yes' type='pflash'>${nvram}.code</loader><nvram>${nvram}</nvram>`;
    const xml = (title: string) =>
      guestXml(options("firm", { uuid, title })).replace("</type>", `</type>${firmware}`);
    await writeFile(join(host.libvirtd.folder, "firm.xml"), xml("old"));
    await virsh("define", join(host.libvirtd.folder, "firm.xml"));
    await writeFile(join(syncDir, "firm.xml"), xml("new"));
    const resource = await openedResource(host, "firm", { SyncDir: syncDir });
    await resource.online({ attributes }); // its code is not there: the guest is defined, and does not start

    const after = await virsh("dumpxml", "--inactive", "firm");
    expect(after).toContain("<title>new</title>");
    expect(after).toContain(`<nvram>${nvram}</nvram>`);
    expect(await virsh("domuuid", "firm")).toBe(uuid);
    expect(await readFile(nvram, "utf8")).toBe("variables of the firmware");
  });

  it.each([
    ["snapshot", ["--diskspec", "vda,snapshot=no"]],
    ["checkpoint", ["--diskspec", "vda,checkpoint=no"]],
  ])("keeps UUID and %ss over the new definition (scenario 59)", async (kind, more) => {
    const [uuid, disk, name] = [randomUUID(), join(host.libvirtd.folder, `${kind}.qcow2`), `with-${kind}`];
    await run("qemu-img", ["create", "-f", "qcow2", disk, "1M"]);
    const devices = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vdb' bus='virtio'/></disk>`;
    const resource = await kept(name, { uuid, title: "old", devices });
    await virsh(`${kind}-create-as`, name, "before", ...more);
    await resource.clean(1);
    const copy = await copyOf(name);
    await writeFile(join(syncDir, `${name}.xml`), copy.replace("<title>old", "<title>new"));
    await resource.online({ attributes });

    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await virsh("dumpxml", name)).toContain("<title>new</title>");
    expect(await virsh("domuuid", name)).toBe(uuid);
    expect(await virsh(`${kind}-list`, name, "--name")).toBe("before");
  });

  it("clears autostart after it has defined, and starts the guest", async () => {
    await defineGuest(host.libvirtd, options("auto"));
    await writeFile(join(syncDir, "auto.xml"), guestXml(options("auto", { title: "new" })));
    const resource = await openedResource(host, "auto", { SyncDir: syncDir });
    await virsh("autostart", "auto");
    await resource.online({ attributes });

    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await virsh("dominfo", "auto")).toMatch(/Autostart:\s+disable/);
    expect(await virsh("dumpxml", "auto")).toContain("<title>new</title>");
  });

  it("defines nothing for a guest that runs", async () => {
    const resource = await kept("busy", { title: "old" });
    const uuid = await virsh("domuuid", "busy");
    await writeFile(join(syncDir, "busy.xml"), guestXml(options("busy", { title: "new", uuid })));
    const before = await virsh("dumpxml", "--inactive", "busy");
    await resource.online({ attributes });

    expect(await virsh("dumpxml", "--inactive", "busy")).toBe(before);
  });

  it.each([
    ["missing", undefined, "ENOENT"],
    ["empty", "", "is empty"],
    ["a half", "<domain>\n<name>x</name>\n", "line 3: is no well-formed XML"],
    [
      "malicious",
      "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/shadow'>]>\n<domain/>",
      "line 1: holds a document type",
    ],
    ["refused by libvirt", "<domain type='qemu'><name>NAME</name></domain>", "defining guest"],
  ])(
    "starts a guest as it is when the copy is %s, and fails without a definition (scenario 5)",
    async (kind, text, words) => {
      const name = `copy-${kind.replace(/\W/g, "-")}`;
      const path = join(syncDir, `${name}.xml`);
      if (text !== undefined) await writeFile(path, text.replace("NAME", name));
      const resource = await openedResource(host, name, { SyncDir: syncDir });
      expect((await resource.online({ attributes })).exitCode).toBe(0);
      expect(await virsh("list", "--all", "--name")).not.toContain(name);
      expect(JSON.stringify(host.daemon.said("entry point failed", { resource: name }))).toContain(path);
      await defineGuest(host.libvirtd, options(name, { title: "as it was" }));
      await resource.online({ attributes });

      expect(await resource.monitor()).toBe(MONITOR.online);
      expect(await virsh("dumpxml", name)).toContain("<title>as it was</title>");
      expect(said(NOT_USED, name)).toContain(path);
      expect(said(NOT_USED, name)).toContain(words);
      await virsh("destroy", name);
    },
  );
});

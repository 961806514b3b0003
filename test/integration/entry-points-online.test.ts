import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions, tell, waitUntilAttentive } from "../support/lab/boot-sector.ts";
import {
  createGuest,
  defineGuest,
  domainState,
  emulatorPid,
  killEmulator,
  waitForState,
} from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { type GuestOptions, guestXml } from "../support/lab/guest-xml.ts";

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost();
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  await host.startDaemon();
});

afterAll(() => host.stop());

/** A defined guest that is off, and its resource. */
async function offGuest(
  name: string,
  attributes: Readonly<Record<string, string>> = {},
  options: Partial<GuestOptions> = {},
): Promise<Resource> {
  await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, name, files, options));
  return openedResource(host, name, attributes);
}

/** libvirt counts starts: each takes the next id. */
async function startsSince(name: string, before: number): Promise<number> {
  return Number(await host.libvirtd.virsh("domid", name)) - before;
}

/** The id that libvirt gave last, found out by a start of a guest that goes again. */
async function lastId(): Promise<number> {
  await createGuest(host.libvirtd, { name: "counter", files, kind: "sector" });
  const id = Number(await host.libvirtd.virsh("domid", "counter"));
  await host.libvirtd.virsh("destroy", "counter");
  return id;
}

async function isAutostarted(name: string): Promise<boolean> {
  const names = await host.libvirtd.virsh("list", "--all", "--autostart", "--name");
  return names.split("\n").includes(name);
}

/** Brings a defined guest online, which defines it anew from GuestConfigFilePath. */
async function definedAtOnline(name: string): Promise<Resource> {
  const path = join(host.folder, `${name}.cfg`);
  await writeFile(path, guestXml(attentiveOptions(host.libvirtd, name, files)));
  const resource = await openedResource(host, name, { GuestConfigFilePath: path });
  await resource.online();
  return resource;
}

describe("online of a guest that is off", () => {
  it("starts it once, and it is ONLINE at the first monitor (scenario 1)", async () => {
    const resource = await offGuest("off", { DelayAfterGuestOnline: "0" });
    const before = await lastId();

    expect((await resource.online()).exitCode).toBe(0);

    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await startsSince("off", before)).toBe(1);
  });

  it.each([
    ["0", 0],
    ["7", 7],
    ["255", 255],
    ["256", 255],
  ])("hands a DelayAfterGuestOnline of %s s to the framework as exit code %i", async (delay, exitCode) => {
    const resource = await offGuest(`delay${delay}`, { DelayAfterGuestOnline: delay });

    const called = await resource.online();

    expect(called.exitCode).toBe(exitCode);
    expect(await domainState(host.libvirtd, `delay${delay}`)).toBe("running (booted)");
  });

  it("waits itself for what no exit code can carry", async () => {
    const resource = await offGuest("delay257", { DelayAfterGuestOnline: "257" });

    const called = await resource.online();

    expect(called.exitCode).toBe(255);
    expect(called.ms).toBeGreaterThanOrEqual(2000);
  });

  it("starts it once when two ask at the same time, and answers both (scenario 11)", async () => {
    const resource = await offGuest("twice", { DelayAfterGuestOnline: "3" });
    const before = await lastId();

    const called = await Promise.all([resource.online(), resource.online()]);

    expect(new Set(called.map(({ exitCode }) => exitCode))).toEqual(new Set([0, 3]));
    expect(await startsSince("twice", before)).toBe(1);
    expect(host.daemon.said("guest started", { resource: "twice" })).toHaveLength(1);
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("boots a saved guest anew where no engine tells that it ran nowhere else since", async () => {
    const resource = await knownGuest(host, files, "saved");
    await host.libvirtd.virsh("managedsave", "saved");
    expect(await resource.monitor()).toBe(MONITOR.intentional);

    await resource.online();

    expect(await domainState(host.libvirtd, "saved")).toBe("running (booted)");
    const removed = "saved memory of the guest is removed, the guest boots anew";
    expect(host.daemon.said(removed, { resource: "saved" })).toHaveLength(1);
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("leaves it OFFLINE when it dies within DelayAfterGuestOnline, and says that the online failed (scenario 63)", async () => {
    const resource = await offGuest("dies", { DelayAfterGuestOnline: "60" });
    expect((await resource.online()).exitCode).toBe(60);

    await killEmulator(host.libvirtd, "dies");

    const failed = "guest ended within DelayAfterGuestOnline, its online has failed";
    await host.daemon.waitForLine(failed, { resource: "dies" });
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(resource.lastMonitor?.["reason"]).toContain("crashed or killed");
  });

  it("leaves it OFFLINE when it cannot start, and says so in libvirt's words", async () => {
    const broken = { ...files, bootSector: "/nowhere/no-such-disk" };
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "broken", broken));
    const resource = await openedResource(host, "broken", { DelayAfterGuestOnline: "9" });

    expect((await resource.online()).exitCode).toBe(0);

    expect(await resource.monitor()).toBe(MONITOR.offline);
    const [failed] = host.daemon.said("entry point failed", { resource: "broken" });
    expect(JSON.stringify(failed)).toContain("/nowhere/no-such-disk");
  });

  it("is refused by the lock on its disk while another guest holds it, and says so (scenario 58)", async () => {
    const ownDisk = join(host.libvirtd.folder, "shared.img");
    await copyFile(files.bootSector, ownDisk);
    await knownGuest(host, files, "holder", { guest: { ownDisk } });
    const resource = await offGuest("second", {}, { ownDisk });

    await resource.online();

    expect(await resource.monitor()).toBe(MONITOR.offline);
    const [failed] = host.daemon.said("entry point failed", { resource: "second" });
    expect(JSON.stringify(failed)).toMatch(/lock/i);
  });
});

describe("online of a guest that holds an emulator", () => {
  it("does nothing when it runs already (scenario 2)", async () => {
    const resource = await knownGuest(host, files, "runs");
    const pid = await emulatorPid(host.libvirtd, "runs");

    expect((await resource.online({ attributes: { DelayAfterGuestOnline: "9" } })).exitCode).toBe(0);

    expect(await emulatorPid(host.libvirtd, "runs")).toBe(pid);
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("resumes one that was suspended", async () => {
    const resource = await knownGuest(host, files, "suspended");
    await host.libvirtd.virsh("suspend", "suspended");

    await resource.online();

    expect(await domainState(host.libvirtd, "suspended")).toBe("running (unpaused)");
  });

  it("wakes one that sleeps", async () => {
    const resource = await knownGuest(host, files, "asleep", { guest: { pm: true } });
    await tell(host.libvirtd, "asleep", "sleep");
    await waitForState(host.libvirtd, "asleep", "pmsuspended (unknown)");

    await resource.online();

    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("leaves one that has panicked to clean, and says so", async () => {
    const guest = { panicDevice: true, onCrash: "preserve" } as const;
    const resource = await knownGuest(host, files, "panicked", { guest });
    await tell(host.libvirtd, "panicked", "panic");
    await waitForState(host.libvirtd, "panicked", "crashed (panicked)");

    expect((await resource.online()).exitCode).toBe(0);

    expect(await domainState(host.libvirtd, "panicked")).toBe("crashed (panicked)");
    const [failed] = host.daemon.said("entry point failed", { resource: "panicked" });
    expect(JSON.stringify(failed)).toContain("clean removes it");
  });
});

describe("autostart (scenario 60)", () => {
  const cleared = "autostart cleared, after a power cut both hosts would have booted the guest";

  it("is cleared at open and at online, and said", async () => {
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "auto", files));
    await host.libvirtd.virsh("autostart", "auto");
    const resource = await openedResource(host, "auto");
    await host.daemon.waitForLine(cleared, { guest: "auto" });
    expect(await isAutostarted("auto")).toBe(false);

    await host.libvirtd.virsh("autostart", "auto");
    await resource.online();

    expect(await isAutostarted("auto")).toBe(false);
    expect(host.daemon.said(cleared, { guest: "auto" })).toHaveLength(2);
  });

  it("is left and warned of where the configuration says so", async () => {
    await host.configure("kvm: { autostart: warn }");
    host.daemon.signal("SIGHUP");
    await host.daemon.waitForLine("configuration reloaded");
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "warned", files));
    await host.libvirtd.virsh("autostart", "warned");

    const resource = await openedResource(host, "warned");
    await resource.online();
    await waitUntilAttentive(host.libvirtd, "warned");

    const warning = "autostart is set, after a power cut both hosts will boot the guest";
    await host.daemon.waitForLine(warning, { guest: "warned" });
    expect(await isAutostarted("warned")).toBe(true);
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("is cleared from what online defines there all the same, and a failure of that is said", async () => {
    for (const name of ["ours", "stuck"])
      await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, name, files));
    for (const name of ["ours", "stuck"]) await host.libvirtd.virsh("autostart", name);
    const link = join(host.libvirtd.configDirectory, "qemu/autostart/stuck.xml");
    await rm(link);
    await mkdir(link); // libvirt cannot delete it, and libvirt 9.0 answers all the same that it did

    const [ours, stuck] = [await definedAtOnline("ours"), await definedAtOnline("stuck")];

    expect(await isAutostarted("ours")).toBe(false);
    expect(await isAutostarted("stuck")).toBe(true);
    const failed = "autostart cannot be cleared, after a power cut both hosts may boot the guest";
    expect(JSON.stringify(host.daemon.said(failed, { guest: "stuck" }))).toContain("it is still set");
    expect(await ours.monitor()).toBe(MONITOR.online);
    expect(await stuck.monitor()).toBe(MONITOR.online);
  });
});

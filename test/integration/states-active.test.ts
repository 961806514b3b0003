import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest } from "../support/host/known-guest.ts";
import { MONITOR } from "../support/host/resource.ts";
import { attentiveFiles, tell, waitUntilAttentive } from "../support/lab/boot-sector.ts";
import { domainState, emulatorPid, killEmulator, waitForState } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { run } from "../support/lab/run.ts";
import { until } from "../support/lab/until.ts";

/** A SIGTERM that a guest's emulator never sees keeps its domain in shutdown. */
const EMULATOR_WITHOUT_SIGTERM = `#!/usr/bin/perl
use POSIX;
sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM)) if grep /^guest=/, @ARGV;
exec "/usr/bin/qemu-system-x86_64", @ARGV;
`;

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost();
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  await host.startDaemon();
});

afterAll(() => host.stop());

/** What the daemon warned of about a guest. */
function alarms(guest: string): string[] {
  return host.daemon.said("guest is in an alarming state", { guest }).map((line) => String(line["reason"]));
}

describe("a guest that holds an emulator", () => {
  it("is ONLINE while it runs and INTENTIONAL OFFLINE while the administrator has suspended it (scenarios 4, 16)", async () => {
    const resource = await knownGuest(host, files, "user");

    await host.libvirtd.virsh("suspend", "user");
    expect(await resource.monitor()).toBe(MONITOR.intentional);
    expect(resource.lastMonitor?.["reason"]).toContain("libvirt says paused (user)");
    expect(alarms("user")).toEqual([]);

    await host.libvirtd.virsh("resume", "user");
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("is ONLINE with low confidence and a warning when a disk fails under it (scenario 17)", async () => {
    const small = join(host.libvirtd.folder, "small");
    const ownDisk = join(small, "disk");
    const make = `mkdir ${small} && mount -t tmpfs -o size=16k none ${small}
      dd if=${files.bootSector} of=${ownDisk} bs=512 count=1 && truncate -s 1M ${ownDisk}`;
    await run("nsenter", ["-t", String(host.libvirtd.pid), "-m", "sh", "-c", make]);
    const resource = await knownGuest(host, files, "io", { guest: { ownDisk } });

    await tell(host.libvirtd, "io", "fillDisk");
    await waitForState(host.libvirtd, "io", "paused (I/O error)");

    expect(await resource.monitor()).toBe(MONITOR.online20);
    expect(alarms("io")).toEqual([expect.stringContaining("a disk failed under it")]);
    expect(await resource.monitor()).toBe(MONITOR.online20);
    expect(alarms("io")).toHaveLength(1);
  });

  it("is ONLINE with low confidence and a warning when its watchdog has paused it (scenario 18)", async () => {
    const resource = await knownGuest(host, files, "dog", {
      guest: { devices: "<watchdog model='ib700' action='pause'/>" },
    });

    await tell(host.libvirtd, "dog", "bark");
    await waitForState(host.libvirtd, "dog", "paused (watchdog)");

    expect(await resource.monitor()).toBe(MONITOR.online20);
    expect(alarms("dog")).toEqual([expect.stringContaining("its watchdog fired")]);
  });

  it("is ONLINE with low confidence when it was restored and holds its disks without running (scenario 19)", async () => {
    const resource = await knownGuest(host, files, "restored");
    const image = join(host.libvirtd.folder, "restored.image");
    await host.libvirtd.virsh("save", "restored", image);
    expect(await resource.monitor()).toBe(MONITOR.intentional);

    await host.libvirtd.virsh("restore", "--paused", image);

    expect(await domainState(host.libvirtd, "restored")).toBe("paused (migrating)");
    // it looks like one in the last moment of its arrival, until the engine had its time to be told elsewhere
    await until("it shows", async () => (await resource.monitor()) === MONITOR.online20);
    expect(resource.lastMonitor?.["reason"]).toContain("no migration runs");
    await host.libvirtd.virsh("resume", "restored");
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("is INTENTIONAL OFFLINE while it sleeps by its own wish, and ONLINE when it is woken (scenario 22)", async () => {
    const resource = await knownGuest(host, files, "sleeper", { guest: { pm: true } });

    await tell(host.libvirtd, "sleeper", "sleep");
    await waitForState(host.libvirtd, "sleeper", "pmsuspended (unknown)");
    expect(await resource.monitor()).toBe(MONITOR.intentional);

    await host.libvirtd.virsh("dompmwakeup", "sleeper");
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("is ONLINE with low confidence on its way down, and nobody ends it (scenario 23)", async () => {
    const emulator = join(host.libvirtd.folder, "emulator");
    await writeFile(emulator, EMULATOR_WITHOUT_SIGTERM, { mode: 0o755 });
    const resource = await knownGuest(host, files, "slow", { guest: { emulator } });

    await tell(host.libvirtd, "slow", "poweroff");
    await until("in shutdown", async () =>
      (await domainState(host.libvirtd, "slow")).startsWith("in shutdown"),
    );
    const pid = await emulatorPid(host.libvirtd, "slow");

    expect(await resource.monitor()).toBe(MONITOR.online40);
    expect(await resource.monitor()).toBe(MONITOR.online40);
    expect(await emulatorPid(host.libvirtd, "slow")).toBe(pid);
    await killEmulator(host.libvirtd, "slow");
    await until("shut off", async () => (await domainState(host.libvirtd, "slow")).startsWith("shut off"));
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("is OFFLINE when it has panicked and is kept, with a warning, and clean removes it (scenario 24)", async () => {
    const resource = await knownGuest(host, files, "panicked", {
      guest: { panicDevice: true, onCrash: "preserve" },
    });

    await tell(host.libvirtd, "panicked", "panic");
    await waitForState(host.libvirtd, "panicked", "crashed (panicked)");
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(alarms("panicked")).toEqual([expect.stringContaining("it panicked")]);
    expect((await resource.clean(4)).exitCode).toBe(0);

    expect(await domainState(host.libvirtd, "panicked")).toBe("shut off (destroyed)");
    await expect(emulatorPid(host.libvirtd, "panicked")).rejects.toThrow("panicked.pid");
  });

  it("stays ONLINE over a reboot from inside (scenario 26)", async () => {
    const resource = await knownGuest(host, files, "reboots");
    const pid = await emulatorPid(host.libvirtd, "reboots");

    await tell(host.libvirtd, "reboots", "reboot");
    expect(await resource.monitor()).toBe(MONITOR.online);
    await waitUntilAttentive(host.libvirtd, "reboots", 2);
    expect(await resource.monitor()).toBe(MONITOR.online);

    expect(await emulatorPid(host.libvirtd, "reboots")).toBe(pid);
    expect(host.daemon.said("guest changed state", { resource: "reboots" })).toEqual([]);
  });

  it("is not changed by any number of monitors", async () => {
    const resource = await knownGuest(host, files, "looked-at");
    await host.libvirtd.virsh("autostart", "looked-at");
    const sight = async () => ({
      xml: await host.libvirtd.virsh("dumpxml", "looked-at"),
      kept: await host.libvirtd.virsh("dumpxml", "--inactive", "looked-at"),
      state: await domainState(host.libvirtd, "looked-at"),
      autostart: await host.libvirtd.virsh("list", "--all", "--autostart", "--name"),
      pid: await emulatorPid(host.libvirtd, "looked-at"),
    });
    const before = await sight();

    for (let count = 0; count < 5; count++) expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await sight()).toEqual(before);

    await host.libvirtd.virsh("suspend", "looked-at");
    const suspended = await sight();
    for (let count = 0; count < 5; count++) expect(await resource.monitor()).toBe(MONITOR.intentional);
    expect(await sight()).toEqual(suspended);
  });
});

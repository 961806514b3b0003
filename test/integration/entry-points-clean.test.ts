import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions, tell } from "../support/lab/boot-sector.ts";
import {
  createGuest,
  defineGuest,
  domainState,
  emulatorPid,
  startGuest,
  waitForState,
} from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";

const SOON = { timeout: 30_000 };

let host: Host;
let files: GuestFiles;
let deaf: GuestFiles;

beforeAll(async () => {
  host = await makeHost();
  deaf = await guestFiles();
  files = await attentiveFiles(host.libvirtd, deaf);
  await host.startDaemon();
});

afterAll(() => host.stop());

const virsh = (...args: string[]): Promise<string> => host.libvirtd.virsh(...args);

async function defined(name: string): Promise<Resource> {
  await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, name, files));
  return openedResource(host, name);
}

/** The guest is off for libvirt and for the kernel, and the engine is told so. */
async function expectGone(resource: Resource, pid: number): Promise<void> {
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect(await resource.monitor()).toBe(MONITOR.offline);
}

describe("clean", () => {
  it.each([
    [0, "offline hung"],
    [1, "offline ineffective"],
    [2, "online hung"],
    [3, "online ineffective"],
    [4, "unexpected offline"],
    [5, "monitor hung"],
    [6, "code 6"],
    [99, "code 99"],
    [undefined, "not given"],
  ] as const)("ends the guest at once for reason %s (scenario 54)", async (reason, words) => {
    const name = `reason-${reason ?? "none"}`;
    const resource = await knownGuest(host, files, name);
    const pid = await emulatorPid(host.libvirtd, name);

    const called = await resource.clean(reason);

    expect(called.exitCode).toBe(0);
    expect(called.ms).toBeLessThan(20_000);
    expect(await domainState(host.libvirtd, name)).toBe("shut off (destroyed)");
    await expectGone(resource, pid);
    expect(host.daemon.said("guest is being ended by force", { resource: name, reason: words })).toHaveLength(
      1,
    );
  });

  it("succeeds for a guest that is off, and for one that is not defined here", async () => {
    const off = await defined("off");
    const nobody = await openedResource(host, "nobody");

    expect((await off.clean(4)).exitCode).toBe(0);
    expect((await nobody.clean(4)).exitCode).toBe(0);

    expect(await domainState(host.libvirtd, "off")).toBe("shut off (unknown)");
    expect(await nobody.monitor()).toBe(MONITOR.offline);
  });

  it("ends a guest that somebody suspended", async () => {
    const resource = await knownGuest(host, files, "suspended");
    const pid = await emulatorPid(host.libvirtd, "suspended");
    await virsh("suspend", "suspended");

    expect((await resource.clean(1)).exitCode).toBe(0);

    await expectGone(resource, pid);
  });

  it("ends a guest that is only half started", async () => {
    const resource = await defined("half");
    await virsh("start", "--paused", "half");
    const pid = await emulatorPid(host.libvirtd, "half");

    expect((await resource.clean(2)).exitCode).toBe(0);

    await expectGone(resource, pid);
  });

  it("ends a guest that sleeps", async () => {
    const resource = await knownGuest(host, files, "asleep", { guest: { pm: true } });
    const pid = await emulatorPid(host.libvirtd, "asleep");
    await tell(host.libvirtd, "asleep", "sleep");
    await waitForState(host.libvirtd, "asleep", "pmsuspended (unknown)");

    expect((await resource.clean(1)).exitCode).toBe(0);

    await expectGone(resource, pid);
  });

  it("removes a guest that has panicked and was kept (scenario 24)", async () => {
    const guest = { panicDevice: true, onCrash: "preserve" } as const;
    const resource = await knownGuest(host, files, "panicked", { guest });
    const pid = await emulatorPid(host.libvirtd, "panicked");
    await tell(host.libvirtd, "panicked", "panic");
    await waitForState(host.libvirtd, "panicked", "crashed (panicked)");

    expect((await resource.clean(4)).exitCode).toBe(0);

    await expectGone(resource, pid);
  });

  it("ends a transient guest", async () => {
    await createGuest(host.libvirtd, attentiveOptions(host.libvirtd, "transient", files));
    const resource = await openedResource(host, "transient");
    const pid = await emulatorPid(host.libvirtd, "transient");

    expect((await resource.clean(1)).exitCode).toBe(0);

    await expectGone(resource, pid);
  });

  it("leaves every other guest alone", async () => {
    const other = await knownGuest(host, files, "web");
    const pid = await emulatorPid(host.libvirtd, "web");
    const resource = await knownGuest(host, files, "web-1");

    expect((await resource.clean(1)).exitCode).toBe(0);

    expect(await emulatorPid(host.libvirtd, "web")).toBe(pid);
    expect(await other.monitor()).toBe(MONITOR.online);
  });

  it("may be called twice at once: both succeed", async () => {
    const resource = await knownGuest(host, files, "doubly");
    const pid = await emulatorPid(host.libvirtd, "doubly");

    const called = await Promise.all([resource.clean(0), resource.clean(0)]);

    expect(called.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    await expectGone(resource, pid);
  });
});

describe("clean while something runs for the guest", () => {
  it("cancels an online that waits out its delay, and a later online works", async () => {
    const resource = await defined("starting");
    const options = { timeoutS: 600, attributes: { DelayAfterGuestOnline: "400" } };
    const online = resource.online(options);
    await host.daemon.waitForLine("guest started", { resource: "starting" });
    expect(await resource.operation()).toBe("online");
    const pid = await emulatorPid(host.libvirtd, "starting");

    expect((await resource.clean(2)).exitCode).toBe(0);

    const called = await online;
    expect(called.exitCode).toBe(0);
    expect(called.ms).toBeLessThan(60_000);
    await expectGone(resource, pid);
    expect((await resource.online({ attributes: { DelayAfterGuestOnline: "0" } })).exitCode).toBe(0);
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("cancels an offline that waits for a deaf guest", async () => {
    await startGuest(host.libvirtd, { name: "stubborn", files: deaf, kind: "sector" });
    const resource = await openedResource(host, "stubborn");
    const pid = await emulatorPid(host.libvirtd, "stubborn");
    const offline = resource.offline({ timeoutS: 600, attributes: { DelayAfterGuestOffline: "500" } });
    await expect.poll(() => resource.operation(), SOON).toBe("offline");

    expect((await resource.clean(0)).exitCode).toBe(0);

    const called = await offline;
    expect(called.exitCode).toBe(0);
    expect(called.ms).toBeLessThan(60_000);
    await expectGone(resource, pid);
  });

  it("leaves no guest behind when it meets a start under way", async () => {
    const resource = await defined("racing");
    for (let round = 0; round < 3; round++) {
      const online = resource.online({ attributes: { DelayAfterGuestOnline: "0" } });
      await expect.poll(() => resource.operation(), { ...SOON, interval: 2 }).toBe("online");

      expect((await resource.clean(2)).exitCode).toBe(0);

      await online;
      expect(await domainState(host.libvirtd, "racing")).toMatch(/^shut off/);
      expect(await resource.monitor()).toBe(MONITOR.offline);
    }
  });

  it("refuses what waited behind it, and shows the guest as ONLINE until it is gone", async () => {
    await startGuest(host.libvirtd, { name: "waited", files: deaf, kind: "sector" });
    const resource = await openedResource(host, "waited");
    const first = resource.offline({ timeoutS: 600, attributes: { DelayAfterGuestOffline: "500" } });
    await expect.poll(() => resource.operation(), SOON).toBe("offline");
    const second = resource.online();

    expect(await resource.monitor()).toBe(MONITOR.online);
    expect((await resource.clean(0)).exitCode).toBe(0);

    await Promise.all([first, second]);
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions, tell } from "../support/lab/boot-sector.ts";
import {
  createGuest,
  defineGuest,
  domainState,
  emulatorPid,
  freezeEmulator,
  killEmulator,
  startGuest,
  waitForState,
} from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";

const SOON = { timeout: 30_000 };

/** Long enough for a busy machine; a guest that obeys needs a fraction of a second. */
const PATIENT = { DelayAfterGuestOffline: "60" };

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

/** A running guest that hears nothing, known to the engine as ONLINE. */
async function deafGuest(name: string): Promise<Resource> {
  await startGuest(host.libvirtd, { name, files: deaf, kind: "sector" });
  const resource = await openedResource(host, name);
  expect(await resource.monitor()).toBe(MONITOR.online);
  return resource;
}

describe("offline of a guest that is off", () => {
  it("does nothing (scenario 3)", async () => {
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "off", files));
    const resource = await openedResource(host, "off", PATIENT);

    const called = await resource.offline();

    expect(called.exitCode).toBe(0);
    expect(await domainState(host.libvirtd, "off")).toBe("shut off (unknown)");
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("does nothing for a guest that is not defined here", async () => {
    const resource = await openedResource(host, "nobody", PATIENT);

    expect((await resource.offline()).exitCode).toBe(0);

    expect(host.daemon.said("entry point ended", { entryPoint: "offline", resource: "nobody" })).toEqual([
      expect.objectContaining({ stopped: true }),
    ]);
  });
});

describe("offline of a guest that obeys", () => {
  it("shuts it down, returns when it has stopped, and is no fault (scenario 83)", async () => {
    const resource = await knownGuest(host, files, "obeys", { attributes: PATIENT });

    const called = await resource.offline();

    expect(called.exitCode).toBe(0);
    expect(called.ms).toBeLessThan(30_000);
    expect(await domainState(host.libvirtd, "obeys")).toBe("shut off (shutdown)");
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(resource.lastMonitor?.["reason"]).toContain("stopped by this agent");
  });

  it("only asks when DelayAfterGuestOffline is 0", async () => {
    const attributes = { DelayAfterGuestOffline: "0" };
    const resource = await knownGuest(host, files, "asked", { attributes });

    expect((await resource.offline()).exitCode).toBe(0);

    const [ended] = host.daemon.said("entry point ended", { entryPoint: "offline", resource: "asked" });
    expect(ended?.["stopped"]).toBe(false);
    await waitForState(host.libvirtd, "asked", "shut off (shutdown)");
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("resumes a suspended one first", async () => {
    const resource = await knownGuest(host, files, "suspended", { attributes: PATIENT });
    await host.libvirtd.virsh("suspend", "suspended");
    expect(await resource.monitor()).toBe(MONITOR.intentional);

    await resource.offline();

    expect(await domainState(host.libvirtd, "suspended")).toBe("shut off (shutdown)");
    expect(
      host.daemon.said("suspended guest brought back to shut it down", { resource: "suspended" }),
    ).toEqual([expect.objectContaining({ was: "paused" })]);
  });

  it("wakes one that sleeps first", async () => {
    const resource = await knownGuest(host, files, "asleep", { guest: { pm: true }, attributes: PATIENT });
    await tell(host.libvirtd, "asleep", "sleep");
    await waitForState(host.libvirtd, "asleep", "pmsuspended (unknown)");

    await resource.offline();

    expect(await domainState(host.libvirtd, "asleep")).toBe("shut off (shutdown)");
    expect(host.daemon.said("suspended guest brought back to shut it down", { resource: "asleep" })).toEqual([
      expect.objectContaining({ was: "asleep" }),
    ]);
  });

  it("ends a transient one, which is gone then", async () => {
    await createGuest(host.libvirtd, attentiveOptions(host.libvirtd, "transient", files));
    const resource = new Resource(host, "transient", { GuestName: "transient", ...PATIENT });
    expect(await resource.monitor()).toBe(MONITOR.online);

    await resource.offline();

    expect(await resource.monitor()).toBe(MONITOR.offline);
    await expect(emulatorPid(host.libvirtd, "transient")).rejects.toThrow("transient.pid");
  });
});

describe.concurrent("offline of a guest that does not obey", () => {
  it("waits DelayAfterGuestOffline and leaves it to clean, ONLINE all the while (scenario 48)", async () => {
    const resource = await deafGuest("stubborn");

    const offline = resource.offline({ attributes: { DelayAfterGuestOffline: "4" } });
    expect(await resource.monitor()).toBe(MONITOR.online);
    const called = await offline;

    expect(called.exitCode).toBe(0);
    expect(called.ms).toBeGreaterThanOrEqual(4000);
    expect(called.ms).toBeLessThan(30_000);
    expect(await domainState(host.libvirtd, "stubborn")).toBe("running (booted)");
    expect(await resource.monitor()).toBe(MONITOR.online);
    expect((await resource.clean(1)).exitCode).toBe(0);
    expect(await domainState(host.libvirtd, "stubborn")).toBe("shut off (destroyed)");
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("ends in time when AEPTimeout is shorter than the delay", async () => {
    const resource = await deafGuest("hurried");

    const called = await resource.offline({ timeoutS: 5, attributes: { DelayAfterGuestOffline: "300" } });

    expect(called.exitCode).toBe(0);
    expect(called.ms).toBeLessThan(5000);
    expect(
      host.daemon.said("entry point failed", { entryPoint: "offline", resource: "hurried" }),
    ).toHaveLength(1);
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("succeeds when it ends in another way meanwhile (scenario 56)", async () => {
    const resource = await deafGuest("killed");

    const offline = resource.offline({ attributes: { DelayAfterGuestOffline: "120" } });
    await expect.poll(() => resource.operation(), SOON).toBe("offline");
    await killEmulator(host.libvirtd, "killed");
    const called = await offline;

    expect(called.ms).toBeLessThan(60_000);
    expect(host.daemon.said("entry point ended", { entryPoint: "offline", resource: "killed" })).toEqual([
      expect.objectContaining({ stopped: true }),
    ]);
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("is bounded when the emulator hangs, and clean ends it in time (scenarios 51, 52)", async () => {
    const resource = await deafGuest("frozen");
    const pid = await freezeEmulator(host.libvirtd, "frozen");

    const offline = await resource.offline({ attributes: { DelayAfterGuestOffline: "5" } });
    expect(offline.exitCode).toBe(0);
    expect(offline.ms).toBeLessThan(30_000);
    expect([MONITOR.online20, MONITOR.online]).toContain(await resource.monitor()); // its pulse is gone

    const cleaned = await resource.clean(1);
    expect(cleaned.exitCode).toBe(0);
    expect(cleaned.ms).toBeLessThan(60_000);
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });
});

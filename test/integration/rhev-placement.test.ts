import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MONITOR } from "../support/host/resource.ts";
import { makeRhevSite, type RhevSite } from "../support/host/rhev-site.ts";
import { until } from "../support/lab/until.ts";
import { launch, suspend } from "../support/rhevm-simulator/vm-life.ts";

const HERE = "node1";
const THERE = "node2";

const PATIENT = { DelayAfterGuestOnline: "0", DelayAfterGuestOffline: "120" };

let site: RhevSite;

beforeAll(async () => {
  site = await makeRhevSite({ systems: [HERE], others: [THERE, "node3"], delays: { bootMs: 30_000 } });
});

afterAll(() => site.stop());

/** What the daemon here says of a guest, by message; the reasons of those that have one. */
function reasons(message: string, guest: string): readonly unknown[] {
  return site
    .on(HERE)
    .daemon.said(message, { guest })
    .map(({ reason }) => reason);
}

describe.concurrent("a guest that runs on another host of RHEV-M", () => {
  it("is OFFLINE here, and offline and clean leave it alone and name the host", async () => {
    site.rhevm.world.addVm("away", { host: THERE });
    const resource = await site.resource(HERE, "away", PATIENT);
    expect(await resource.monitor()).toBe(MONITOR.offline);

    expect((await resource.offline()).exitCode).toBe(0);
    expect((await resource.clean(4)).exitCode).toBe(0);

    expect(site.rhevm.world.vm("away").status).toBe("up");
    expect([site.asked("shutdown", "away"), site.asked("stop", "away")]).toEqual([0, 0]);
    expect(reasons("guest is not running", "away")).toEqual(['RHEV-M says "up": on host node2 (up)']);
    expect(reasons("guest does not run on this host", "away")).toEqual([
      'RHEV-M says "up": on host node2 (up)',
    ]);
  });

  it("is not started here, which names the host", async () => {
    site.rhevm.world.addVm("there", { host: THERE });
    const resource = await site.resource(HERE, "there", PATIENT);

    await resource.online();

    expect(site.asked("start", "there")).toBe(0);
    const said = site.on(HERE).daemon.said("entry point failed", { resource: "there" });
    expect(JSON.stringify(said)).toContain("RHEV-M has it on host node2");
  });

  it("and does not answer there is not this host's to end, so clean succeeds", async () => {
    site.rhevm.world.addVm("hung-there", { host: THERE, status: "not_responding" });
    const resource = await site.resource(HERE, "hung-there", PATIENT);
    expect(await resource.monitor()).toBe(MONITOR.unknown);

    expect((await resource.clean(4)).exitCode).toBe(0);

    expect(site.asked("stop", "hung-there")).toBe(0);
  });
});

describe.concurrent("online of a guest of RHEV-M", () => {
  it("places the guest on this host, wherever RHEV-M would have put it", async () => {
    const { world } = site.rhevm;
    world.addVm("placed").allowedHostIds = [world.host("node3").id];
    const resource = await site.resource(HERE, "placed", PATIENT);

    expect((await resource.online()).exitCode).toBe(0);

    expect([...site.rhevm.world.vm("placed").aliveOn]).toEqual([site.rhevm.world.host(HERE).id]);
    await resource.monitorUntil(MONITOR.online);
  });

  it("lets a paused guest go on", async () => {
    const resource = await site.known(HERE, "paused", PATIENT);
    site.rhevm.world.pauseVm("paused", "none");
    await resource.monitorUntil(MONITOR.online20);

    expect((await resource.online()).exitCode).toBe(0);

    await resource.monitorUntil(MONITOR.online);
    expect(site.rhevm.world.vm("paused").starts).toBe(0);
  });

  it("resumes a suspended guest on this host", async () => {
    const resource = await site.known(HERE, "suspended", PATIENT);
    suspend(site.rhevm.world, site.rhevm.world.vm("suspended"));
    await resource.monitorUntil(MONITOR.intentional);
    await until("its memory is saved", () => site.rhevm.world.vm("suspended").status === "suspended");

    expect((await resource.online()).exitCode).toBe(0);

    await resource.monitorUntil(MONITOR.online);
    expect([...site.rhevm.world.vm("suspended").aliveOn]).toEqual([site.rhevm.world.host(HERE).id]);
  });

  it("says in RHEV-M's words why it refuses", async () => {
    site.rhevm.world.addVm("diskless", { hasBootableDisk: false });
    const resource = await site.resource(HERE, "diskless", PATIENT);

    await resource.online();

    const said = site.on(HERE).daemon.said("entry point failed", { resource: "diskless" });
    expect(JSON.stringify(said)).toContain("Cannot run VM without at least one bootable disk");
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });
});

describe.concurrent("offline of a guest of RHEV-M", () => {
  it("waits for a guest that is not up yet, whose power RHEV-M would cut", async () => {
    const { world } = site.rhevm;
    world.addVm("booting");
    const resource = await site.resource(HERE, "booting", PATIENT);
    const host = world.host(HERE);
    launch(world, world.vm("booting"), { host, by: "x", isPaused: false, hasInitialization: false });
    await until("it boots", () => world.vm("booting").status === "powering_up");
    await resource.monitorUntil(MONITOR.online60);

    expect((await resource.offline()).exitCode).toBe(0);

    expect(world.vm("booting").lastEnd).toBe("shutdown");
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("lets a paused guest go on before it shuts it down", async () => {
    const resource = await site.known(HERE, "asleep", PATIENT);
    site.rhevm.world.pauseVm("asleep", "none");
    await resource.monitorUntil(MONITOR.online20);

    expect((await resource.offline()).exitCode).toBe(0);

    expect(site.rhevm.world.vm("asleep").lastEnd).toBe("shutdown");
  });
});

describe.concurrent("clean of a guest of RHEV-M", () => {
  it("ends a guest whose emulator does not answer", async () => {
    const resource = await site.known(HERE, "hung");
    site.rhevm.world.hangVm("hung");
    await resource.monitorUntil(MONITOR.unknown);

    expect((await resource.clean(5)).exitCode).toBe(0);

    expect(site.rhevm.world.vm("hung").lastEnd).toBe("destroyed");
    expect(site.asked("stop", "hung")).toBe(1);
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("calls a migration off first, so that the stop meets the guest here", async () => {
    const resource = await site.known(HERE, "leaving");
    site.rhevm.world.migrateVm("leaving", THERE, "somebody");
    await resource.monitorUntil(MONITOR.intentional);

    expect((await resource.clean(4)).exitCode).toBe(0);

    const { aliveOn, hostId } = site.rhevm.world.vm("leaving");
    // it may have been through before it was called off: then it is not this host's any more
    const isThere = hostId === site.rhevm.world.host(THERE).id;
    expect(aliveOn.size).toBe(isThere ? 1 : 0);
    expect(site.asked("stop", "leaving")).toBe(isThere ? 0 : 1);
  });

  it("fails for a guest of which RHEV-M knows nothing, and says so", async () => {
    const resource = await site.known(HERE, "lost");
    site.rhevm.world.setVmStatus("lost", "unknown", HERE);
    await resource.monitorUntil(MONITOR.unknown);

    expect((await resource.clean(4, { timeoutS: 6 })).exitCode).toBe(1);

    expect(site.asked("stop", "lost")).toBe(0);
    const said = site.on(HERE).daemon.said("entry point failed", { resource: "lost" });
    expect(JSON.stringify(said)).toContain("RHEV-M cannot reach the host that runs it");
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GuestSite, SiteCodes } from "../support/contract/guest-site.ts";
import { makeKvmSite } from "../support/contract/kvm-site.ts";
import { makeRhevGuests } from "../support/contract/rhev-guests.ts";
import { MONITOR } from "../support/host/resource.ts";
import { until } from "../support/lab/until.ts";

interface Environment {
  readonly name: string;
  readonly make: () => Promise<GuestSite>;
  readonly codes: SiteCodes;
}

const ENVIRONMENTS: readonly Environment[] = [
  {
    name: "KVM on libvirtd",
    make: makeKvmSite,
    codes: { removed: MONITOR.offline, unmanaged: MONITOR.online30 },
  },
  {
    name: "RHEV on a simulated engine",
    make: makeRhevGuests,
    codes: { removed: MONITOR.unknown, unmanaged: MONITOR.unknown },
  },
];

const IMPATIENT = { DelayAfterGuestOnline: "0", DelayAfterGuestOffline: "3" };
const PATIENT = { DelayAfterGuestOnline: "0", DelayAfterGuestOffline: "120" };

describe.each(ENVIRONMENTS)("the contract of the entry points: $name", ({ make, codes }) => {
  let site: GuestSite;

  beforeAll(async () => {
    site = await make();
  });

  afterAll(() => site.stop());

  describe.concurrent("a guest", () => {
    it("is opened, and seen off, on and suspended", async () => {
      const resource = await site.addOff("seen");

      expect(await resource.monitor()).toBe(MONITOR.offline);
      await site.startByHand("seen");
      await resource.monitorUntil(MONITOR.online);
      await site.suspendByHand("seen");
      await resource.monitorUntil(MONITOR.intentional);
    });

    it("that nobody knows is told as what that proves", async () => {
      const resource = await site.addOff("removed");
      expect(await resource.monitor()).toBe(MONITOR.offline);

      await site.removeByHand("removed");

      await resource.monitorUntil(codes.removed);
    });

    it("is started once, however often online is called", async () => {
      const resource = await site.addOff("started", { attributes: PATIENT });

      expect((await resource.online()).exitCode).toBe(0);
      const run = await site.runOf("started");
      expect(run).toBeDefined();
      expect((await resource.online()).exitCode).toBe(0);

      expect(await site.runOf("started")).toBe(run);
      await resource.monitorUntil(MONITOR.online);
    });

    it("that suspended is brought back by online", async () => {
      const resource = await site.addOn("asleep", { attributes: PATIENT });
      await site.suspendByHand("asleep");
      await resource.monitorUntil(MONITOR.intentional);

      expect((await resource.online()).exitCode).toBe(0);

      await resource.monitorUntil(MONITOR.online);
    });

    it("is shut down by offline, which returns once it is off, and has nothing to do then", async () => {
      const resource = await site.addOn("obedient", { attributes: PATIENT });

      expect((await resource.offline()).exitCode).toBe(0);

      expect(await site.runOf("obedient")).toBeUndefined();
      expect(await resource.monitor()).toBe(MONITOR.offline);
      expect((await resource.offline()).exitCode).toBe(0);
    });

    it("that is deaf outlives offline and is ONLINE, until clean ends it; clean may be called again", async () => {
      const resource = await site.addOn("deaf", { isDeaf: true, attributes: IMPATIENT });

      expect((await resource.offline()).exitCode).toBe(0);
      expect(await site.runOf("deaf")).toBeDefined();
      const code = await resource.monitor();
      expect(code > MONITOR.offline && code <= MONITOR.online).toBe(true);
      expect((await resource.clean(1)).exitCode).toBe(0);

      expect(await site.runOf("deaf")).toBeUndefined();
      expect(await resource.monitor()).toBe(MONITOR.offline);
      expect((await resource.clean(1)).exitCode).toBe(0);
    });

    it("that dies is OFFLINE, which is a fault", async () => {
      const resource = await site.addOn("dead");

      await site.kill("dead");

      expect(await resource.monitorUntil(MONITOR.offline)).not.toContain(MONITOR.intentional);
    });

    it("whose power is cut by hand is OFFLINE too", async () => {
      const resource = await site.addOn("cut");

      await site.stopByHand("cut");

      expect(await resource.monitorUntil(MONITOR.offline)).not.toContain(MONITOR.intentional);
    });

    it("has one operation at a time, costs no other one, and clean takes over", async () => {
      const busy = await site.addOn("busy", { isDeaf: true, attributes: PATIENT });
      const free = await site.addOff("free", { attributes: PATIENT });
      const offline = busy.offline();
      await until("offline is at work", async () => (await busy.operation()) === "offline");
      const online = busy.online();

      expect((await free.online()).exitCode).toBe(0);
      expect(await busy.operation()).toBe("offline");
      expect((await busy.clean(0)).exitCode).toBe(0);

      expect((await offline).ms).toBeLessThan(100_000);
      await online;
    });

    it("with attributes that cannot be right is UNKNOWN, not started, and not told as ended", async () => {
      const resource = await site.addOn("spoilt");
      const attributes = { GuestName: "../spoilt" };

      expect(await resource.monitor({ attributes })).toBe(MONITOR.unknown);
      await resource.online({ attributes });
      expect(await resource.monitor()).toBe(MONITOR.online);
      const spoilt = { DelayAfterGuestOffline: "soon" };
      expect(await resource.monitor({ attributes: spoilt })).toBe(MONITOR.unknown);
      expect((await resource.clean(4, { attributes: spoilt })).exitCode).toBe(0);
      expect(await site.runOf("spoilt")).toBeUndefined();
    });
  });

  describe("an outage", () => {
    it("of the daemon, killed and started again, ends no guest and turns none OFFLINE", async () => {
      const resource = await site.addOn("survivor");
      const run = await site.runOf("survivor");

      await site.host.daemon.kill();
      expect(await resource.monitor()).toBe(MONITOR.unknown);
      await site.host.daemon.start();

      const seen = await resource.monitorUntil(MONITOR.online);
      expect(seen).not.toContain(MONITOR.offline);
      expect(seen).not.toContain(MONITOR.intentional);
      expect(await site.runOf("survivor")).toBe(run);
    });

    it("of what manages the guests is never told as OFFLINE, and nothing is started or ended then", async () => {
      const on = await site.addOn("unmanaged");
      const off = await site.addOff("absent", { attributes: PATIENT });
      expect(await off.monitor()).toBe(MONITOR.offline);
      const bringBack = await site.takeAway();

      const unmanaged = await on.monitorUntil(codes.unmanaged);
      const absent = await off.monitorUntil(MONITOR.unknown);
      await off.online({ timeoutS: 5 });
      await bringBack();

      expect(unmanaged).not.toContain(MONITOR.offline);
      expect(unmanaged).not.toContain(MONITOR.intentional);
      expect(absent).not.toContain(MONITOR.intentional);
      await off.monitorUntil(MONITOR.offline);
      await on.monitorUntil(MONITOR.online);
      expect(await site.runOf("unmanaged")).toBeDefined();
    });
  });
});

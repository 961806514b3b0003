import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR } from "../support/host/resource.ts";
import { attentiveFiles, startAttentive, tell } from "../support/lab/boot-sector.ts";
import { domainState, freezeEmulator, waitForState } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";

/** An administrator who wants guests with real faults to be restarted, and suspended ones to stay where they are. */
const POLICY = `kvm:
  states:
    "paused (watchdog)": OFFLINE
    "paused (I/O error)": OFFLINE
    "paused (user)": ONLINE 50`;

const DOG = { devices: "<watchdog model='ib700' action='pause'/>" };

const SOON = { timeout: 30_000 };

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost(POLICY);
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  await host.startDaemon();
});

afterAll(() => host.stop());

async function bark(name: string): Promise<void> {
  await tell(host.libvirtd, name, "bark");
  await waitForState(host.libvirtd, name, "paused (watchdog)");
}

describe("a state that the configuration calls OFFLINE (scenarios 17, 18)", () => {
  it("is a fault for a guest whose last answer was ONLINE, and stays one", async () => {
    const resource = await knownGuest(host, files, "faulty", { guest: DOG });

    await bark("faulty");

    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(await domainState(host.libvirtd, "faulty")).toBe("paused (watchdog)");
  });

  it("is ONLINE with low confidence for a guest that was not online under the engine", async () => {
    const resource = await openedResource(host, "stranger");
    expect(await resource.monitor()).toBe(MONITOR.offline);
    await startAttentive(host.libvirtd, "stranger", files, DOG);

    await bark("stranger");

    expect(await resource.monitor()).toBe(MONITOR.online10);
    expect(resource.lastMonitor?.["reason"]).toContain("was not online under the engine");
  });

  it("is ONLINE with low confidence while the guest is being stopped", async () => {
    const resource = await knownGuest(host, files, "stopping", { guest: DOG });
    await bark("stopping");

    const offline = resource.offline({ attributes: { DelayAfterGuestOffline: "3" } });
    await expect.poll(() => resource.monitor(), SOON).toBe(MONITOR.online10);
    await offline;

    expect(await resource.monitor()).toBe(MONITOR.online10);
    expect((await resource.clean(1)).exitCode).toBe(0);
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });
});

describe("a row of the table that the configuration changes", () => {
  it("holds for guests that have it, and after a reload no longer", async () => {
    const resource = await knownGuest(host, files, "suspended");
    await host.libvirtd.virsh("suspend", "suspended");
    expect(await resource.monitor()).toBe(MONITOR.online50);

    await host.configure();
    host.daemon.signal("SIGHUP");
    await host.daemon.waitForLine("configuration reloaded");

    expect(await resource.monitor()).toBe(MONITOR.intentional);
  });
});

describe("a suspended guest that clean is ending", () => {
  it("is never OFFLINE before its emulator is gone, however long that takes", async () => {
    const resource = await knownGuest(host, files, "hanging");
    await host.libvirtd.virsh("suspend", "hanging");
    expect(await resource.monitor()).toBe(MONITOR.intentional);
    const pid = await freezeEmulator(host.libvirtd, "hanging");

    const clean = resource.clean(1);
    await expect.poll(() => resource.operation(), SOON).toBe("clean");
    const answer = await resource.monitor();
    const wasAlive = isAlive(pid);
    expect((await clean).exitCode).toBe(0);

    // libvirt says nothing about a guest while it waits for the end of its emulator
    expect([MONITOR.unknown, MONITOR.online10]).toContain(answer);
    expect(wasAlive).toBe(true);
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });
});

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

const HIDE = {
  suspended: (name: string) => host.libvirtd.virsh("suspend", name),
  asleep: (name: string) => tell(host.libvirtd, name, "sleep"),
  crashed: (name: string) => tell(host.libvirtd, name, "panic"),
} as const;

describe("an active guest that its state would hide", () => {
  it.each([
    ["suspended by somebody", "suspended", "paused (user)", MONITOR.intentional],
    ["asleep", "asleep", "pmsuspended (unknown)", MONITOR.intentional],
    ["panicked and kept", "crashed", "crashed (panicked)", MONITOR.offline],
  ] as const)(
    "is ONLINE with low confidence at the first monitor after open: %s",
    async (_what, how, words, then) => {
      const name = `${how}-before`;
      const guest = { pm: true, panicDevice: true, onCrash: "preserve" } as const;
      await startAttentive(host.libvirtd, name, files, guest);
      await HIDE[how](name);
      await waitForState(host.libvirtd, name, words);

      const resource = await openedResource(host, name);

      expect(await resource.monitor()).toBe(MONITOR.online10);
      expect(resource.lastMonitor?.["reason"]).toContain("this is the first look");
      expect(await resource.monitor()).toBe(then);
      await resource.open();
      expect(await resource.monitor()).toBe(MONITOR.online10);
    },
  );
});

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest, openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions, startAttentive, tell } from "../support/lab/boot-sector.ts";
import {
  createGuest,
  defineGuest,
  domainState,
  emulatorPid,
  killEmulator,
  waitForState,
} from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost();
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  await host.startDaemon();
});

afterAll(() => host.stop());

/** There is no order between libvirt's answer to virsh and its event to the daemon: the cause may come a moment later. */
const SOON = { timeout: 30_000 };

async function offlineReason(resource: Resource): Promise<string> {
  const code = await resource.monitor();
  return code === MONITOR.offline ? String(resource.lastMonitor?.["reason"]) : `exit code ${code}`;
}

const virsh = (...args: string[]): Promise<string> => host.libvirtd.virsh(...args);

const ENDS = {
  powered: (name: string) => tell(host.libvirtd, name, "poweroff"),
  termed: async (name: string) => process.kill(await emulatorPid(host.libvirtd, name), "SIGTERM"),
  destroyed: (name: string) => virsh("destroy", name),
  killed: (name: string) => killEmulator(host.libvirtd, name),
  panicked: (name: string) => tell(host.libvirtd, name, "panic"),
} as const;

describe("a persistent guest that has ended", () => {
  it("is OFFLINE when it was never started", async () => {
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "fresh", files));
    const resource = await openedResource(host, "fresh");

    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(resource.lastMonitor?.["reason"]).toBe("libvirt says shut off (unknown)");
  });

  it.each([
    ["powered off from inside (scenario 79)", "powered", "shut off (shutdown)", "powered off from inside"],
    [
      "ended by a SIGTERM to its emulator (scenario 80)",
      "termed",
      "shut off (shutdown)",
      "terminated on the host",
    ],
    ["destroyed by virsh", "destroyed", "shut off (destroyed)", "destroyed on the host"],
    ["killed with its emulator (scenario 81)", "killed", "shut off (crashed)", "crashed or killed"],
    ["ended by a panic", "panicked", "shut off (crashed)", "panicked"],
  ] as const)(
    "is OFFLINE when it was %s, and the answer names the cause",
    async (_what, name, words, cause) => {
      const resource = await knownGuest(host, files, name, { guest: { panicDevice: true } });

      await ENDS[name](name);
      await waitForState(host.libvirtd, name, words);

      expect(await resource.monitor()).toBe(MONITOR.offline);
      await expect
        .poll(() => offlineReason(resource), SOON)
        .toBe(`libvirt says ${words}; its last run ended: ${cause}`);
    },
  );

  it.each([
    ["a managed save", "managed", () => virsh("managedsave", "managed")],
    ["a save to a file", "saved", () => virsh("save", "saved", join(host.libvirtd.folder, "saved.image"))],
  ] as const)("is INTENTIONAL OFFLINE after %s (scenario 82)", async (_what, name, save) => {
    const resource = await knownGuest(host, files, name);

    await save();

    expect(await domainState(host.libvirtd, name)).toBe("shut off (saved)");
    expect(await resource.monitor()).toBe(MONITOR.intentional);
  });

  it("is OFFLINE with the cause that a restart has made libvirtd forget", async () => {
    const resource = await knownGuest(host, files, "forgotten");
    await killEmulator(host.libvirtd, "forgotten");
    await waitForState(host.libvirtd, "forgotten", "shut off (crashed)");

    await host.libvirtd.restart();
    await until("libvirt is back", async () => (await resource.monitor()) === MONITOR.offline);

    await expect
      .poll(() => offlineReason(resource), SOON)
      .toBe("libvirt says shut off (unknown); its last run ended: crashed or killed");
  });

  it("is OFFLINE when its start failed", async () => {
    const broken = { ...files, bootSector: join(host.libvirtd.folder, "no-such-disk") };
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "unstartable", broken));
    const resource = await openedResource(host, "unstartable");

    await resource.online({ attributes: { DelayAfterGuestOnline: "0" } });

    expect(await domainState(host.libvirtd, "unstartable")).toBe("shut off (failed)");
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(host.daemon.said("entry point failed", { resource: "unstartable" })).toHaveLength(1);
  });
});

describe("a guest without a definition", () => {
  it("is OFFLINE where it was never defined", async () => {
    const resource = await openedResource(host, "nobody");

    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(resource.lastMonitor?.["reason"]).toBe("not defined on this host");
  });

  it("is ONLINE while it runs as a transient one, and OFFLINE with its cause when it has vanished (scenario 25)", async () => {
    await createGuest(host.libvirtd, attentiveOptions(host.libvirtd, "transient", files));
    const resource = await openedResource(host, "transient");
    expect(await resource.monitor()).toBe(MONITOR.online);

    await virsh("destroy", "transient");

    expect(await resource.monitor()).toBe(MONITOR.offline);
    await expect
      .poll(() => offlineReason(resource), SOON)
      .toBe("not defined on this host; its last run ended: destroyed on the host");
  });

  it("stays ONLINE when it is undefined while it runs, and is OFFLINE at its end", async () => {
    const resource = await knownGuest(host, files, "undefined");

    await virsh("undefine", "undefined");
    expect(await resource.monitor()).toBe(MONITOR.online);
    await killEmulator(host.libvirtd, "undefined");

    await until("it is gone", async () => (await resource.monitor()) === MONITOR.offline);
    await expect
      .poll(() => offlineReason(resource), SOON)
      .toBe("not defined on this host; its last run ended: crashed or killed");
  });

  it("is another guest when it is defined anew under its old name", async () => {
    const resource = await knownGuest(host, files, "renewed");
    await virsh("destroy", "renewed");
    await virsh("undefine", "renewed");
    expect(await resource.monitor()).toBe(MONITOR.offline);

    await startAttentive(host.libvirtd, "renewed", files);

    expect(await resource.monitor()).toBe(MONITOR.online);
  });
});

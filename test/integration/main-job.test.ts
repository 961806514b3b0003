import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import {
  defineGuest,
  domainState,
  emulatorPid,
  guestPaths,
  killEmulator,
  waitForMarker,
} from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";

describe("the main job on a real guest", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost();
    const files = await guestFiles();
    await defineGuest(host.libvirtd, { name: "web1", files, ...guestPaths(host.libvirtd, "web1") });
    await host.daemon.start();
    await host.startEngine(`KVMGuest vm1 (
      GuestName = web1
      DelayAfterGuestOnline = 1
      MonitorInterval = 2
      OfflineMonitorInterval = 2
      RestartLimit = 2
      )`);
  });

  afterAll(() => host.stop());

  it("keeps a guest from online over a kill and a suspend to offline", async () => {
    const { engine, libvirtd, daemon } = host;
    await until("first probe", () => engine.state("vm1") === "OFFLINE");

    expect(await engine.online("vm1")).toBe("ONLINE");
    expect(engine.confidence("vm1")).toBe(100);
    const first = await emulatorPid(libvirtd, "web1");
    await waitForMarker(guestPaths(libvirtd, "web1").serialLog, "READY");

    await killEmulator(libvirtd, "web1");
    await until("the engine restarts the guest", async () => (await emulatorPid(libvirtd, "web1")) !== first);
    await until("the engine sees it online", () => engine.state("vm1") === "ONLINE");
    expect(daemon.said("engine asked to probe").length).toBeGreaterThan(0);

    await libvirtd.virsh("suspend", "web1");
    await until("the engine sees the suspend", () => engine.state("vm1") === "OFFLINE");
    await libvirtd.virsh("resume", "web1");
    await until("the engine sees the resume", () => engine.state("vm1") === "ONLINE");

    expect(await engine.offline("vm1")).toBe("OFFLINE");
    expect(await domainState(libvirtd, "web1")).toBe("shut off (shutdown)");
  });
});

import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { is } from "../support/engine/engine-log.ts";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import { defineGuest, emulatorPid } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";

const SYSTEMS = ["node1", "node2"];

let cluster: Cluster;

beforeAll(async () => {
  const files = await guestFiles();
  cluster = await makeCluster(SYSTEMS);
  const uuid = "5c6f8a3e-6f0e-4d1b-9d0d-2f3b9a1c0001";
  for (const system of SYSTEMS) {
    await defineGuest(cluster.on(system).libvirtd, { name: "web1", uuid, files, kind: "sector" });
  }
  await cluster.on("node1").libvirtd.virsh("start", "web1");
  await cluster.start(
    "KVMGuest vm1 ( GuestName = web1 DelayAfterGuestOnline = 1 MonitorInterval = 3600 OfflineMonitorInterval = 2 RestartLimit = 5 )",
  );
});

afterAll(() => cluster.stop());

describe("a cluster on hosts of a lab", () => {
  it("has a guest ONLINE where it runs and OFFLINE on the other host", () => {
    expect(cluster.states.of("vm1")).toEqual([
      ["node1", "ONLINE"],
      ["node2", "OFFLINE"],
    ]);
  });

  it("hears from the daemon on a host that the guest's emulator was killed there", async () => {
    const { engine, daemon, libvirtd } = cluster.on("node1");
    const pid = await emulatorPid(libvirtd, "web1");
    const from = engine.log.entries.length;

    process.kill(pid, "SIGKILL");
    await engine.waitFor(is("hares", { args: ["-probe", "vm1", "-sys", "node1"] }), 60_000, from);
    await until("the guest is started again", async () => (await emulatorPid(libvirtd, "web1")) !== pid);
    await until("the engine sees it", () => engine.state("vm1") === "ONLINE");

    expect(daemon.said("engine asked to probe").length).toBeGreaterThan(0);
    expect(cluster.states.get("node2", "vm1")).toBe("OFFLINE");
  });

  it("has daemons that can be frozen, stopped and started", async () => {
    const host = cluster.on("node1");
    const { daemon, engine } = host;
    const first = daemon.pid;

    await daemon.freeze();
    daemon.signal("SIGCONT");
    expect(await daemon.stop()).toBe(0);
    expect(existsSync(`/proc/${first}`)).toBe(false);
    await host.startDaemon();

    expect(daemon.pid).not.toBe(first);
    expect(await engine.probe("vm1")).toBe("ONLINE");
  });

  it("loses a whole system with its power, and gets it back", async () => {
    const { daemon, libvirtd } = cluster.on("node1");
    const pids = [daemon.pid, libvirtd.pid, await emulatorPid(libvirtd, "web1")];

    await cluster.powerOff("node1");

    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(cluster.states.of("vm1")).toEqual([["node2", "OFFLINE"]]);
    expect(await cluster.on("node2").engine.online("vm1")).toBe("ONLINE");

    await cluster.lab.on("node1").powerOn();
    await cluster.startOn("node1");
    await cluster.on("node1").engine.probed();

    expect(cluster.states.of("vm1")).toEqual([
      ["node1", "OFFLINE"],
      ["node2", "ONLINE"],
    ]);
  });
});

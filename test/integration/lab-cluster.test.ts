import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import { defineGuest, emulatorPid } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";

let cluster: Cluster;
let files: GuestFiles;

beforeAll(async () => {
  files = await guestFiles();
  cluster = await makeCluster(["node1", "node2"]);
  for (const system of ["node1", "node2"]) {
    await defineGuest(cluster.on(system).libvirtd, {
      name: "web1",
      uuid: "5c6f8a3e-6f0e-4d1b-9d0d-2f3b9a1c0001",
      files,
      kind: "sector",
    });
  }
  await cluster.on("node1").libvirtd.virsh("start", "web1");
  await cluster.start(
    "KVMGuest vm1 ( GuestName = web1 DelayAfterGuestOnline = 1 MonitorInterval = 2 OfflineMonitorInterval = 2 RestartLimit = 5 )",
  );
});

afterAll(() => cluster.stop());

describe("a cluster of two real hosts", () => {
  it("has a guest ONLINE where it runs and OFFLINE on the other host", () => {
    expect(cluster.states.of("vm1")).toEqual([
      ["node1", "ONLINE"],
      ["node2", "OFFLINE"],
    ]);
  });

  it("is told by the daemon on the host when the guest's emulator was killed there", async () => {
    const { engine, daemon, libvirtd } = cluster.on("node1");
    const pid = await emulatorPid(libvirtd, "web1");

    process.kill(pid, "SIGKILL");
    await until("restart", async () => (await emulatorPid(libvirtd, "web1")) !== pid);

    await until("online", () => engine.state("vm1") === "ONLINE");
    expect(daemon.said("engine asked to probe").length).toBeGreaterThan(0);
    expect(cluster.on("node2").engine.state("vm1")).toBe("OFFLINE");
  });

  it("stops daemon", async () => {
    const { daemon } = cluster.on("node1");
    console.log(daemon.pid, process.pid);
    await daemon.freeze();
    daemon.signal("SIGCONT");
    expect(await daemon.stop()).toBe(0);
    await daemon.start();
    await cluster.powerOff("node1");
    console.log(cluster.states.of("vm1"));
    await cluster.lab.on("node1").powerOn();
    await cluster.startOn("node1");
    await cluster.on("node1").engine.probed();
    console.log(cluster.states.of("vm1"));
  });
});

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import { defineGuest, domainState, waitForMarker } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";

const PEERS = `peers:
  node1: { uri: "qemu+tcp://node1/system" }
  node2: { uri: "qemu+tcp://node2/system" }`;

let cluster: Cluster;
let files: GuestFiles;
let serialLog: string;

beforeAll(async () => {
  files = await guestFiles();
  cluster = await makeCluster(["node1", "node2"], { configuration: () => PEERS });
  serialLog = join(cluster.lab.folder, "web1.serial");
  await defineGuest(cluster.on("node1").libvirtd, { name: "web1", files, tick: true, serialLog });
  await cluster.on("node1").libvirtd.virsh("start", "web1");
  await waitForMarker(serialLog, "TICK 1");
  await cluster.start(
    "KVMGuest vm1 ( GuestName = web1 MonitorInterval = 10 OfflineMonitorInterval = 10 RestartLimit = 5 )",
  );
});

afterAll(() => cluster.stop());

describe("migrate", () => {
  it("moves a guest there and back, and neither engine sees it twice", async () => {
    const [one, two] = [cluster.on("node1"), cluster.on("node2")];

    await one.engine.migrate("vm1", "node2");

    expect(one.engine.state("vm1")).toBe("OFFLINE");
    await until("node2 is told", () => two.engine.state("vm1") === "ONLINE");
    expect(await domainState(two.libvirtd, "web1")).toBe("running (migrated)");
    const record = await readFile(join(one.stateDirectory, "migrations", "web1.json"), "utf8");
    expect(JSON.parse(record)).toMatchObject({ guest: "web1", kind: "left", peer: "node2" });

    await two.engine.migrate("vm1", "node1");

    expect(two.engine.state("vm1")).toBe("OFFLINE");
    await until("node1 is told", () => one.engine.state("vm1") === "ONLINE");
  });
});

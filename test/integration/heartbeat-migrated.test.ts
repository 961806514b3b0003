import { afterAll, beforeAll, expect, it } from "vitest";
import { is } from "../support/engine/engine-log.ts";
import { agentGuest, HEARTBEAT, QUICK_HEARTBEAT } from "../support/host/agent-guest.ts";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import { domainState, guestPaths, startGuest, typeOnConsole, waitForMarker } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";

const SYSTEMS = ["node1", "node2"];
const CONFIGURATION = `${QUICK_HEARTBEAT}
peers:
  node1: { uri: "qemu+tcp://node1/system" }
  node2: { uri: "qemu+tcp://node2/system" }`;

/** So slow, the guest's 80 MiB take longer than a heartbeat needs to be lost. */
const MIB_PER_S = "4";

let cluster: Cluster;

beforeAll(async () => {
  const files = await guestFiles();
  cluster = await makeCluster(SYSTEMS, { configuration: () => CONFIGURATION });
  const host = cluster.on("node1");
  await startGuest(host.libvirtd, agentGuest(host, files, "web1"));
  await waitForMarker(guestPaths(host.libvirtd, "web1").serialLog, "READY");
  await cluster.start(`KVMGuest vm1 ( GuestName = web1 MonitorInterval = 10 OfflineMonitorInterval = 10
    CEInfo = { Enabled = 1, CESystem = web1, FaultOnHBLoss = 1 } )`);
});

afterAll(() => cluster.stop());

/** Stops the guest's agent once the guest's memory is on its way. */
async function stopAgentOnTheWay(): Promise<void> {
  const { libvirtd } = cluster.on("node1");
  await until("web1 is on its way", async () =>
    /^Data processed:\s+[1-9]/m.test(await libvirtd.virsh("domjobinfo", "web1")),
  );
  await typeOnConsole(libvirtd.outsidePath(guestPaths(libvirtd, "web1").consolePath), "agent-stop");
}

it("is no loss of a heartbeat that an agent is silent while its guest migrates, on neither side", async () => {
  const [source, target] = [cluster.on("node1"), cluster.on("node2")];
  await source.daemon.waitForLine(HEARTBEAT.armed, { guest: "web1" });
  const from = source.daemon.lines.length;

  const options = ["--live", "--p2p", "--persistent", "--bandwidth", MIB_PER_S];
  const migration = source.libvirtd.virsh("migrate", ...options, "web1", "qemu+tcp://node2/system");
  await Promise.all([migration, stopAgentOnTheWay()]);

  expect(await domainState(target.libvirtd, "web1")).toBe("running (migrated)");
  await source.daemon.waitForLine(HEARTBEAT.disarmed, { guest: "web1", because: "disturbed" }, { from });
  await until("node2 is ONLINE", () => target.engine.state("vm1") === "ONLINE");
  await target.daemon.waitForLine(HEARTBEAT.never, { guest: "web1" });
  for (const host of [source, target]) {
    expect(host.daemon.said(HEARTBEAT.lost)).toEqual([]);
    expect(host.engine.log.entries.filter(is("clean"))).toEqual([]);
  }
  expect(target.engine.state("vm1")).toBe("ONLINE");
});

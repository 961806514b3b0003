import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ClusterStates } from "../support/engine/cluster-states.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { until } from "../support/lab/until.ts";
import { PASSWORD } from "../support/rhev-client.ts";
import type { RhevmSimulator } from "../support/rhevm-simulator/simulator.ts";
import { hostsOf, twoSites } from "../support/two-sites.ts";

/** System node1, which is host east1 of a simulated RHEV-M, with its daemon and engine; node2 is east2. */
async function rhevHostOf(site: RhevmSimulator, cluster: ClusterStates): Promise<Host> {
  const host = await makeHost();
  onTestFinished(() => host.stop());
  const passwordFile = join(host.folder, "password");
  await writeFile(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  await host.configure(`rhev:
  caFile: ${site.caFile}
  passwordFile: ${passwordFile}
  host: east1
  hosts: { node1: east1, node2: east2 }
`);
  await host.daemon.start();
  await host.startEngine(
    `KVMGuest web1 ( GuestName = web1
  DelayAfterGuestOnline = 0
  RHEVMInfo = { Enabled = 1, URL = "${site.url}", User = "admin@internal", Cluster = EAST, UseManualRHEVMFencing = 1 } )`,
    { cluster },
  );
  return host;
}

describe("a daemon with a guest of RHEV-M", () => {
  it("brings it online here from a host that died with it, and calls DevScan through hares", async () => {
    const site = await twoSites();
    site.world.addVm("web1", { cluster: "EAST", host: "east2" });
    site.world.loseHost("east2", { isDead: true });
    await until("east2 is dead", () => site.world.host("east2").status === "non_responsive");
    const cluster = new ClusterStates();
    cluster.systemStates.set("node2", "FAULTED");
    cluster.clusterValues.set("UseFence", "SCSI3");
    const { engine, daemon } = await rhevHostOf(site, cluster);

    await engine.online("web1");
    await until("the guest is online", () => engine.state("web1") === "ONLINE");
    expect(daemon.said("host was declared dead at RHEV-M")).toHaveLength(1);
    expect(site.world.twins).toEqual([]);
    expect(site.world.vm("web1").hostId).toBe(site.world.host("east1").id);

    const { output } = await until("the scan ends", async () => {
      const reply = await engine.action("web1", "DevScan", []);
      return reply.output.startsWith("DevScan running") ? undefined : reply;
    });
    expect(output).toContain(
      "DevScan done: the SPM of data centre Default is host east1 of the local cluster",
    );
    await until("the remote hosts are up", () =>
      hostsOf(site)
        .slice(0, 2)
        .every((text) => text.endsWith(" up")),
    );
  });
});

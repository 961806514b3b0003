import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import { defineGuest, domainState, waitForMarker } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { holdMigrations } from "../support/lab/hold.ts";
import { movableGuest } from "../support/lab/migrate.ts";
import { until } from "../support/lab/until.ts";

const CONFIGURATION = `peers:
  node1: { uri: "qemu+tcp://node1/system" }
  node2: { uri: "qemu+tcp://node2/system" }
sites:
  north: [node1, node2]`;

const RESOURCE = `KVMGuest vm1 (
  GuestName = web1
  DelayAfterGuestOnline = 1
  DROpts = { ConfigureNetwork = 1, IPAddress = "10.1.2.3", Netmask = "255.255.255.0", Gateway = "10.1.2.1",
    DNSServers = "10.1.2.53", DNSSearchPath = "example.com", Device = NONE }
  )`;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await makeCluster(["node1", "node2"], { configuration: () => CONFIGURATION });
  const { libvirtd } = cluster.on("node1");
  const guest = movableGuest(libvirtd, "web1", await guestFiles(), { dirtyMiB: 4 });
  await defineGuest(libvirtd, guest);
  await cluster.start(RESOURCE);
  await cluster.on("node1").engine.online("vm1");
  await waitForMarker(guest.serialLog ?? "", "TICK 1");
});

afterAll(() => cluster.stop());

/** The image in the drive of the running guest; empty: there is none in it. */
async function mediumOn(system: string): Promise<string> {
  const blocks = await cluster.on(system).libvirtd.virsh("domblklist", "web1");
  return /^ ?hdd\s+(\S+)/m.exec(blocks)?.[1] ?? "no drive";
}

describe("a guest with a payload", () => {
  it("migrates with an empty drive", async () => {
    const [one, two] = [cluster.on("node1"), cluster.on("node2")];
    expect(await mediumOn("node1")).toMatch(/payload\/web1\.iso$/);
    await one.engine.migrate("vm1", "node2");

    await until("node2 is told", () => two.engine.state("vm1") === "ONLINE");
    expect(await domainState(two.libvirtd, "web1")).toBe("running (migrated)");
    expect(await mediumOn("node2")).toBe("-");
  });

  it("gets its medium back when a migration fails", async () => {
    const two = cluster.on("node2");
    await two.engine.offline("vm1");
    await two.engine.online("vm1");
    await until("it runs", async () => (await mediumOn("node2")).endsWith("payload/web1.iso"));
    await holdMigrations(two.libvirtd, "web1");
    const ended = two.engine.migrate("vm1", "node1");
    await until("it migrates", async () =>
      (await two.libvirtd.virsh("domjobinfo", "web1")).includes("Outgoing migration"),
    );
    expect(await mediumOn("node2")).toBe("-");
    await two.libvirtd.virsh("domjobabort", "web1");

    await until("the medium is there", async () => (await mediumOn("node2")).endsWith("payload/web1.iso"));
    expect(await domainState(two.libvirtd, "web1")).toMatch(/^running/);
    void ended; // the engine waits for the target to come up, for as long as it would
  });
});

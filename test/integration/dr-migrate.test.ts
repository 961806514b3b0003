import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import { defineGuest, domainState, typeOnConsole, waitForMarker } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { holdMigrations, letGo } from "../support/lab/hold.ts";
import { migrateGuest, movableGuest } from "../support/lab/migrate.ts";
import { makeNetworkGuest } from "../support/lab/network-guest.ts";
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
let consolePath: string;
let serialLog: string;

beforeAll(async () => {
  cluster = await makeCluster(["node1", "node2"], { configuration: () => CONFIGURATION });
  const { libvirtd, folder } = cluster.on("node1");
  const { files } = await makeNetworkGuest(folder, await guestFiles());
  const guest = movableGuest(libvirtd, "web1", files, { dirtyMiB: 4 });
  // a socket that is seen from outside
  consolePath = join(folder, "console");
  serialLog = guest.serialLog ?? "";
  await defineGuest(libvirtd, { ...guest, consolePath });
  await cluster.start(RESOURCE);
  await cluster.on("node1").engine.online("vm1");
  await waitForMarker(serialLog, "TICK 1");
});

afterAll(() => cluster.stop());

/** The image in the drive of the running guest; empty: there is none in it. */
async function mediumOn(system: string): Promise<string> {
  const blocks = await cluster.on(system).libvirtd.virsh("domblklist", "web1");
  return /^ ?hdd\s+(\S+)/m.exec(blocks)?.[1] ?? "no drive";
}

describe("a guest with a payload", () => {
  it("migrates with an empty drive, though the guest has its CD-ROM mounted", async () => {
    const [one, two] = [cluster.on("node1"), cluster.on("node2")];
    expect(await mediumOn("node1")).toMatch(/payload\/web1\.iso$/);
    await typeOnConsole(consolePath, "hold");
    await waitForMarker(serialLog, " HELD");
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
    await letGo(two.libvirtd, "web1");
    void ended; // the engine waits for the target to come up, for as long as it would
  });

  it("is migrated by hand to where its image is missing, and arrives with an empty drive", async () => {
    const two = cluster.on("node2");
    await until("it rests there", () => two.engine.state("vm1") === "ONLINE");
    expect(await mediumOn("node2")).toMatch(/payload\/web1\.iso$/);
    const [from, to] = [cluster.lab.on("node2"), cluster.lab.on("node1")];
    await to.exec("mount", ["-t", "tmpfs", "tmpfs", two.stateDirectory]);
    await migrateGuest("web1", from, to);

    expect(await domainState(cluster.on("node1").libvirtd, "web1")).toBe("running (migrated)");
    expect(await mediumOn("node1")).toBe("-");
  });
});

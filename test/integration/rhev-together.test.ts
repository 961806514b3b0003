import { EventEmitter, once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ManualFencing } from "../../src/rhev/manual-fencing.ts";
import type { ScanManager } from "../../src/rhev/spm-scanner.ts";
import { FakeEngine } from "../support/fakes/fake-engine.ts";
import { until } from "../support/lab/until.ts";
import { type TestClient, testClient, testEngine } from "../support/rhev-client.ts";
import type { RhevmSimulator } from "../support/rhevm-simulator/simulator.ts";
import { rhevAttributes, ScanHost, type ScanHostOptions } from "../support/scan-host.ts";
import { hostsOf, twoSites } from "../support/two-sites.ts";

const signal = AbortSignal.timeout(170_000);

/** Where a daemon is held up: before its nth look at clusters, with which it begins to read, or before it asks for a deed. */
type Stop = number | "fence" | "deactivate last";

interface HeldManager extends ScanManager {
  /** Resolves when it is held up. */
  readonly reached: Promise<unknown>;
  letGo(): void;
}

/**
 * A daemon's connection on which one step waits until the test lets it go.
 *
 * @param onRefused called when a deactivation has failed, before the daemon learns it
 */
function held(
  { reads, actions }: TestClient,
  stop: Stop,
  { lastHost = "", onRefused = () => undefined }: { lastHost?: string; onRefused?: () => void } = {},
): HeldManager {
  const gate = new EventEmitter();
  const reached = once(gate, "reached");
  const opened = once(gate, "open");
  const wait = async () => {
    gate.emit("reached");
    await opened;
  };
  let looks = 0;
  return {
    reads: {
      vm: (...args) => reads.vm(...args),
      vmsOn: (...args) => reads.vmsOn(...args),
      hosts: (...args) => reads.hosts(...args),
      dataCenter: (...args) => reads.dataCenter(...args),
      clusters: async (...args) => {
        looks += 1;
        if (looks === stop) await wait();
        return reads.clusters(...args);
      },
    },
    actions: {
      activateHost: (...args) => actions.activateHost(...args),
      deactivateHost: async (id, ...args) => {
        if (stop === "deactivate last" && id === lastHost) await wait();
        try {
          return await actions.deactivateHost(id, ...args);
        } catch (error) {
          onRefused();
          throw error;
        }
      },
      fenceHost: async (...args) => {
        if (stop === "fence") await wait();
        return actions.fenceHost(...args);
      },
    },
    reached,
    letGo: () => void gate.emit("open"),
  };
}

function calls({ requests }: RhevmSimulator, verb: string): number {
  return requests.filter(({ url }) => url.endsWith(`/${verb}`)).length;
}

/** How often RHEV-M took a guest for ended with its dead host. */
function timesSetDown({ world }: RhevmSimulator, guest: string): number {
  const { id } = world.vm(guest);
  return world.events.all.filter(({ code, subjects }) => code === 143 && subjects.vm === id).length;
}

/** Fencing by the daemon of a system whose cluster says that host2 is FAULTED. */
function fencingOn(ownSystem: string, { log }: TestClient): ManualFencing {
  const engine = new FakeEngine();
  engine.systems.set("host1", "RUNNING").set("host2", "FAULTED").set("host3", "RUNNING");
  engine.clusterValues.set("UseFence", "SCSI3");
  const settings = { ownSystem, hostOf: () => undefined, remoteClusterOf: () => undefined };
  return new ManualFencing({ engine, settings: () => settings, log, pollMs: 20 });
}

/** Guests web1 and web2 on host2, which died; daemons on host1 and host3. */
async function deadHost() {
  const site = await testEngine({ speed: 200, hosts: ["host1", "host2", "host3"] });
  for (const name of ["web1", "web2"]) site.world.addVm(name, { host: "host2" });
  site.world.loseHost("host2", { isDead: true });
  await until("it does not respond", () => site.world.host("host2").status === "non_responsive");
  const [first, second] = await Promise.all([testClient(site), testClient(site)]);
  const guest = (name: string) => ({ name, vmId: site.world.vm(name).id, isWanted: true });
  return { site, first, second, one: fencingOn("host1", first), three: fencingOn("host3", second), guest };
}

/** The daemon of a system, with a state directory of its own. */
async function daemon(manager: ScanManager, log: TestClient["log"], options: Partial<ScanHostOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "together-"));
  const host = new ScanHost({ manager, folder, log, ...options });
  await host.start();
  onTestFinished(async () => {
    await host.stop();
    await rm(folder, { recursive: true });
  });
  return Object.assign(host, { owed: () => readdir(join(folder, "host-debts")).catch(() => []) });
}

/** Starts a scan and waits for its outcome. */
async function scan({ scans }: ScanHost, cluster = "EAST"): Promise<string> {
  const ask = async (arg: string) =>
    (await scans.ask({ resource: "r", attributes: rhevAttributes({ cluster }), args: [arg] }, signal)).output;
  let output = await ask("start");
  await until("the scan ends", async () => {
    if (output.startsWith("DevScan running")) output = await ask("status");
    return !output.startsWith("DevScan running");
  });
  return output;
}

/** Waits until no daemon owes a host, and all hosts are up again. */
async function untilAllIsAsBefore(
  { world }: RhevmSimulator,
  daemons: readonly { readonly owed: () => Promise<readonly string[]> }[],
): Promise<void> {
  for (const { owed } of daemons) await until("nothing is owed", async () => (await owed()).length === 0);
  await until("all hosts are up", () => world.hosts.every(({ status }) => status === "up"));
}

/** Two sites whose SPM, west1, died with its guest db1. */
async function deadSpm() {
  const engine = await twoSites();
  engine.world.addVm("db1", { cluster: "WEST", host: "west1" });
  engine.world.loseHost("west1", { isDead: true });
  const { world } = engine;
  await until(
    "it is dead",
    () =>
      world.host("west1").status === "non_responsive" && world.dataCenter("Default").status === "problematic",
  );
  return engine;
}

describe("two daemons that free guests of one dead host", () => {
  it.each([1, 2])(
    "declare it dead once, and both guests can be started: the second comes too late at its look %i",
    async (stop) => {
      const { site, first, second, one, three, guest } = await deadHost();
      const manager = held(second, stop);
      const late = three.freeGuest(manager, guest("web2"), signal);
      await manager.reached;

      await one.freeGuest(first, guest("web1"), signal);
      manager.letGo();
      await late;

      expect(calls(site, "fence")).toBe(1);
      expect(["web1", "web2"].map((name) => [site.world.vm(name).status, timesSetDown(site, name)])).toEqual([
        ["down", 1],
        ["down", 1],
      ]);
    },
  );

  it("take nothing from a guest that was started meanwhile, when both ask in the same moment", async () => {
    const { site, first, second, one, three, guest } = await deadHost();
    const manager = held(second, "fence");
    const late = three.freeGuest(manager, guest("web2"), signal);
    await manager.reached;

    await one.freeGuest(first, guest("web1"), signal);
    await first.actions.startVm(guest("web1").vmId, site.world.host("host1").id, signal);
    await until("it runs", () => site.world.vm("web1").status === "up");
    manager.letGo();
    await late;

    expect(calls(site, "fence")).toBe(2);
    expect(site.world.vm("web1")).toMatchObject({ status: "up", starts: 1 });
    expect([timesSetDown(site, "web1"), timesSetDown(site, "web2")]).toEqual([1, 1]);
    expect(site.world.twins).toEqual([]);
  });

  it("may both be asked for the same guest", async () => {
    const { site, first, second, one, three, guest } = await deadHost();

    await Promise.all([
      one.freeGuest(first, guest("web1"), signal),
      three.freeGuest(second, guest("web1"), signal),
    ]);

    expect(site.world.vm("web1").status).toBe("down");
    expect(timesSetDown(site, "web1")).toBe(1);
  });
});

describe("two daemons that scan one data centre", () => {
  it.each([50, 200, 1000])("of one site both bring the SPM there, at speed %i", async (speed) => {
    const engine = await twoSites({ speed });
    const clients = await Promise.all([testClient(engine), testClient(engine)]);
    const daemons = await Promise.all(clients.map((client) => daemon(client, client.log)));

    const outcomes = await Promise.all(daemons.map((one) => scan(one)));

    for (const outcome of outcomes)
      expect(outcome).toContain("DevScan done: the SPM of data centre Default is host east");
    await untilAllIsAsBefore(engine, daemons);
    expect(hostsOf(engine).find((text) => text.endsWith("SPM"))).toMatch(/^east/);
  });

  it("give back a host that the second sends away after the first has ended", async () => {
    const engine = await twoSites();
    const [first, second] = await Promise.all([testClient(engine), testClient(engine)]);
    const manager = held(second, "deactivate last", { lastHost: engine.world.host("west1").id });
    const late = await daemon(manager, second.log);
    const quick = await daemon(first, first.log);
    const lateOutcome = scan(late);
    await manager.reached;

    expect(await scan(quick)).toContain("DevScan done");
    await until("the first has given all back", async () => (await quick.owed()).length === 0);
    manager.letGo();

    expect(await lateOutcome).toContain("DevScan done");
    await untilAllIsAsBefore(engine, [quick, late]);
    expect(hostsOf(engine).find((text) => text.endsWith("SPM"))).toMatch(/^east/);
  });

  it("look once more when a host is refused that the other scan had in maintenance until then", async () => {
    const engine = await twoSites();
    const { world } = engine;
    const client = await testClient(engine);
    const manager = held(client, "deactivate last", {
      lastHost: world.host("west1").id,
      onRefused: () => world.setHostStatus("west1", "up"),
    });
    const late = await daemon(manager, client.log);
    const outcome = scan(late);
    await manager.reached;

    world.setHostStatus("west1", "maintenance");
    await until("the SPM is local", () => hostsOf(engine).some((text) => /^east\d up SPM$/.test(text)));
    manager.letGo();

    expect(await outcome).toContain("DevScan done: the SPM of data centre Default is host east");
    expect(client.log.messages("warn")).toContain("host was not sent to maintenance, or nobody can tell");
    await untilAllIsAsBefore(engine, [late]);
  });

  describe("whose SPM died with its guest", () => {
    const options = { fencing: { remoteClusterOf: () => "vcs_west" } };

    it.each([2, 3, "fence"] as const)(
      "take its guest for ended once: the second comes too late before its look or deed, %s",
      async (stop) => {
        const engine = await deadSpm();
        const [first, second] = await Promise.all([testClient(engine), testClient(engine)]);
        const manager = held(second, stop);
        const late = await daemon(manager, second.log, options);
        const quick = await daemon(first, first.log, options);
        for (const { engine: vcs } of [late, quick]) vcs.clusters.set("vcs_west", "FAULTED");
        const lateOutcome = scan(late);
        await manager.reached;

        expect(await scan(quick)).toContain("DevScan done");
        manager.letGo();

        expect(await lateOutcome).toContain("DevScan done");
        expect(timesSetDown(engine, "db1")).toBe(1);
        expect(calls(engine, "fence")).toBe(stop === "fence" ? 2 : 1);
        expect(engine.world.vm("db1")).toMatchObject({ status: "down", starts: 0 });
        expect(engine.world.twins).toEqual([]);
      },
    );

    it("end in the truth, however they meet", async () => {
      const engine = await deadSpm();
      const clients = await Promise.all([testClient(engine), testClient(engine)]);
      const daemons = await Promise.all(clients.map((client) => daemon(client, client.log, options)));
      for (const { engine: vcs } of daemons) vcs.clusters.set("vcs_west", "FAULTED");

      const outcomes = await Promise.all(daemons.map((one) => scan(one)));

      for (const outcome of outcomes) expect(outcome).toContain("DevScan done");
      expect(timesSetDown(engine, "db1")).toBe(1);
      expect(engine.world.vm("db1").starts).toBe(0);
    });
  });

  it("of two sites, each for itself, end with every host up and one SPM", async () => {
    const engine = await twoSites();
    const { world } = engine;
    world.addCluster("MIDDLE", "Default");
    world.addHost("middle1", { cluster: "MIDDLE" });
    world.setSpm("middle1");
    const clients = await Promise.all([testClient(engine), testClient(engine)]);
    const daemons = await Promise.all(clients.map((client) => daemon(client, client.log)));

    const outcomes = await Promise.all(daemons.map((one, at) => scan(one, at === 0 ? "EAST" : "WEST")));

    await until("there is an SPM", () => world.hosts.some(({ spm }) => spm === "spm"));
    await untilAllIsAsBefore(engine, daemons);
    expect(outcomes.every((outcome) => /^DevScan (done|failed)/.test(outcome))).toBe(true);
    expect(world.hosts.filter(({ spm }) => spm === "spm")).toHaveLength(1);
  });
});

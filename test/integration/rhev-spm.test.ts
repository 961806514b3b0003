import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../support/lab/until.ts";
import { testClient } from "../support/rhev-client.ts";
import type { RhevmSimulator } from "../support/rhevm-simulator/simulator.ts";
import { rhevAttributes, ScanHost, type ScanHostOptions } from "../support/scan-host.ts";
import { hostsOf, twoSites } from "../support/two-sites.ts";

const signal = AbortSignal.timeout(170_000);

let folder: string;
let hosts: readonly ScanHost[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "spm-"));
});

afterEach(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  hosts = [];
  await rm(folder, { recursive: true });
});

/** A daemon's scans at this engine. */
async function scanHost(
  engine: RhevmSimulator,
  options: Partial<ScanHostOptions> = {},
): Promise<ScanHost & { readonly messages: () => string[] }> {
  const manager = await testClient(engine);
  const host = new ScanHost({ manager, folder, log: manager.log, ...options });
  await host.start();
  hosts = [...hosts, host];
  return Object.assign(host, { messages: () => manager.log.messages() });
}

/** Calls the action with these arguments. */
function ask(host: ScanHost, args: readonly string[] = [], wanted = true) {
  const attributes = rhevAttributes({ useManualRhevmFencing: wanted });
  return host.scans.ask({ resource: "web1_res", attributes, args }, signal);
}

/** Calls the action and waits for its outcome. */
async function outcome(host: ScanHost, args: readonly string[] = ["start"], wanted = true): Promise<string> {
  const first = await ask(host, args, wanted);
  const { output } = await until("the scan ends", async () => {
    const reply = first.output.startsWith("DevScan running") ? await ask(host, ["status"]) : first;
    return reply.output.startsWith("DevScan running") ? undefined : reply;
  });
  return output;
}

/** Waits until all hosts of the scan are active again. */
async function nothingOwed(host: ScanHost): Promise<void> {
  await until(
    "nothing is owed",
    async () => !(await ask(host, ["status"])).output.includes("being activated"),
  );
}

function isDead(host: string, engine: RhevmSimulator): () => boolean {
  return () =>
    engine.world.host(host).status === "non_responsive" &&
    engine.world.dataCenter("Default").status === "problematic";
}

function actions({ requests }: RhevmSimulator, verb: string): readonly string[] {
  return requests.map(({ url }) => url).filter((path) => path.endsWith(`/${verb}`));
}

describe("DevScan", () => {
  it.each(["3.1", "3.6", "4.3", "4.5"] as const)(
    "brings the SPM from a remote host that is up to the local cluster of %s, and activates the remote hosts again",
    async (release) => {
      const engine = await twoSites({ release });
      const host = await scanHost(engine);

      expect(await outcome(host)).toContain("DevScan done: the SPM of data centre Default is host east");
      await until("all hosts are up", () => engine.world.hosts.every(({ status }) => status === "up"));
      expect(hostsOf(engine).filter((text) => text.endsWith("SPM"))[0]).toMatch(/^east/);
      expect(actions(engine, "deactivate")).toHaveLength(2);
      await nothingOwed(host);
      expect(await readdir(join(folder, "host-debts"))).toEqual([]);
    },
  );

  it("does nothing when the SPM is local already", async () => {
    const engine = await twoSites();
    engine.world.setSpm("east2");
    const host = await scanHost(engine);

    expect(await outcome(host)).toBe(
      "DevScan done: the SPM of data centre Default is host east2 of the local cluster",
    );
    expect(engine.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("refuses by name to send hosts with running guests to maintenance, and changes nothing", async () => {
    const engine = await twoSites();
    engine.world.addVm("db1", { cluster: "WEST", host: "west2" });
    const host = await scanHost(engine);

    expect(await outcome(host)).toBe(
      "DevScan failed (SPM): guests run on hosts of other clusters that would be sent to maintenance: west2 (db1); stop or migrate them, or set rhev.devScan.movesGuests",
    );
    expect(hostsOf(engine)).toEqual(["west1 up SPM", "west2 up", "east1 up", "east2 up"]);
    expect(actions(engine, "deactivate")).toEqual([]);
  });

  it("activates what it deactivated when RHEV-M refuses the next", async () => {
    const engine = await twoSites();
    engine.world.host("west1").hasTasks = true;
    const host = await scanHost(engine);

    expect(await outcome(host)).toContain("asynchronous running tasks");
    await nothingOwed(host);
    expect(hostsOf(engine)).toEqual(["west1 up SPM", "west2 up", "east1 up", "east2 up"]);
    expect(actions(engine, "activate")).toHaveLength(1);
  });

  it("leaves a host in maintenance that was there before", async () => {
    const engine = await twoSites();
    engine.world.setHostStatus("west2", "maintenance");
    const host = await scanHost(engine);

    expect(await outcome(host)).toContain("DevScan done");
    await nothingOwed(host);
    expect(hostsOf(engine).slice(0, 2)).toEqual(["west1 up", "west2 maintenance"]);
  });

  it("isolates a dead SPM of a remote cluster that the engine says is FAULTED", async () => {
    const engine = await twoSites();
    engine.world.loseHost("west1", { isDead: true });
    engine.world.loseHost("west2", { isDead: true });
    const host = await scanHost(engine, {
      fencing: { remoteClusterOf: (name) => (name === "WEST" ? "vcs_west" : undefined) },
    });
    host.engine.clusters.set("vcs_west", "FAULTED");

    expect(await outcome(host)).toContain("DevScan done");
    expect(actions(engine, "fence")).toHaveLength(1);
    expect(host.messages()).toContain("host was declared dead at RHEV-M");
    expect(hostsOf(engine).slice(0, 2)).toEqual(["west1 non_responsive", "west2 non_responsive"]);
  });

  it("names what is missing when it may not isolate, and does so when an operator confirms the very host", async () => {
    const engine = await twoSites();
    engine.world.loseHost("west1", { isDead: true });
    await until("west1 is dead", isDead("west1", engine));
    const host = await scanHost(engine, { fencing: { remoteClusterOf: () => "vcs_west" } });
    host.engine.clusters.set("vcs_west", "LOST_CONN");

    expect(await outcome(host)).toBe(
      "DevScan failed (SPM): the SPM is a host that RHEV-M does not hear, west1 (non_responsive), and it is not declared dead: haclus -state says that cluster vcs_west is LOST_CONN, not FAULTED",
    );
    expect(await outcome(host, ["confirm-dead=west2"], false)).toContain("UseManualRHEVMFencing is 0");
    expect(actions(engine, "fence")).toEqual([]);
    expect(await outcome(host, ["confirm-dead=west1"], false)).toContain("DevScan done");
    expect(actions(engine, "fence")).toHaveLength(1);
  });

  it("isolates a dead local SPM whose system is FAULTED, and no confirmation replaces that", async () => {
    const engine = await twoSites();
    engine.world.setSpm("east1");
    engine.world.loseHost("east1", { isDead: true });
    await until("east1 is dead", isDead("east1", engine));
    const host = await scanHost(engine);
    host.engine.systems.set("east1", "EXITED");

    expect(await outcome(host, ["confirm-dead=east1"])).toContain("system east1 is EXITED, not FAULTED");
    expect(actions(engine, "fence")).toEqual([]);
    host.engine.systems.set("east1", "FAULTED");
    expect(await outcome(host)).toContain("host east2 of the local cluster");
  });

  it("gives up within its limit, says what it waited for, and activates the remote hosts all the same", async () => {
    const engine = await twoSites({ delays: { spmElectionMs: 1e9 } });
    const host = await scanHost(engine, { settings: { spmWaitMs: 3000 } });

    expect(await outcome(host)).toMatch(/^DevScan failed \(SPM\): the SPM role did not come within 3 s: /);
    await nothingOwed(host);
    expect(engine.world.hosts.every(({ status }) => status === "up")).toBe(true);
  });

  it("changes the devices first, and asks RHEV-M for nothing when that fails", async () => {
    const engine = await twoSites();
    const script = join(folder, "devices");
    await writeFile(script, '#!/bin/sh\necho "no path to $1" >&2\nexit 3\n', {
      mode: 0o755,
    });
    const host = await scanHost(engine, {
      settings: { deviceCommand: { command: [script, "disk $(id) 7"], limitMs: 60_000 } },
    });

    expect(await outcome(host)).toBe(
      "DevScan failed (devices): the device command devices ended with 3: no path to disk $(id) 7",
    );
    expect(engine.requests).toEqual([]);
  });

  it("ends a device command that hangs with all that it started", async () => {
    const engine = await twoSites();
    const script = join(folder, "devices");
    await writeFile(script, `#!/bin/sh\nsleep 1000 &\necho $! >${folder}/pid\nwait\n`, { mode: 0o755 });
    const host = await scanHost(engine, {
      settings: { deviceCommand: { command: [script], limitMs: 1500 } },
    });

    expect(await outcome(host)).toBe(
      "DevScan failed (devices): the device command devices did not end within 1500 ms",
    );
    const pid = (await readFile(join(folder, "pid"), "utf8")).trim();
    await until("what it started has ended", async () => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
      return stat.includes(") Z");
    });
  });

  it("goes on when the answer to a deactivation is lost, and when the engine is away for a moment", async () => {
    const engine = await twoSites();
    engine.faults.next("lost-answer", { matching: ({ url }) => url.endsWith("/deactivate") });
    engine.faults.next("unavailable", { count: 4, matching: ({ url }) => url.includes("/datacenters/") });
    const host = await scanHost(engine);

    expect(await outcome(host)).toContain("DevScan done");
    await until("all hosts are up", () => engine.world.hosts.every(({ status }) => status === "up"));
  });

  it("runs one at a time: other resources see the one that runs", async () => {
    const engine = await twoSites({ speed: 0 });
    const host = await scanHost(engine);
    await ask(host, ["start"]);
    await until("both hosts leave", () => actions(engine, "deactivate").length === 2);

    const { exitCode, output } = await ask(host, ["start"]);
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^DevScan running \(SPM\): .*; call again to see how it goes on$/);
    expect(actions(engine, "deactivate")).toHaveLength(2);
  });

  it("shows an outcome once, then starts anew", async () => {
    const engine = await twoSites();
    engine.world.setSpm("east1");
    const host = await scanHost(engine);
    await ask(host);
    await until("it has ended", async () => (await ask(host, ["status"])).output.startsWith("DevScan done"));
    await ask(host);
    engine.world.setSpm("west1");

    await ask(host);
    await until("it has ended", async () => (await ask(host, ["status"])).output.startsWith("DevScan done"));
    expect(hostsOf(engine).find((text) => text.endsWith("SPM"))).toMatch(/^east/);
  });
});

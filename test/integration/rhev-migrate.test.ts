import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MONITOR } from "../support/host/resource.ts";
import { makeRhevSite, type RhevSite } from "../support/host/rhev-site.ts";
import { until } from "../support/lab/until.ts";

const SOURCE = "node1";
const TARGET = "node2";

/** Guests of the group, all on the source at the beginning; each belongs to one test. */
const GUESTS = ["asked", "refuses", "byhand", "restarted", "lostanswer", "dies"] as const;

let site: RhevSite;
/** What the engines were told, in its order. */
const told: (readonly [system: string, resource: string, state: string])[] = [];

beforeAll(async () => {
  site = await makeRhevSite({
    systems: [SOURCE, TARGET],
    others: ["sleeping"],
    // of plain KVM; in RHEV the cluster is the site
    configuration: "sites: { near: [node1], far: [node2] }",
  });
  const { world } = site.rhevm;
  world.addCluster("Other", "Default");
  world.addHost("foreign", { cluster: "Other" });
  world.setHostStatus("sleeping", "maintenance");
  for (const name of GUESTS) world.addVm(name, { host: SOURCE });
  site.states.events.on("state", (...change) => void told.push(change));
  await site.startEngines(
    GUESTS.map((name) => {
      // the engine takes a migration for failed after some monitors
      const interval = name === "refuses" ? "MonitorInterval = 2" : "";
      // a monitor while it migrates would say INTENTIONAL OFFLINE
      const restart = name === "dies" ? "RestartLimit = 1 MonitorInterval = 600" : "";
      return site.mainCf(`${name}_res`, name, `${interval} ${restart}`);
    }).join("\n"),
  );
  await until("all are online", () => GUESTS.every((name) => stateOf(SOURCE, name) === "ONLINE"));
});

afterAll(() => site.stop());

function stateOf(system: string, guest: string): string {
  return site.on(system).engine.state(`${guest}_res`);
}

/** Where the guest really runs. */
function homeOf(guest: string): readonly string[] {
  const { hosts, vm } = { hosts: site.rhevm.world.hosts, vm: site.rhevm.world.vm(guest) };
  return hosts.filter(({ id }) => vm.aliveOn.has(id)).map(({ name }) => name);
}

/** That the engines never had the guest ONLINE on both systems, nor held anything that it did for a fault. */
function expectNeverTwiceNorFaulted(guest: string): void {
  const states = new Map<string, string>();
  for (const [system, resource, state] of told) {
    if (resource !== `${guest}_res`) continue;
    states.set(system, state);
    const online = [...states].filter(([, one]) => one.split("|").includes("ONLINE"));
    expect(online.slice(1)).toEqual([]);
    expect(state).not.toContain("FAULTED");
  }
}

async function untilMoved(guest: string): Promise<void> {
  await until(`${guest} is online at the target`, () => stateOf(TARGET, guest) === "ONLINE");
  expect(stateOf(SOURCE, guest)).toBe("OFFLINE");
  expect(homeOf(guest)).toEqual([TARGET]);
  expectNeverTwiceNorFaulted(guest);
}

describe.concurrent("a migration of a guest of RHEV-M", () => {
  it("that the engine of the cluster asks for takes the guest to the host that it named", async () => {
    await site.on(SOURCE).engine.migrate("asked_res", TARGET);

    await untilMoved("asked");
    expect(site.asked("migrate", "asked")).toBe(1);
    expect(site.on(SOURCE).daemon.said("guest has migrated", { guest: "asked" })).toHaveLength(1);
  });

  it("that fails leaves the guest where it runs, ONLINE", async () => {
    site.rhevm.world.vm("refuses").failingMigrations = 1;

    await site.on(SOURCE).engine.migrate("refuses_res", TARGET);

    await until("it is online at the source", () => stateOf(SOURCE, "refuses") === "ONLINE");
    expect(homeOf("refuses")).toEqual([SOURCE]);
    expect(site.on(SOURCE).daemon.said("guest has not migrated", { guest: "refuses" })).toMatchObject([
      { end: "stayed" },
    ]);
    expect(site.rhevm.world.vm("refuses").starts).toBe(0);
    expectNeverTwiceNorFaulted("refuses");
  });

  it("by hand is seen: first the source is INTENTIONAL OFFLINE, then the target ONLINE", async () => {
    site.rhevm.world.migrateVm("byhand", TARGET, "somebody");

    await untilMoved("byhand");
    const { entries } = site.on(SOURCE).engine.log;
    const reports = entries.filter(({ what, resource }) => what === "report" && resource === "byhand_res");
    expect(reports.map(({ details }) => details.to)).toContain("INTENTIONAL OFFLINE");
    expect(site.asked("migrate", "byhand")).toBe(0);
  });

  it("that nobody saw, as a restart elsewhere, counts as one: no fault at the source", async () => {
    site.rhevm.world.setVmStatus("restarted", "up", TARGET);

    await untilMoved("restarted");
    expect(site.asked("migrate", "restarted")).toBe(0);
  });

  it("in which it dies is a fault at the source, and the engine starts it again", async () => {
    const { world } = site.rhevm;
    const said = (message: string) => site.on(SOURCE).daemon.said(message, { guest: "dies" });
    world.setVmStatus("dies", "migrating");
    await until("the source sees it migrate", () => said("guest changed state").length > 0);

    world.crashVm("dies");

    await until("it is started again", () => world.vm("dies").starts === 1);
    await until("it is online at the source", () => stateOf(SOURCE, "dies") === "ONLINE");
    expect(homeOf("dies")).toEqual([SOURCE]);
    expect(
      said("guest ended in a migration or just after it, which the engine may not take for a fault"),
    ).toHaveLength(1);
    expectNeverTwiceNorFaulted("dies");
  });

  it("whose answer is lost is not asked for again", async () => {
    site.rhevm.faults.next("lost-answer", {
      matching: ({ url }) => url.endsWith(`/${site.rhevm.world.vm("lostanswer").id}/migrate`),
    });

    await site.on(SOURCE).engine.migrate("lostanswer_res", TARGET);

    await untilMoved("lostanswer");
    expect(site.asked("migrate", "lostanswer")).toBe(1);
  });
});

describe.concurrent("a migration of a guest of RHEV-M is refused before RHEV-M is asked", () => {
  it.each([
    ["pinned", TARGET, "RHEV-M has it pinned to its host"],
    ["user_migratable", TARGET, "lets it be migrated by hand only"],
    ["migratable", "sleeping", "RHEV-M has that host as maintenance and not as up"],
    ["migratable", "foreign", "that host belongs to another cluster of RHEV-M"],
    ["migratable", "nowhere", "RHEV-M has no host nowhere: name it in rhev.hosts.nowhere"],
    ["migratable", SOURCE, "it is this system itself"],
  ] as const)("for a %s guest to %s: %s", async (affinity, target, words) => {
    const guest = `${affinity}-to-${target}`;
    const resource = await site.known(SOURCE, guest);
    site.rhevm.world.vm(guest).affinity = affinity;

    await resource.migrate(target);

    const said = site.on(SOURCE).daemon.said("entry point failed", { resource: guest });
    expect(JSON.stringify(said)).toContain(words);
    expect(site.asked("migrate", guest)).toBe(0);
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("for a guest that is not on this host", async () => {
    site.rhevm.world.addVm("elsewhere", { host: TARGET });
    const resource = await site.resource(SOURCE, "elsewhere");
    await resource.monitor();

    await resource.migrate(TARGET);

    expect(site.asked("migrate", "elsewhere")).toBe(0);
  });

  it("for one configured for disaster recovery, to another cluster; not to another of the configured sites", async () => {
    const dr = { DROpts: ["ConfigureNetwork", "1", "IPAddress", "10.0.0.9", "Netmask", "255.0.0.0"] };
    const resource = await site.known(SOURCE, "recoverable", dr);

    await resource.migrate("foreign");
    const said = site.on(SOURCE).daemon.said("entry point failed", { resource: "recoverable" });
    expect(JSON.stringify(said)).toContain("that host belongs to another cluster of RHEV-M");
    expect(site.asked("migrate", "recoverable")).toBe(0);
    await resource.migrate(TARGET);

    expect(site.asked("migrate", "recoverable")).toBe(1);
    expect(homeOf("recoverable")).toEqual([TARGET]);
  });
});

describe("a migration of a guest of RHEV-M that RHEV-M refuses", () => {
  it("leaves the guest where it is, with RHEV-M's words and without a doubt", async () => {
    const resource = await site.known(SOURCE, "locked");
    site.rhevm.world.vm("locked").isLocked = true;

    await resource.migrate(TARGET);

    const said = site.on(SOURCE).daemon.said("guest has not migrated", { guest: "locked" });
    expect(said).toMatchObject([{ end: "stayed" }]);
    expect(JSON.stringify(said)).toContain("Related operation is currently in progress");
    expect(await resource.monitor()).toBe(MONITOR.online);
  });
});

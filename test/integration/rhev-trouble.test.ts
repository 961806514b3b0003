import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MONITOR } from "../support/host/resource.ts";
import { makeRhevSite, type RhevSite } from "../support/host/rhev-site.ts";
import { until } from "../support/lab/until.ts";

const HERE = "node1";

let site: RhevSite;

beforeAll(async () => {
  // long enough to be seen by who looks every ten seconds
  const delays = { engineRestartMs: 150_000, engineSettlingMs: 60_000 };
  site = await makeRhevSite({ systems: [HERE], others: ["node2"], delays });
});

afterAll(() => site.stop());

function state(resource: string): string {
  return site.on(HERE).engine.state(resource);
}

function findings(resource: string): readonly unknown[] {
  return site
    .on(HERE)
    .daemon.said("environment of the resource", { resource })
    .map(({ finding }) => finding);
}

/** Changes RHEVMInfo as the engine does: attr_changed reads the new value from it. */
async function changeInfo(resource: string, changes: Readonly<Record<string, string>>): Promise<void> {
  const host = site.on(HERE);
  const from = host.engine.log.entries.length;
  host.engine.modify(resource, "RHEVMInfo", [...site.info(changes)]);
  await host.engine.waitFor(
    ({ what, resource: about, details }) =>
      what === "entry point ended" && about === resource && details.entryPoint === "attr_changed",
    60_000,
    from,
  );
}

describe("trouble with an engine of RHEV-M", () => {
  it("that restarts is UNKNOWN and never OFFLINE, for guests that run and for guests that do not", async () => {
    const [on, off] = [await site.known(HERE, "on"), await site.resource(HERE, "off")];
    expect(await off.monitor()).toBe(MONITOR.offline);

    site.rhevm.world.restartEngine();
    const [seenOn] = await Promise.all([on.monitorUntil(MONITOR.unknown), off.monitorUntil(MONITOR.unknown)]);
    const [backOn] = await Promise.all([on.monitorUntil(MONITOR.online), off.monitorUntil(MONITOR.offline)]);

    const told = new Set([...seenOn, ...backOn]);
    expect([...told].toSorted((a, b) => a - b)).toEqual([MONITOR.unknown, MONITOR.online]);
    expect(site.rhevm.world.vm("on")).toMatchObject({ status: "up", starts: 0 });
  });

  it.each(["connecting", "unassigned", "non_responsive"] as const)(
    "that does not hear its hosts is UNKNOWN: all %s",
    async (status) => {
      const resource = await site.known(HERE, `heard-${status}`);
      for (const name of [HERE, "node2"]) site.rhevm.world.setHostStatus(name, status);

      const seen = await resource.monitorUntil(MONITOR.unknown);
      for (const name of [HERE, "node2"]) site.rhevm.world.setHostStatus(name, "up");

      expect([...seen, ...(await resource.monitorUntil(MONITOR.online))]).not.toContain(MONITOR.offline);
    },
  );

  it("whose guest is unassigned is UNKNOWN", async () => {
    const resource = await site.known(HERE, "unassigned");
    site.rhevm.world.setVmStatus("unassigned", "unassigned", HERE);

    expect(await resource.monitorUntil(MONITOR.unknown)).not.toContain(MONITOR.offline);
  });

  it("that tells no status, or a word that nobody knows, is UNKNOWN", async () => {
    const resource = await site.known(HERE, "imageless");
    site.rhevm.world.vm("imageless").status = undefined;

    expect(await resource.monitorUntil(MONITOR.unknown)).not.toContain(MONITOR.offline);
  });
});

describe("a resource of RHEV-M and the engine of the cluster", () => {
  const RESOURCES = ["watched", "daring"];

  beforeAll(async () => {
    const { world } = site.rhevm;
    for (const name of RESOURCES) world.addVm(name, { host: HERE, isHighlyAvailable: name === "daring" });
    await site.startEngines(
      RESOURCES.map((name) => site.mainCf(`${name}_res`, name, "MonitorInterval = 1")).join("\n"),
    );
  });

  const isOnline = () => RESOURCES.every((name) => state(`${name}_res`) === "ONLINE");

  it("reports a guest for which RHEV-M's own high availability is on", async () => {
    const line = await site
      .on(HERE)
      .daemon.waitForLine("RHEV-M's own high availability is on for a guest that the cluster keeps");

    expect(line).toMatchObject({ guest: "daring" });
  });

  it("asks the engine of the cluster for the password after a restart of the daemon", async () => {
    const { daemon, engine } = site.on(HERE);
    await until("all are online", isOnline);
    const from = engine.log.entries.length;
    // nothing that carries the password comes before the daemon needs it
    await daemon.stop();
    await daemon.start();

    await engine.waitFor(
      ({ what, details: { args } }) =>
        what === "hares" && args?.[0] === "-value" && args.includes("RHEVMInfo"),
      60_000,
      from,
    );
    await until("all are online", isOnline);
    expect(engine.log.entries.filter(({ what }) => what === "faulted")).toEqual([]);
  });

  it("comes back by itself when the password was changed at both ends", async () => {
    const { rhevm } = site;
    const { engine } = site.on(HERE);
    await until("all are online", isOnline);
    const [user] = rhevm.users;
    if (user === undefined) throw new Error("no user");
    rhevm.users[0] = { ...user, password: "changed" };
    rhevm.logins.expireAll();
    await until("nobody is let in", () => state("watched_res").includes("UNKNOWN"), 60_000);

    await site.setPassword("changed", "bmV3");
    for (const name of RESOURCES) await changeInfo(`${name}_res`, { Password: "bmV3" });

    await until("all are online", isOnline);
    expect(engine.log.entries.filter(({ what }) => what === "faulted")).toEqual([]);
  });

  it("is told what a new RHEVMInfo lacks", async () => {
    await changeInfo("watched_res", { Password: "bmV3", Cluster: "Elsewhere" });
    await changeInfo("daring_res", { Password: "bmV3" });

    expect(findings("watched_res")).toEqual([
      "RHEV-M has no cluster Elsewhere, which RHEVMInfo Cluster names",
    ]);
    expect(findings("daring_res").at(-1)).toContain("RHEV-M's own high availability is on for this guest");
  });

  it.each([
    ["http://localhost:1", "must begin with https://"],
    ["https://localhost:1", "ECONNREFUSED"],
  ])("is told why a URL cannot be right: %s", async (url, words) => {
    const from = site.on(HERE).daemon.lines.length;
    await changeInfo("watched_res", { Password: "bmV3", URL: url });

    expect(JSON.stringify(site.on(HERE).daemon.lines.slice(from))).toContain(words);
    await until("nothing is proved", () => state("watched_res").includes("UNKNOWN"));
    await changeInfo("watched_res", { Password: "bmV3" });
    await until("it is online", isOnline);
  });
});

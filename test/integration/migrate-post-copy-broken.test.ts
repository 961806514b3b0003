import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { domainState, killEmulator, waitForState } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

/** How soon the hosts' libvirtds know that the cable between them is cut: seconds, and not half a minute. */
const KEEPALIVE = ["keepalive_interval = 2", "keepalive_count = 4"];

const REMOVED = "what a migration left of the guest is ended, the other end proves it dead";

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials(
    { killed: "", "daemon-away": "", cut: "" },
    {
      configuration: () => "migration: { postCopy: true }",
      libvirtd: () => ({ libvirtdConf: KEEPALIVE, qemuConf: KEEPALIVE }),
    },
  );
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(async () => {
  await full();
  await trial.end();
});

afterAll(() => trials.stop());

/** Limits what node1 sends, which libvirt's own limit does not do in post-copy. */
async function limit(rate: string): Promise<void> {
  const words = ["qdisc", "replace", "dev", "eth0", "root", "tbf"];
  await trials.cluster.lab
    .on("node1")
    .exec("tc", [...words, "rate", rate, "burst", "32kb", "latency", "400ms"]);
}

async function full(): Promise<void> {
  const words = ["qdisc", "del", "dev", "eth0", "root"];
  await trials.cluster.lab
    .on("node1")
    .exec("tc", words)
    .catch(() => undefined); // it has no limit
}

/**
 * A guest that runs on node2, as far as it can: what it needs yet is on node1, and hardly moves.
 *
 * @param by who asks for the migration; without an engine no engine acts later either
 */
async function inPostCopy(name: string, by: "engine" | "call"): Promise<Resource> {
  trial = await trials.begin(name);
  const resource = new Resource(one, name, { GuestName: name });
  if (by === "call") await withoutEngines(resource);
  await limit("1mbit");
  void (by === "engine" ? trial.migrate() : trial.callMigrate("node2")).catch(() => undefined);
  const turned = "migration turns to post-copy, the guest runs on the target from now on";
  await until("it turns to post-copy", () => trial.said("node1", turned).length > 0);
  await limit("768kbit"); // what is left would go in a moment
  await waitForState(one.libvirtd, name, "paused (post-copy)");
  await waitForState(two.libvirtd, name, "running (post-copy)"); // until then its libvirtd would end it by itself
  await limit("16kbit");
  return resource;
}

async function withoutEngines(resource: Resource): Promise<void> {
  await Promise.all([one, two].map((host) => host.engine.disable(resource.name)));
  await resource.open();
  expect(await resource.monitor()).toBe(MONITOR.online);
}

async function codesUntil(resource: Resource, wanted: number): Promise<ReadonlySet<number>> {
  const codes = new Set<number>();
  await until(`a monitor that answers ${wanted}`, async () => {
    codes.add(await resource.monitor());
    return codes.has(wanted);
  });
  return codes;
}

async function startsAgain(resource: Resource): Promise<void> {
  expect((await resource.clean(5)).exitCode).toBe(0);
  await full();
  await resource.online();
  expect(await resource.monitor()).toBe(MONITOR.online);
  expect(await trial.emulators()).toEqual(["node1"]);
  expect(await trial.record("node1")).toBeUndefined();
}

describe("a post-copy that breaks", () => {
  it("costs the guest when the target's emulator dies: what is left here is ended, and it starts again", async () => {
    const resource = await inPostCopy("killed", "engine");

    await killEmulator(two.libvirtd, "killed");
    const codes = await codesUntil(resource, MONITOR.offline);

    expect([...codes].filter((code) => code >= MONITOR.online10 && code <= MONITOR.online)).toEqual([]);
    expect(await trial.emulators()).toEqual([]);
    expect(trial.said("node1", REMOVED)).toMatchObject([
      { on: "this host", source: "paused (post-copy failed)" },
    ]);
    await until("its end is known", () => trial.said("node1", "guest has not migrated").length > 0);
    expect(trial.said("node1", "guest has not migrated")).toMatchObject([{ end: "lost" }]);
    expect(await trial.record("node1")).toMatchObject({ kind: "lost", peer: "node2" });
    await Promise.all([one, two].map((host) => host.engine.disable("killed")));
    await startsAgain(resource);
  });

  it("costs it too when the daemon was away: the next one reads both ends", async () => {
    const resource = await inPostCopy("daemon-away", "call");
    await until("that its run here was given away is on disk", async () =>
      JSON.stringify(await trial.registration("node1")).includes('"gaveAway"'),
    );
    await one.daemon.kill();
    await killEmulator(two.libvirtd, "daemon-away");
    await waitForState(one.libvirtd, "daemon-away", "paused (post-copy failed)");

    await one.daemon.start();
    const codes = await codesUntil(resource, MONITOR.offline);

    expect([...codes].filter((code) => code !== MONITOR.unknown && code !== MONITOR.offline)).toEqual([]);
    expect(await trial.emulators()).toEqual([]);
    expect(trial.said("node1", "end of a migration is known")).toMatchObject([{ end: "lost" }]);
    await startsAgain(resource);
  });

  it("is a doubt while the target cannot be read, and nothing is ended or started, until its emulator is gone", async () => {
    const resource = await inPostCopy("cut", "call");
    await trials.cluster.lab.on("node2").cut();
    await waitForState(one.libvirtd, "cut", "paused (post-copy failed)");
    await full();

    const codes = await codesUntil(resource, MONITOR.unknown);
    await until("it is a doubt", async () => kindOf(await trial.record("node1")) === "doubtful");
    expect([...codes].filter((code) => code !== MONITOR.unknown && code !== MONITOR.intentional)).toEqual([]);
    expect((await resource.clean(5)).exitCode).toBe(1);
    await resource.online();
    expect(await resource.monitor()).toBe(MONITOR.unknown);
    expect(String(resource.lastMonitor?.["reason"])).toMatch(
      /cannot be read .*; decide with: virsh .* and virsh /,
    );
    expect(await domainState(one.libvirtd, "cut")).toBe("paused (post-copy failed)");

    await trials.cluster.lab.on("node2").join();
    expect((await resource.clean(5)).exitCode).toBe(1);
    await two.libvirtd.virsh("destroy", "cut");
    await codesUntil(resource, MONITOR.offline);
    expect(await trial.emulators()).toEqual([]);
    await startsAgain(resource);
  });
});

function kindOf(record: unknown): unknown {
  return typeof record === "object" && record !== null && "kind" in record ? record.kind : undefined;
}

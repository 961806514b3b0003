import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { domainState, killEmulator, waitForState } from "../support/lab/guest.ts";
import { holdMigrations } from "../support/lab/hold.ts";
import { migrateGuest } from "../support/lab/migrate.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials({ died: "", broken: "" });
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

/**
 * A guest that left node1 for node2, which is recorded; the engine was told ONLINE last, and then the daemon of node1 was
 * killed.
 */
async function goneUntold(name: string): Promise<Resource> {
  trial = await trials.begin(name);
  await trial.letGo();
  await Promise.all([one, two].map((host) => host.engine.disable(name)));
  const resource = new Resource(one, name, { GuestName: name });
  await resource.open();
  expect(await resource.monitor()).toBe(MONITOR.online);
  const { lab } = trials.cluster;
  await migrateGuest(name, lab.on("node1"), lab.on("node2"));
  await until("it is recorded", async () => (await trial.record("node1")) !== undefined);
  await one.daemon.kill();
  expect(await trial.record("node1")).toMatchObject({ kind: "left" });
  return resource;
}

/** The codes of all monitors until one is the wanted one. */
async function codesUntil(resource: Resource, wanted: number): Promise<ReadonlySet<number>> {
  const codes = new Set<number>();
  await until(`a monitor that answers ${wanted}`, async () => {
    codes.add(await resource.monitor());
    return codes.has(wanted);
  });
  return codes;
}

describe("a guest that left, and had an emulator here again while the daemon was away", () => {
  it("is a fault when it came back and died", async () => {
    const resource = await goneUntold("died");
    const { lab } = trials.cluster;
    await migrateGuest("died", lab.on("node2"), lab.on("node1"));
    await killEmulator(one.libvirtd, "died");
    await waitForState(one.libvirtd, "died", "shut off (crashed)");

    await one.daemon.start();
    const codes = await codesUntil(resource, MONITOR.offline);

    expect([...codes].filter((code) => code !== MONITOR.offline && code !== MONITOR.unknown)).toEqual([]);
    expect(
      trial.said("node1", "guest came back and ended here, its migration record is dropped"),
    ).toHaveLength(1);
    expect(await trial.record("node1")).toBeUndefined();
    const refused = await one.engine.action("died", "guestmigrated");
    expect(refused.output).toContain("nothing proves that it migrated");
  });

  it("has left still when its migration back broke", async () => {
    const resource = await goneUntold("broken");
    await holdMigrations(two.libvirtd, "broken");
    const { lab } = trials.cluster;
    const back = migrateGuest("broken", lab.on("node2"), lab.on("node1")).catch(() => undefined);
    await waitForState(one.libvirtd, "broken", "paused (migrating)");
    await two.libvirtd.kill();
    await two.libvirtd.restart();
    await back;
    await until("the copy is gone", async () => (await trial.emulators()).join() === "node2");
    expect(await domainState(one.libvirtd, "broken")).toMatch(/^shut off \((destroyed|crashed)\)$/);

    await one.daemon.start();
    const codes = await codesUntil(resource, MONITOR.intentional);

    expect([...codes].filter((code) => code !== MONITOR.intentional && code !== MONITOR.unknown)).toEqual([]);
    expect(await trial.record("node1")).toMatchObject({ kind: "left" });
    const proved = await one.engine.action("broken", "guestmigrated");
    expect(proved.output).toMatch(/^guest broken left for node2, which is recorded \(.*node2: running/);
  });
});

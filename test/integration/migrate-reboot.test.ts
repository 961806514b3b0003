import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { startAttentive } from "../support/lab/boot-sector.ts";
import { domainState } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_TARGET = { emulators: ["node2"], states: ["OFFLINE", "ONLINE"], deeds: [], bothOnline: 0 };

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials({ stays: "", "comes-back": "", "started-by-hand": "" });
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

/** Migrates a guest of that name to node2, then takes node1's power and gives it back; what runs there is not started. */
async function leftBeforeReboot(name: string): Promise<void> {
  trial = await trials.begin(name);
  await trial.letGo();
  await one.engine.migrate(name, "node2");
  expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
  expect(await trial.record("node1")).toMatchObject({ kind: "left", peer: "node2", bootId: await bootId() });
  await trials.cluster.powerOff("node1");
  await trials.cluster.lab.on("node1").powerOn();
}

/** Starts daemon and engine on node1 again, as its boot does. */
async function startNode1(): Promise<void> {
  await trials.cluster.startOn("node1");
  await one.engine.enable(trial.name);
}

async function bootId(): Promise<string> {
  const { stdout } = await trials.cluster.lab.on("node1").exec("cat", ["/proc/sys/kernel/random/boot_id"]);
  return stdout.trim();
}

describe("the record of a guest that left, after the source was powered off and on", () => {
  it("still says so, and that it is of an earlier boot", async () => {
    await leftBeforeReboot("stays");
    await startNode1();

    // libvirt has forgotten why it stopped: the record alone tells
    expect(await domainState(one.libvirtd, "stays")).toBe("shut off (unknown)");
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    const resource = new Resource(one, "stays", { GuestName: "stays" });
    expect(await resource.monitor()).toBe(MONITOR.intentional);
    expect(trial.reason("node1")).toMatch(/shut off \(unknown\).*; it left for node2, recorded at /);
    expect(trial.said("node1", "migration record is in force")).toMatchObject([
      { kind: "left", peer: "node2", earlierBoot: true },
    ]);
    expect(await trial.record("node1")).not.toMatchObject({ bootId: await bootId() });
  });

  it("vanishes when the guest comes back by migration", async () => {
    await leftBeforeReboot("comes-back");
    await startNode1();
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);

    await two.engine.migrate("comes-back", "node1");

    const back = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(back);
    expect(await trial.record("node1")).toBeUndefined();
    expect(trial.said("node1", "guest runs here again, its migration record is dropped")).toHaveLength(1);
  });

  it("vanishes when somebody started the guest here before the daemon came", async () => {
    await leftBeforeReboot("started-by-hand");
    await two.engine.disable("started-by-hand");
    await two.libvirtd.virsh("destroy", "started-by-hand");
    const options = { uuid: trial.uuid, migrates: true };
    await startAttentive(one.libvirtd, "started-by-hand", trial.files, options);
    await startNode1();

    await until("its record is gone", async () => (await trial.record("node1")) === undefined);
    const resource = new Resource(one, "started-by-hand", { GuestName: "started-by-hand" });
    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(await trial.emulators()).toEqual(["node1"]);
    expect(trial.said("node1", "migration record is in force")).toMatchObject([{ earlierBoot: true }]);
  });
});

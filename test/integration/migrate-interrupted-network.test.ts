import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { defineGuest, domainState } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };
const ON_TARGET = { emulators: ["node2"], states: ["OFFLINE", "ONLINE"], deeds: [], bothOnline: 0 };

/** A silent peer is given up after 11 s. */
const KEEPALIVE = ["keepalive_interval = 1", "keepalive_count = 10"];

let trials: Trials;
let trial: Trial;

beforeAll(async () => {
  trials = await makeTrials(
    { "cut-briefly": "", cut: "", "target-off": "", "source-off": "" },
    { libvirtd: () => ({ libvirtdConf: KEEPALIVE, qemuConf: KEEPALIVE }) },
  );
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

/** Without a last word: the kernel of a host that really loses power closes no connections. */
async function powerOff(system: string): Promise<void> {
  await trials.cluster.lab.on(system).cut();
  await trials.cluster.powerOff(system);
}

describe("a migration whose network breaks", () => {
  it("goes on after a cut of 3 s", async () => {
    trial = await trials.begin("cut-briefly");
    const { ended } = await trial.migrate();
    const two = trials.cluster.lab.on("node2");

    await two.cut();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await two.join();
    await trial.letGo();

    expect(await ended).toBe("OFFLINE");
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
  });

  it("leaves the guest where it runs when the cable stays cut", async () => {
    trial = await trials.begin("cut");
    const { ended } = await trial.migrate();
    const two = trials.cluster.lab.on("node2");

    await two.cut();

    expect(await ended).toBe("ONLINE");
    expect(trial.said("node1", "guest has not migrated")).toMatchObject([{ end: "stayed" }]);
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    await two.join();
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
  });
});

describe("a migration to or from a host that loses power", () => {
  it("leaves the guest where it runs when the target loses it", async () => {
    trial = await trials.begin("target-off");
    const { ended } = await trial.migrate();

    await powerOff("node2");

    expect(await ended).toBe("ONLINE");
    expect(await trial.rest(["ONLINE", ""])).toEqual({ ...ON_SOURCE, states: ["ONLINE", ""] });
    await trials.cluster.lab.on("node2").powerOn();
    await trials.cluster.startOn("node2");
    await trials.cluster.on("node2").engine.enable("target-off");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
  });

  it("lets the target start it anew, once, when the source loses it", async () => {
    trial = await trials.begin("source-off");
    const { libvirtd, engine } = trials.cluster.on("node2");
    await defineGuest(libvirtd, { name: "source-off", uuid: trial.uuid, files: trial.files, kind: "sector" });
    const { ended } = await trial.migrate();

    await powerOff("node1");
    await ended;
    expect(await domainState(libvirtd, "source-off")).toBe("paused (migrating)");
    expect(await engine.online("source-off")).toBe("ONLINE");
    expect(trial.said("node2", "guest is on its way to another state, which is waited for")).toHaveLength(1);

    expect(await trial.rest(["", "ONLINE"])).toEqual({ ...ON_TARGET, states: ["", "ONLINE"] });
    expect(await domainState(libvirtd, "source-off")).toBe("running (booted)");
    await trials.cluster.lab.on("node1").powerOn();
    await trials.cluster.startOn("node1");
    await trials.cluster.on("node1").engine.enable("source-off");
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    await until("the record", async () => JSON.stringify(await trial.record("node1")).includes('"left"'));
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { killEmulator } from "../support/lab/guest.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials({
    aborted: "",
    "source-killed": "",
    "target-killed": "",
    "libvirtd-killed": "",
    "target-libvirtd-killed": "",
    cut: "",
  });
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

describe("a migration that somebody asked virsh for", () => {
  it("leaves the guest where it runs when its job is aborted", async () => {
    trial = await trials.begin("aborted");
    const { ended } = await trial.migrateByHand();

    await one.libvirtd.virsh("domjobabort", "aborted");

    expect(await ended).toContain("canceled by client");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
  });

  it("is a fault when the source's emulator is killed, on the source alone", async () => {
    trial = await trials.begin("source-killed");
    const { ended } = await trial.migrateByHand();

    await killEmulator(one.libvirtd, "source-killed");

    expect(await ended).toContain("domain is not running");
    expect(await trial.rest(["FAULTED", "OFFLINE"])).toEqual({
      emulators: [],
      states: ["FAULTED", "OFFLINE"],
      deeds: ["node1 clean", "node1 faulted"],
      bothOnline: 0,
    });
    expect(trial.reason("node1")).toContain("its last run ended: crashed or killed");
  });

  it("leaves the guest where it runs when the incoming emulator is killed", async () => {
    trial = await trials.begin("target-killed");
    const { ended } = await trial.migrateByHand();

    await killEmulator(two.libvirtd, "target-killed");

    expect(await ended).toContain("error:");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
  });

  it("leaves the guest where it runs when the source's libvirtd is killed and comes back", async () => {
    trial = await trials.begin("libvirtd-killed");
    const { ended } = await trial.migrateByHand();

    await one.libvirtd.kill();
    await one.libvirtd.restart();

    expect(await ended).toContain("error:");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
  });

  it("leaves the guest where it runs when the target's libvirtd is killed and comes back", async () => {
    trial = await trials.begin("target-libvirtd-killed");
    const { ended } = await trial.migrateByHand();

    await two.libvirtd.kill();
    expect(await ended).toContain("client socket is closed");
    await two.libvirtd.restart();

    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
  });

  it("leaves the guest where it runs when the cable is cut, and after it was put back", async () => {
    trial = await trials.begin("cut");
    const { ended } = await trial.migrateByHand();

    await trials.cluster.lab.on("node2").cut();
    expect(await ended).toContain("client socket is closed");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    await trials.cluster.lab.on("node2").join();

    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
  });
});

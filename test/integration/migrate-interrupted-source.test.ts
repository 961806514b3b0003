import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { killEmulator } from "../support/lab/guest.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };

let trials: Trials;
let trial: Trial;

beforeAll(async () => {
  trials = await makeTrials({
    aborted: "",
    "source-killed": "",
    "libvirtd-killed": "",
    "daemon-killed": "",
    "shim-killed": "",
    late: "MigrateTimeout = 8",
    cleaned: "",
  });
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

describe("a migration that is interrupted on the source", () => {
  it("stays where it is when its job is aborted", async () => {
    trial = await trials.begin("aborted");
    const { ended } = await trial.migrate();

    await trials.cluster.on("node1").libvirtd.virsh("domjobabort", "aborted");

    console.log(await ended);
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    console.log(trial.reason("node1"), trial.reason("node2"));
    dump();
  });

  it("is a fault when the source's emulator is killed", async () => {
    trial = await trials.begin("source-killed");
    const { ended } = await trial.migrate();

    await killEmulator(trials.cluster.on("node1").libvirtd, "source-killed");

    console.log(await ended);
    console.log(await trial.rest(["OFFLINE", "OFFLINE"]));
    console.log(trial.reason("node1"), trial.reason("node2"));
    dump();
  });

  it("stays when the source's libvirtd is killed", async () => {
    trial = await trials.begin("libvirtd-killed");
    const { ended } = await trial.migrate();
    const { libvirtd } = trials.cluster.on("node1");

    await libvirtd.kill();
    await libvirtd.restart();

    console.log(await ended);
    console.log(await trial.rest(["ONLINE", "OFFLINE"]));
    console.log(trial.reason("node1"), trial.reason("node2"));
    dump();
  });
});

function dump() {
  for (const system of ["node1", "node2"])
    console.log(
      system,
      trials.cluster
        .on(system)
        .daemon.lines.filter((l) => l["level"] !== "debug" && (l["guest"] === trial.name || l["resource"] === trial.name || !l["resource"]))
        .map((l) => JSON.stringify(l))
        .join("\n"),
    );
}

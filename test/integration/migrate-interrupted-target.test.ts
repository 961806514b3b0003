import { join } from "node:path";
import { rename } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { defineGuest, killEmulator } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };

let trials: Trials;
let trial: Trial;

beforeAll(async () => {
  trials = await makeTrials({
    "target-killed": "",
    "libvirtd-killed": "",
    "libvirtd-frozen": "",
    namesake: "",
    "no-memory": "",
    "no-file": "",
  });
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

function why(): string {
  const [line] = trial.said("node1", "guest has not migrated");
  return String(line?.["reason"]);
}

describe("a migration that is interrupted on the target", () => {
  it("leaves the guest where it runs when the incoming emulator is killed", async () => {
    trial = await trials.begin("target-killed");
    const { ended } = await trial.migrate();

    await killEmulator(trials.cluster.on("node2").libvirtd, "target-killed");

    expect(await ended).toBe("ONLINE");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    console.log(why());
  });

  it("leaves the guest where it runs when libvirtd is killed there and comes back", async () => {
    trial = await trials.begin("libvirtd-killed");
    const { ended } = await trial.migrate();
    const { libvirtd } = trials.cluster.on("node2");

    await libvirtd.kill();
    expect(await ended).toBe("ONLINE");
    console.log(why(), await trial.emulators());
    await libvirtd.restart();

    await until("one emulator", async () => (await trial.emulators()).length === 1);
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    dump();
  });

  it("leaves the guest where it runs when libvirtd is frozen there and goes on", async () => {
    trial = await trials.begin("libvirtd-frozen");
    const { ended } = await trial.migrate();
    const { libvirtd } = trials.cluster.on("node2");

    await libvirtd.freeze();
    expect(await ended).toBe("ONLINE");
    console.log(why(), await trial.emulators());
    libvirtd.thaw();

    await until("one emulator", async () => (await trial.emulators()).length === 1);
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    dump();
  });

  it("leaves the guest where it runs when another guest has its name there", async () => {
    trial = await trials.begin("namesake");
    await defineGuest(trials.cluster.on("node2").libvirtd, { name: "namesake", files: trial.files, kind: "sector" });

    const ended = trials.cluster.on("node1").engine.migrate("namesake", "node2");

    expect(await ended).toBe("ONLINE");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    console.log(why());
  });
});

function dump() {
  for (const system of ["node1", "node2"])
    console.log(
      system,
      trials.cluster
        .on(system)
        .daemon.lines.filter((l) => l["level"] !== "debug" && (l["guest"] === trial.name || l["resource"] === trial.name || (!l["resource"] && !l["guest"])))
        .map((l) => JSON.stringify(l))
        .join("\n"),
    );
}

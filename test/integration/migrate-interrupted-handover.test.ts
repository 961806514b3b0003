import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { domainState, killEmulator, waitForState } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

let trials: Trials;
let trial: Trial;

beforeAll(async () => {
  trials = await makeTrials({ a: "", b: "", c: "" });
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

async function show(what: string) {
  const s = await Promise.all(["node1", "node2"].map(async (n) => `${n}: ${await domainState(trials.cluster.on(n).libvirtd, trial.name).catch((e) => String(e).slice(-60))} / ${trials.cluster.on(n).engine.state(trial.name)}`));
  console.log(what, JSON.stringify(await trial.emulators()), s.join(" | "));
}

describe("a migration that is interrupted at the hand-over", () => {
  it("target's libvirtd frozen", async () => {
    trial = await trials.begin("a");
    const { ended } = await trial.migrate();
    const [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
    await two.libvirtd.freeze();
    await trial.letGo();
    await waitForState(one.libvirtd, "a", "paused (migrating)");
    console.log("handed over", await trial.emulators());
    console.log(await ended);
    two.libvirtd.thaw();
    for (let i = 0; i < 6; i++) { await show(`a${i}`); await new Promise((r) => setTimeout(r, 2000)); }
    dump();
  });
  it("and source's libvirtd killed", async () => {
    trial = await trials.begin("b");
    const { ended } = await trial.migrate();
    const [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
    await two.libvirtd.freeze();
    await trial.letGo();
    await waitForState(one.libvirtd, "b", "paused (migrating)");
    await one.libvirtd.kill();
    await one.libvirtd.restart();
    console.log(await ended);
    await new Promise((r) => setTimeout(r, 5000));
    two.libvirtd.thaw();
    for (let i = 0; i < 6; i++) { await show(`b${i}`); await new Promise((r) => setTimeout(r, 2000)); }
    dump();
  });
  it("and source's emulator killed", async () => {
    trial = await trials.begin("c");
    const { ended } = await trial.migrate();
    const [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
    await two.libvirtd.freeze();
    await trial.letGo();
    await waitForState(one.libvirtd, "c", "paused (migrating)");
    await killEmulator(one.libvirtd, "c");
    console.log(await ended);
    await new Promise((r) => setTimeout(r, 5000));
    two.libvirtd.thaw();
    for (let i = 0; i < 6; i++) { await show(`c${i}`); await new Promise((r) => setTimeout(r, 2000)); }
    dump();
  });
});

function dump(...names: string[]) {
  for (const system of names.length > 0 ? names : ["node1", "node2"])
    console.log(
      system,
      trials.cluster
        .on(system)
        .daemon.lines.filter((l) => l["level"] !== "debug" && (l["guest"] === trial.name || l["resource"] === trial.name || (!l["resource"] && !l["guest"])))
        .map((l) => JSON.stringify(l).slice(0,700))
        .join("\n"),
    );
}

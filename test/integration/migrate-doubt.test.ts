import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { Resource } from "../support/host/resource.ts";
import { domainState, killEmulator, waitForState } from "../support/lab/guest.ts";
import { run } from "../support/lab/run.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

/** Source: qemu_migration.c, the phases of a migration, which libvirt keeps in the status of a domain. */
const ASKED = "phase='perform3_done'";

/** A hand-over is held for as long. */
const KEEPALIVE = ["keepalive_interval = 2", "keepalive_count = 6"];

let trials: Trials;
let trial: Trial;
let one: Host;

beforeAll(async () => {
  trials = await makeTrials(
    { doubted: "" },
    { libvirtd: () => ({ libvirtdConf: KEEPALIVE, qemuConf: KEEPALIVE }) },
  );
  one = trials.cluster.on("node1");
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

/** A migration whose source dies at the hand-over, and whose target loses its power before it has said anything. */
async function leaveDoubt(name: string): Promise<void> {
  const two = trials.cluster.on("node2");
  trial = await trials.begin(name);
  await trial.migrate();
  await two.libvirtd.freeze();
  await trial.letGo();
  const status = join(one.libvirtd.runDirectory, `${name}.xml`);
  await until("the target was asked", async () => (await readFile(status, "utf8")).includes(ASKED));
  await killEmulator(one.libvirtd, name);
  await waitForState(one.libvirtd, name, "shut off (crashed)");
  await trials.cluster.lab.on("node2").cut();
  await trials.cluster.powerOff("node2");
}

/** A command of the engine's, as an administrator types it on node1. */
async function hares(...args: readonly string[]): Promise<void> {
  const [program, ...words] = trials.cluster.lab.on("node1").command;
  await run(program, [...words, join(one.folder, "engine/bin/hares"), ...args]);
}

describe("a doubt whose other host is gone for good", () => {
  it("names two commands, is UNKNOWN until Enabled is 0 and 1 again, and then a fault that is cleaned; the guest starts here", async () => {
    await leaveDoubt("doubted");
    await until("the doubt is told", () => one.engine.state("doubted").includes("UNKNOWN"));
    await until("why is told", () => trial.reason("node1").includes("decide with: "));
    const commands = trial.reason("node1").split("decide with: ")[1]?.split(" and ") ?? [];
    const machine = trials.cluster.lab.on("node1");

    const [here = "", there = ""] = commands;
    expect((await machine.exec("sh", ["-c", here])).stdout).toBe("shut off (crashed)");
    await expect(machine.exec("timeout", ["2", "sh", "-c", there])).rejects.toThrow(/ended with/);
    await one.engine.probe("doubted");
    expect(one.engine.state("doubted")).toContain("UNKNOWN");
    await new Resource(one, "doubted", { GuestName: "doubted" }).online();
    const refused = JSON.stringify(trial.said("node1", "entry point failed", { entryPoint: "online" }));
    expect(refused).toContain("guest doubted is not started: ");
    expect(await trial.emulators()).toEqual([]);

    await hares("-modify", "doubted", "Enabled", "0");
    await until("the record goes", async () => (await trial.record("node1")) === undefined);
    await hares("-modify", "doubted", "Enabled", "1");

    // the engine had it ONLINE: that it is not is a fault to it, and this group starts nothing again
    await until("the engine has cleaned", () => one.engine.state("doubted") === "FAULTED");
    expect(await one.engine.clear("doubted")).toBe("OFFLINE");
    expect(await one.engine.online("doubted")).toBe("ONLINE");
    expect(await domainState(one.libvirtd, "doubted")).toBe("running (booted)");
    expect(await trial.emulators()).toEqual(["node1"]);
  });
});

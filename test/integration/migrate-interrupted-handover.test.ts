import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { domainState, killEmulator, waitForState } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };
const ON_TARGET = { emulators: ["node2"], states: ["OFFLINE", "ONLINE"], deeds: [], bothOnline: 0 };

/** A hand-over is held for as long: then libvirt lets the source go on. */
const KEEPALIVE = ["keepalive_interval = 2", "keepalive_count = 6"];

/** Source: qemu_migration.c, the phases of a migration, which libvirt keeps in the status of a domain. */
const ASKED = "phase='perform3_done'";

const COMMANDS =
  /decide with: virsh -c 'qemu:\/\/\/system' domstate --reason "\S+" and virsh -c 'qemu\+tcp:\/\/node2\/system' domstate --reason "\S+"$/;

const LEFT_OVER = "what a migration left of the guest is ended, the other end proves it dead";

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials(
    { "source-killed": "", "libvirtd-killed": "", "by-hand": "", "by-hand-lost": "", twice: "" },
    { libvirtd: () => ({ libvirtdConf: KEEPALIVE, qemuConf: KEEPALIVE }) },
  );
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

/**
 * Holds a migration in the moment in which the source stands still, all its memory is on the target, and the target is to
 * go on: the target's libvirtd, which has to let it, is frozen.
 */
async function holdHandOver(): Promise<void> {
  await two.libvirtd.freeze();
  await trial.letGo();
  const status = join(one.libvirtd.runDirectory, `${trial.name}.xml`);
  // before that a libvirtd that comes back lets the source go on
  await until("the target was asked", async () => (await readFile(status, "utf8")).includes(ASKED));
  await waitForState(one.libvirtd, trial.name, "paused (migrating)");
}

describe("a migration that is interrupted at the hand-over", () => {
  it("leaves a doubt and no fault when the source's emulator is killed, until the target tells", async () => {
    trial = await trials.begin("source-killed");
    const { ended } = await trial.migrate();
    await holdHandOver();

    await killEmulator(one.libvirtd, "source-killed");
    await waitForState(one.libvirtd, "source-killed", "shut off (crashed)");
    const monitor = new Resource(one, "source-killed", { GuestName: "source-killed" }).monitor();

    expect(await monitor).toBe(MONITOR.unknown);
    expect(trial.reason("node1")).toMatch(/its migration to node2 is not decided yet$/);
    two.libvirtd.thaw();
    await ended;
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    expect(trial.said("node1", "guest has migrated")).toMatchObject([{ end: "moved" }]);
  });

  it("ends what is left on the source when libvirtd is killed there, as the guest runs on the target", async () => {
    trial = await trials.begin("libvirtd-killed");
    const { ended } = await trial.migrate();
    await holdHandOver();

    await one.libvirtd.kill();
    await one.libvirtd.restart();
    expect(await domainState(one.libvirtd, "libvirtd-killed")).toBe("paused (migrating)");
    two.libvirtd.thaw();

    await ended;
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    expect(trial.said("node1", LEFT_OVER)).toMatchObject([{ on: "this host", target: "running (migrated)" }]);
    expect(trial.said("node1", "guest has migrated")).toMatchObject([{ end: "moved" }]);
    expect(trial.reason("node1")).toContain("it left for node2, recorded at");
  });

  it("does the same for a migration by hand", async () => {
    trial = await trials.begin("by-hand");
    const { ended } = await trial.migrateByHand();
    await holdHandOver();

    await one.libvirtd.kill();
    await one.libvirtd.restart();
    two.libvirtd.thaw();

    expect(await ended).toContain("Disconnected from");
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    expect(trial.said("node1", LEFT_OVER)).toMatchObject([{ on: "this host", target: "running (migrated)" }]);
    expect(await trial.record("node1")).toMatchObject({ kind: "left", peer: "node2" });
  });

  it("leaves one that stands still as it is when it is nowhere else, until somebody resumes it", async () => {
    trial = await trials.begin("by-hand-lost");
    const { ended } = await trial.migrateByHand();
    await holdHandOver();

    await Promise.all([one.libvirtd.kill(), two.libvirtd.kill()]);
    await ended;
    await Promise.all([one.libvirtd.restart(), two.libvirtd.restart()]);
    await until("it is suspected", async () => (await trial.record("node1")) !== undefined);

    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(one.engine.confidence("by-hand-lost")).toBe(20);
    expect(await domainState(one.libvirtd, "by-hand-lost")).toBe("paused (migrating)");
    await one.libvirtd.virsh("resume", "by-hand-lost");
    await until("it is no suspect", async () => (await trial.record("node1")) === undefined);
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(one.engine.confidence("by-hand-lost")).toBe(100);
  });

  it("leaves a doubt when libvirt lets it go on on both hosts, until somebody ends one", async () => {
    trial = await trials.begin("twice");
    const { ended } = await trial.migrate();
    await holdHandOver();

    await waitForState(one.libvirtd, "twice", "running (migration canceled)");
    two.libvirtd.thaw();
    await ended;
    expect(await trial.emulators()).toEqual(["node1", "node2"]);
    const both = "it runs on BOTH hosts, end one of the two by force at once";
    await until("both are read", () => trial.reason("node1").includes(both));
    expect(trial.reason("node1")).toMatch(COMMANDS);
    expect(one.engine.state("twice")).toBe("ONLINE|STATE UNKNOWN");
    await one.libvirtd.virsh("destroy", "twice");

    // the engines may have held it for ONLINE on both, as long as that was true
    const rest = await trial.rest(["OFFLINE", "ONLINE"]);
    expect({ ...rest, bothOnline: 0 }).toEqual(ON_TARGET);
    expect(trial.said("node1", "end of a migration is known")).toMatchObject([
      { end: "moved", peer: "node2" },
    ]);
    expect(trial.said("node1", LEFT_OVER)).toEqual([]);
  });
});

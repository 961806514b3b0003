import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Resource } from "../support/host/resource.ts";
import { tell } from "../support/lab/boot-sector.ts";
import { killEmulator } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { matching } from "../support/matching.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };
const ON_TARGET = { emulators: ["node2"], states: ["OFFLINE", "ONLINE"], deeds: [], bothOnline: 0 };
const NOWHERE = { emulators: [], states: ["OFFLINE", "OFFLINE"], bothOnline: 0 };

/** The daemon aborts 14 s after the begin, and has 4 s for the end. */
const LATE = "MigrateTimeout = 20";

/** An engine that no longer waits for the end of a migration takes that of the guest for a fault. */
const WAITS = "MigrateWaitLimit = 20";

let trials: Trials;
let trial: Trial;

beforeAll(async () => {
  trials = await makeTrials({
    aborted: "",
    "source-killed": WAITS,
    "libvirtd-killed": "",
    "daemon-killed": "",
    "shim-killed": "",
    late: LATE,
    "late-alone": LATE,
    cleaned: WAITS,
    "powered-off": WAITS,
  });
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

describe("a migration that is interrupted on the source", () => {
  it("leaves the guest where it runs when its job is aborted", async () => {
    trial = await trials.begin("aborted");
    const { ended } = await trial.migrate();

    await trials.cluster.on("node1").libvirtd.virsh("domjobabort", "aborted");

    expect(await ended).toBe("ONLINE");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(trial.reason("node1")).toBe("libvirt says running (booted)");
    expect(trial.reason("node2")).toMatch(/^not defined on this host/);
    expect(trial.said("node1", "guest has not migrated")).toMatchObject([
      { end: "stayed", reason: matching(/canceled by client; libvirt here says running/) },
    ]);
    expect(await trial.record("node1")).toBeUndefined();
  });

  it("says that the guest is lost when its emulator is killed there", async () => {
    trial = await trials.begin("source-killed");
    const { ended } = await trial.migrate();

    await killEmulator(trials.cluster.on("node1").libvirtd, "source-killed");

    expect(await ended).toBe("OFFLINE");
    expect(await trial.rest(["OFFLINE", "OFFLINE"])).toEqual({ ...NOWHERE, deeds: [] });
    expect(trial.reason("node1")).toContain("its last run ended: crashed or killed");
    expect(trial.said("node1", "guest has not migrated")).toMatchObject([
      { end: "lost", reason: matching(/shut off \(crashed\), node2: not defined/) },
    ]);
  });

  it("says that the guest is lost when it powers itself off meanwhile", async () => {
    trial = await trials.begin("powered-off");
    const { ended } = await trial.migrate();

    await tell(trials.cluster.on("node1").libvirtd, "powered-off", "poweroff");

    expect(await ended).toBe("OFFLINE");
    expect(await trial.rest(["OFFLINE", "OFFLINE"])).toEqual({ ...NOWHERE, deeds: [] });
    expect(trial.reason("node1")).toContain("its last run ended: powered off from inside");
    expect(trial.said("node1", "guest has not migrated")).toMatchObject([{ end: "lost" }]);
  });

  it("leaves the guest where it runs when libvirtd is killed there and comes back", async () => {
    trial = await trials.begin("libvirtd-killed");
    const { ended } = await trial.migrate();
    const { libvirtd } = trials.cluster.on("node1");

    await libvirtd.kill();
    await libvirtd.restart();

    expect(await ended).toBe("ONLINE");
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(trial.said("node1", "guest has not migrated")).toMatchObject([
      { end: "stayed", reason: matching(/no reply to domain_migrate_perform3_params/) },
    ]);
    expect(await trial.record("node1")).toBeUndefined();
  });

  it("goes on when the daemon is killed, and the next one finds out where the guest is", async () => {
    trial = await trials.begin("daemon-killed");
    const { ended } = await trial.migrate();
    const { daemon } = trials.cluster.on("node1");

    await daemon.kill();
    await daemon.start();

    expect(await trial.record("node1")).toMatchObject({ kind: "moving", peer: "node2", uuid: trial.uuid });
    expect(await ended).toMatch(/^ONLINE/);
    expect(await trial.emulators()).toEqual(["node1", "node2"]);
    await trial.letGo();
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    await until("its end is known", () => trial.said("node1", "end of a migration is known").length > 0);
    expect(trial.said("node1", "end of a migration is known")).toMatchObject([
      { end: "moved", peer: "node2" },
    ]);
    expect(await trial.record("node1")).toMatchObject({ kind: "left", peer: "node2" });
    expect(trial.reason("node1")).toContain("shut off (migrated)");
  });

  it("goes on when its shim is killed", async () => {
    trial = await trials.begin("shim-killed");
    const { ended } = await trial.migrate();

    await trial.killShim();

    expect(await ended).toBe("ONLINE");
    expect(trial.said("node1", "guest has migrated")).toEqual([]);
    await trial.letGo();
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    expect(trial.said("node1", "guest has migrated")).toMatchObject([{ target: "node2", end: "moved" }]);
  });

  it("is aborted when MigrateTimeout is near, whether or not its shim still waits", async () => {
    const alone = await trials.begin("late-alone");
    await alone.migrate();
    await alone.killShim();
    trial = await trials.begin("late");
    const { ended } = await trial.migrate();

    expect(await ended).toBe("ONLINE");
    for (const late of [trial, alone]) {
      await until("its end is known", () => late.said("node1", "guest has not migrated").length > 0);
      expect(await late.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
      expect(late.said("node1", "migration is aborted")).toMatchObject([{ target: "node2" }]);
      expect(late.said("node1", "guest has not migrated")).toMatchObject([{ end: "stayed" }]);
      expect(await late.record("node1")).toBeUndefined();
    }
    await alone.end();
  });

  it("is aborted by a clean, which ends the guest here, and nothing is left on the target", async () => {
    trial = await trials.begin("cleaned");
    const { ended } = await trial.migrate();
    const resource = new Resource(trials.cluster.on("node1"), "cleaned", { GuestName: "cleaned" });

    const { exitCode } = await resource.clean(5);

    expect(exitCode).toBe(0);
    await ended;
    expect(await trial.rest(["OFFLINE", "OFFLINE"])).toEqual({ ...NOWHERE, deeds: [] });
    expect(trial.said("node1", "guest is proved gone")).toHaveLength(1);
    expect(await trial.record("node1")).toBeUndefined();
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };

/** The daemon aborts 14 s after the begin. */
const LATE = "MigrateTimeout = 20";

let trials: Trials;
let trial: Trial;

beforeAll(async () => {
  trials = await makeTrials({ late: LATE, "by-hand": LATE });
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

describe("a migration whose daemon is killed before its time is over", () => {
  it("is aborted by the next daemon when it is, and the guest stays", async () => {
    trial = await trials.begin("late");
    const { ended } = await trial.migrate();
    const { daemon } = trials.cluster.on("node1");

    await daemon.kill();
    const record = await trial.record("node1");
    await daemon.start();

    expect(record).toMatchObject({ kind: "moving", peer: "node2", uuid: trial.uuid });
    expect(await ended).toMatch(/^ONLINE/);
    await until("its end is known", () => trial.said("node1", "end of a migration is known").length > 0);
    expect(trial.said("node1", "migration is aborted")).toMatchObject([{ target: "node2" }]);
    expect(trial.said("node1", "end of a migration is known")).toMatchObject([
      { end: "stayed", peer: "node2" },
    ]);
    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    expect(trial.reason("node1")).toBe("libvirt says running (booted)");
    await until("its record is gone", async () => (await trial.record("node1")) === undefined);
  });

  it("and that was ended meanwhile leaves one that a person began since then alone", async () => {
    trial = await trials.begin("by-hand");
    await trial.migrate();
    const { daemon, libvirtd } = trials.cluster.on("node1");
    await daemon.kill();
    const record: unknown = await trial.record("node1");
    await libvirtd.virsh("domjobabort", "by-hand");
    await until("it has ended", async () => (await trial.emulators()).length === 1);
    await until("its time is over", () => Date.now() > abortAt(record));
    const { ended } = await trial.migrateByHand();

    await daemon.start();
    await until("the daemon has looked at it", () => daemon.said("daemon serves").length > 1);
    await trial.rest(["ONLINE", "OFFLINE"]);
    await trial.rest(["ONLINE", "OFFLINE"]);

    expect(await trial.emulators()).toEqual(["node1", "node2"]);
    await trial.letGo();
    expect(await ended).toBeUndefined();
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toMatchObject({ emulators: ["node2"], bothOnline: 0 });
    expect(trial.said("node1", "migration is aborted")).toEqual([]);
  });
});

function abortAt(record: unknown): number {
  const asked = isRecord(record) ? record["asked"] : undefined;
  return Date.parse(String(isRecord(asked) ? asked["abortAt"] : undefined));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

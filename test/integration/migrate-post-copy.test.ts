import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { waitForState } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_TARGET = { emulators: ["node2"], states: ["OFFLINE", "ONLINE"], deeds: [], bothOnline: 0 };

/** Longer than MigrateTimeout: a frozen libvirtd is waited for. */
const KEEPALIVE = ["keepalive_interval = 2", "keepalive_count = 60"];

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials(
    { "post-copy-late": "MigrateTimeout = 20" },
    {
      libvirtd: () => ({ libvirtdConf: KEEPALIVE, qemuConf: KEEPALIVE }),
      configuration: () => "migration: { postCopy: true }",
    },
  );
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

describe("a migration in post-copy", () => {
  it("is not aborted when MigrateTimeout passes, and ends well", async () => {
    trial = await trials.begin("post-copy-late");
    const { ended } = await trial.migrate();
    // it has to let the guest go on there, so the post-copy lasts as long as it stands still
    await two.libvirtd.freeze();
    await waitForState(one.libvirtd, "post-copy-late", "paused (post-copy)");

    const shown = await ended;

    expect(shown).not.toMatch(/FAULTED/);
    expect(trial.said("node1", "guest has migrated")).toEqual([]);
    two.libvirtd.thaw();
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    expect(
      trial.said("node1", "migration turns to post-copy, the guest runs on the target from now on"),
    ).toHaveLength(1);
    for (const message of ["migration is aborted", "migration could not be aborted"])
      expect(trial.said("node1", message)).toEqual([]);
    const isLeft = async () => JSON.stringify(await trial.record("node1")).includes('"left"');
    await until("its record says that it left", isLeft);
  });
});

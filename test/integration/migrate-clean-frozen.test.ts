import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { Resource } from "../support/host/resource.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

/** Source: qemu_migration.c, the phases of a migration, which libvirt keeps in the status of a domain. */
const ASKED = "phase='perform3_done'";

/** A frozen libvirtd is waited for until it goes on. */
const KEEPALIVE = ["keepalive_interval = 2", "keepalive_count = 60"];

const CLEAN_TIMEOUT_S = 20;

/** The clean is called by hand: the source's engine, which knows of none, faults a guest that it no longer waits for. */
const WAITS = "MigrateWaitLimit = 20";

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials(
    { transfer: WAITS, "hand-over": WAITS },
    { libvirtd: () => ({ libvirtdConf: KEEPALIVE, qemuConf: KEEPALIVE }) },
  );
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

/** Calls clean on the source, and tells its exit code and where emulators were left at that moment. */
async function clean(): Promise<{ readonly exitCode: number; readonly onSource: boolean }> {
  const resource = new Resource(one, trial.name, { GuestName: trial.name });
  const { exitCode, ms } = await resource.clean(5, { timeoutS: CLEAN_TIMEOUT_S });
  expect(ms).toBeLessThan(CLEAN_TIMEOUT_S * 1000);
  return { exitCode, onSource: (await trial.emulators()).includes("node1") };
}

describe("a clean of a migrating guest while libvirtd of the source is frozen", () => {
  it("ends the guest itself, in its time, and nothing of it is left anywhere", async () => {
    trial = await trials.begin("transfer");
    const { ended } = await trial.migrate();
    await one.libvirtd.freeze();

    expect(await clean()).toEqual({ exitCode: 0, onSource: false });

    one.libvirtd.thaw();
    await ended;
    await until("nothing is left", async () => (await trial.emulators()).length === 0);
    expect(await trial.rest(["OFFLINE", "OFFLINE"])).toMatchObject({ emulators: [], bothOnline: 0 });
  });

  it("leaves it on at most one host when it was handed over meanwhile", async () => {
    trial = await trials.begin("hand-over");
    const { ended } = await trial.migrate();
    await two.libvirtd.freeze();
    await trial.letGo();
    const status = join(one.libvirtd.runDirectory, "hand-over.xml");
    await until("the target was asked", async () => (await readFile(status, "utf8")).includes(ASKED));
    await one.libvirtd.freeze();

    expect(await clean()).toEqual({ exitCode: 0, onSource: false });

    two.libvirtd.thaw();
    one.libvirtd.thaw();
    await ended;
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toMatchObject({ emulators: ["node2"], bothOnline: 0 });
  });
});

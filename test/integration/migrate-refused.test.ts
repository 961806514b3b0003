import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { domainState } from "../support/lab/guest.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

const ON_SOURCE = { emulators: ["node1"], states: ["ONLINE", "OFFLINE"], deeds: [], bothOnline: 0 };
const ON_TARGET = { emulators: ["node2"], states: ["OFFLINE", "ONLINE"], deeds: [], bothOnline: 0 };

const SITES = "sites: { east: [node1], west: [node2] }";

/** DROpts as the engine passes it. */
const FOR_DISASTERS = ["DROpts", "2", "ConfigureNetwork", "1"];

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials(
    { refused: "", "second-by-engine": "", "second-by-hand": "", suspended: "", "post-copy": "" },
    { configuration: () => SITES },
  );
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

describe("a migration that cannot be", () => {
  it("is refused at once, with the reason, and the guest stays as it is", async () => {
    trial = await trials.begin("refused");

    expect(await trial.callMigrate("node1")).toBe(
      "guest refused is not migrated to node1: it is this system itself",
    );
    expect(await trial.callMigrate("node3")).toBe(
      "guest refused is not migrated to node3: no such host: the peers of the configuration are node2",
    );
    expect(await trial.callMigrate("node2", FOR_DISASTERS)).toMatch(
      /^guest refused is not migrated to node2: it is configured for disaster recovery .* \(east and west\)/,
    );
    await two.libvirtd.kill();
    expect(await trial.callMigrate("node2")).toMatch(
      /^guest refused is not migrated to node2: the target cannot be read \(connecting to the libvirtd of node2.*ECONNREFUSED\)\)$/,
    );
    await two.libvirtd.restart();

    expect(await trial.rest(["ONLINE", "OFFLINE"])).toEqual(ON_SOURCE);
    await one.libvirtd.virsh("destroy", "refused");
    await trial.rest(["FAULTED", "OFFLINE"]);
    expect(await trial.callMigrate("node2")).toMatch(
      /^guest refused is not migrated to node2: it does not run here: libvirt says shut off \(destroyed\)/,
    );
    expect(trial.said("node1", "migration recorded")).toEqual([]);
  });

  it("is refused while one runs that the engine asked for, which goes on", async () => {
    trial = await trials.begin("second-by-engine");
    const { ended } = await trial.migrate();

    expect(await trial.callMigrate("node2")).toMatch(/a migration of it runs already$/);

    await trial.letGo();
    await ended;
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
  });

  it("is refused while one runs that somebody asked virsh for, which goes on", async () => {
    trial = await trials.begin("second-by-hand");
    const { ended } = await trial.migrateByHand();

    expect(await trial.callMigrate("node2")).toMatch(/a migration of it runs already$/);
    expect(await trial.record("node1")).toBeUndefined();

    await trial.letGo();
    expect(await ended).toBeUndefined();
    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
  });
});

describe("a migration", () => {
  it("leaves a suspended guest suspended", async () => {
    trial = await trials.begin("suspended");
    await trial.letGo();
    await one.libvirtd.virsh("suspend", "suspended");
    await trial.rest(["OFFLINE", "OFFLINE"]);

    expect(await trial.callMigrate("node2")).toBeUndefined();

    expect(await trial.rest(["OFFLINE", "OFFLINE"])).toEqual({
      ...ON_TARGET,
      states: ["OFFLINE", "OFFLINE"],
    });
    expect(await domainState(two.libvirtd, "suspended")).toBe("paused (user)");
    expect(trial.reason("node1")).toContain("shut off (migrated)");
    expect(trial.reason("node2")).toContain("paused (user)");
  });

  it("turns to post-copy where that is configured", async () => {
    await one.configure(`${trials.configuration("node1")}\nmigration: { postCopy: true }`);
    one.daemon.signal("SIGHUP");
    await one.daemon.waitForLine("configuration reloaded");
    trial = await trials.begin("post-copy");

    await one.engine.migrate("post-copy", "node2");

    expect(await trial.rest(["OFFLINE", "ONLINE"])).toEqual(ON_TARGET);
    expect(
      trial.said("node1", "migration turns to post-copy, the guest runs on the target from now on"),
    ).toHaveLength(1);
    expect(trial.said("node1", "migration is aborted")).toEqual([]);
  });
});

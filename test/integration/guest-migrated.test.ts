import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../support/host/host.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { domainState, killEmulator, waitForState } from "../support/lab/guest.ts";
import { migrateGuest } from "../support/lab/migrate.ts";
import { until } from "../support/lab/until.ts";
import { makeTrials, type Trial, type Trials } from "../support/migrations/trial.ts";

let trials: Trials;
let trial: Trial;
let one: Host;
let two: Host;

beforeAll(async () => {
  trials = await makeTrials({ unproved: "", proved: "" });
  [one, two] = [trials.cluster.on("node1"), trials.cluster.on("node2")];
});

afterEach(() => trial.end());

afterAll(() => trials.stop());

/** A guest that runs on node1 and is known to the daemon there, but not to the engine: it must not act meanwhile. */
async function knownToDaemon(name: string): Promise<Resource> {
  trial = await trials.begin(name);
  await trial.letGo();
  await Promise.all([one, two].map((host) => host.engine.disable(name)));
  const resource = new Resource(one, name, { GuestName: name });
  await resource.open();
  expect(await resource.monitor()).toBe(MONITOR.online);
  return resource;
}

/** As `hares -action RES guestmigrated -sys node1`. */
function guestMigrated(): Promise<{ readonly exitCode: number; readonly output: string }> {
  return one.engine.action(trial.name, "guestmigrated");
}

describe("the action guestmigrated, called by hand", () => {
  it("is refused while the guest runs, and after an end that was no migration", async () => {
    const resource = await knownToDaemon("unproved");

    expect(await guestMigrated()).toEqual({
      exitCode: 1,
      output: "guest unproved has not left this host: libvirt says running (booted); nothing is recorded\n",
    });

    await killEmulator(one.libvirtd, "unproved");
    await waitForState(one.libvirtd, "unproved", "shut off (crashed)");
    const refused = await guestMigrated();
    expect(refused.exitCode).toBe(1);
    expect(refused.output).toContain(
      "nothing proves that it migrated: libvirt here says shut off (crashed), other hosts: not active on any peer",
    );
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(await trial.record("node1")).toBeUndefined();
  });

  it("records what a peer proves though libvirt has forgotten it, until the guest comes back", async () => {
    const resource = await knownToDaemon("proved");
    const [here, there] = [trials.cluster.lab.on("node1"), trials.cluster.lab.on("node2")];
    await one.daemon.stop();
    await migrateGuest("proved", here, there);
    await one.libvirtd.restart();
    expect(await domainState(one.libvirtd, "proved")).toBe("shut off (unknown)");
    await one.startDaemon();
    expect(await resource.monitor()).toBe(MONITOR.offline);

    await two.libvirtd.kill();
    expect((await guestMigrated()).output).toMatch(/nothing proves that it migrated: .*cannot be read/);
    await two.libvirtd.restart();
    const accepted = await guestMigrated();

    expect(accepted.output).toMatch(/^guest proved left for node2, which is recorded \(.*running/);
    expect(accepted.exitCode).toBe(0);
    expect(await resource.monitor()).toBe(MONITOR.intentional);
    expect(await trial.record("node1")).toMatchObject({ kind: "left", peer: "node2", uuid: trial.uuid });
    expect((await guestMigrated()).exitCode).toBe(0);

    await one.daemon.kill();
    await one.startDaemon();
    expect(await resource.monitor()).toBe(MONITOR.intentional);
    expect(resource.lastMonitor?.["reason"]).toContain("it left for node2, recorded at");

    await migrateGuest("proved", there, here);
    await until("it is known to be back", async () => (await resource.monitor()) === MONITOR.online);
    expect(await trial.record("node1")).toBeUndefined();
  });
});

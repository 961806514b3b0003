import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pause } from "../../../src/deadline.ts";
import { type MigrateContext, migrate } from "../../../src/entry-points/migrate.ts";
import type { MigrationEnd, MigrationPlan, MigrationProgress } from "../../../src/migration.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online } from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { aReading, FakePlatform, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const never = new AbortController().signal;
const SITES: Readonly<Record<string, string>> = { node1: "east", node2: "east", node3: "west" };

let clock: VirtualClock;
let platform: FakePlatform;
let log: RecordingLog;
let plans: MigrationPlan[];
let seen: MigrationProgress[];

beforeEach(() => {
  clock = new VirtualClock();
  platform = new FakePlatform();
  platform.readings.set("web1", RUNNING);
  log = new RecordingLog();
  plans = [];
  seen = [];
});

afterEach(() => {
  clock.stop();
});

/** The platform's migrate, which remembers its plan. */
function ends(end: MigrationEnd, work: (plan: MigrationPlan) => Promise<void> = async () => undefined): void {
  platform.deeds.migrate = async (_guest, plan) => {
    plans.push(plan);
    await work(plan);
    return end;
  };
}

function ask(changes: Partial<MigrateContext> = {}, budgetMs = 270_000): Promise<MigrationEnd> {
  const context: MigrateContext = {
    resource: "web1_res",
    attributes: attributesOfGuest("web1"),
    platform,
    log,
    target: "node2",
    system: "node1",
    siteOf: () => undefined,
    onMoving: () => Promise.resolve(),
    onProgress: (one) => void seen.push(one),
    ...changes,
  };
  return clock.until(migrate(context, budgetMs, never));
}

function withDisasterRecovery() {
  const attributes = attributesOfGuest("web1");
  return { ...attributes, drOpts: { ...attributes.drOpts, configureNetwork: true } };
}

describe("migrate", () => {
  it("hands the guest to the platform, and tells in the log what became of it", async () => {
    ends({ kind: "moved", why: "libvirt says it is done" }, (plan) => plan.onMoving("a UUID"));
    const moving: string[] = [];
    const onMoving = async (uuid: string, ms: number) =>
      void moving.push(`${uuid} ${ms} ${log.entries.length}`);

    expect(await ask({ onMoving })).toEqual({ kind: "moved", why: "libvirt says it is done" });
    expect(moving).toEqual(["a UUID 240000 0"]);
    expect(platform.calls).toEqual(["read web1", "migrate web1 node2"]);
    expect(log.entries).toMatchObject([
      { level: "info", message: "guest is being migrated", fields: { target: "node2" } },
      {
        level: "info",
        message: "guest has migrated",
        fields: { target: "node2", end: "moved", reason: "libvirt says it is done" },
      },
    ]);
  });

  it.each(["stayed", "lost", "doubtful"] as const)("says loudly that the guest has %s", async (kind) => {
    ends({ kind, why: "no room" });
    await ask();

    expect(log.entries.at(-1)).toMatchObject({
      level: "error",
      message: "guest has not migrated",
      fields: { end: kind, reason: "no room" },
    });
  });

  it.each([
    ["runs", RUNNING],
    ["is suspended by a person", aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" })],
  ])("takes a guest that %s", async (_what, reading) => {
    platform.readings.set("web1", reading);
    await ask();

    expect(platform.count("migrate")).toBe(1);
  });

  it.each([
    ["no target is named", { target: undefined }, "BAD_ATTRIBUTE", /VCSInfo names no target host/],
    ["the target is this system", { target: "node1" }, "REFUSED", /to node1: it is this system itself$/],
    [
      "a guest with disaster recovery is to go to another site (scenario 76)",
      { target: "node3", attributes: withDisasterRecovery(), siteOf: (system: string) => SITES[system] },
      "REFUSED",
      /it is configured for disaster recovery \(DROpts\).*different sites \(east and west\); switch the group/,
    ],
    [
      "a guest with disaster recovery is to go to a system of no site",
      { target: "node9", attributes: withDisasterRecovery(), siteOf: (system: string) => SITES[system] },
      "REFUSED",
      /different sites \(east and no site\)/,
    ],
  ] as const)("refuses before anything is read when %s", async (_what, changes, code, words) => {
    const error = await errorOf(ask(changes));

    expect(error).toMatchObject({ code });
    expect(String(error)).toMatch(words);
    expect(platform.calls).toEqual([]);
  });

  it.each([
    ["within its site", { target: "node2", siteOf: (system: string) => SITES[system] }],
    ["where no sites are configured", { target: "node3" }],
  ])("takes a guest with disaster recovery %s", async (_what, changes) => {
    await ask({ attributes: withDisasterRecovery(), ...changes });

    expect(platform.count("migrate")).toBe(1);
  });

  it("takes a guest of RHEV-M with disaster recovery to a system of another site: its cluster decides", async () => {
    const attributes = withDisasterRecovery();
    const rhevmInfo = { ...attributes.rhevmInfo, enabled: true };
    await ask({
      target: "node3",
      attributes: { ...attributes, rhevmInfo },
      siteOf: (system: string) => SITES[system],
    });

    expect(platform.calls).toEqual(["read web1", "migrate web1 node3"]);
  });

  it("takes a guest without disaster recovery to another site", async () => {
    await ask({ target: "node3", siteOf: (system: string) => SITES[system] });

    expect(platform.count("migrate")).toBe(1);
  });

  it.each([
    ["it is off", STOPPED, /it does not run here: told by the test$/],
    ["it left", aReading({ state: INTENTIONAL_OFFLINE, moved: "away" }), /it does not run here/],
    ["a migration runs (scenario 74)", { ...RUNNING, migrating: true }, /its state does not allow it/],
    ["it is ill", aReading({ state: online(20), active: true }), /its state does not allow it/],
    [
      "libvirt does not answer",
      aReading({ state: online(30), active: true, source: "emulator" }),
      /its state does not allow it/,
    ],
    [
      "it sleeps",
      aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "asleep" }),
      /does not allow it/,
    ],
    ["it is faulted", aReading({ state: OFFLINE, active: true }), /does not allow it/],
    ["nobody knows", aReading({ active: undefined }), /its state does not allow it/],
  ])("refuses a guest before anything is asked of it when %s", async (_what, reading, words) => {
    platform.readings.set("web1", reading);
    const error = await errorOf(ask());

    expect(error).toMatchObject({ code: "REFUSED" });
    expect(String(error)).toMatch(words);
    expect(platform.calls).toEqual(["read web1"]);
  });

  it.each([
    [270_000, 240_000],
    [100_000, 80_000],
    [27_000, 21_600],
    [5000, 3000],
  ])("keeps of %i ms so much for the end that it is aborted after %i ms", async (budgetMs, abortAfterMs) => {
    ends({ kind: "moved", why: "" });
    await ask({}, budgetMs);

    expect(plans[0]?.abortAfterMs).toBeCloseTo(abortAfterMs);
  });

  it("takes what the first reading cost from the time of the migration, not from that of its end", async () => {
    platform.deeds.read = async () => {
      await pause(4000, never);
      return RUNNING;
    };
    ends({ kind: "moved", why: "" });
    await ask({}, 27_000);

    expect(plans[0]?.abortAfterMs).toBeCloseTo(17_600);
  });

  it("begins nothing that it would have to abort at once", async () => {
    expect(String(await errorOf(ask({}, 1900)))).toMatch(/its time was over before it could begin$/);
    expect(platform.count("migrate")).toBe(0);
  });

  it("shows each step of its progress, and logs one every 10 s", async () => {
    ends({ kind: "moved", why: "" }, async (plan) => {
      for (let left = 100; left > 0; left -= 2) {
        plan.onProgress({ remainingMiB: left, mibPerS: 4, expectedS: left / 4, downtimeMs: undefined });
        await pause(500, never);
      }
    });
    await ask();

    const logged = log.entries.filter(({ message }) => message === "migration goes on");
    expect(seen).toHaveLength(50);
    expect(logged.map(({ fields }) => fields["remainingMiB"])).toEqual([100, 60, 20]);
    expect(logged[0]).toMatchObject({
      level: "info",
      fields: { target: "node2", mibPerS: 4, expectedS: 25 },
    });
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { pause } from "../../../src/deadline.ts";
import type { MigrationEnd, MigrationPlan } from "../../../src/migration.ts";
import { INTENTIONAL_OFFLINE } from "../../../src/resource-state.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { aRecord } from "../../support/fakes/memory-migrations.ts";
import { requestArguments } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const never = new AbortController().signal;
const RUNS = aReading({ ...RUNNING, uuid: UUID });
const LEFT = aReading({ state: INTENTIONAL_OFFLINE, moved: "away", uuid: UUID });

let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(async () => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  host.platform.readings.set("web1", RUNS);
  await host.ask("monitor"); // the engine knows it as ONLINE
});

afterEach(() => {
  clock.stop();
});

/** The engine's call. Source of VCSInfo's encodings: Agent Developer's Guide 7.3; it is not documented. */
function migrate(more: readonly string[] = ["VCSInfo", "2", "TargetHost", "node2"], timeoutS = 300) {
  const args = requestArguments("web1_res", { GuestName: "web1" });
  return clock.until(host.raw("migrate", [...args, ...more, "AEPTimeout", "1", String(timeoutS)]));
}

/** What the platform does from the moment in which the migration is recorded. */
function platformMigrates(work: (plan: MigrationPlan, signal: AbortSignal) => Promise<MigrationEnd>): void {
  host.platform.deeds.migrate = async (_guest, plan, signal) => {
    await plan.onMoving(UUID);
    return work(plan, signal);
  };
}

function record() {
  return host.migrations.saved.get("web1");
}

describe("the operation migrate (scenario 65)", () => {
  it("records the migration before it is asked for, then where the guest went, and answers 0", async () => {
    const seen: unknown[] = [];
    platformMigrates(async () => {
      seen.push(record()?.kind);
      host.platform.readings.set("web1", LEFT);
      return { kind: "moved", why: "both ends say so", peer: "node2" };
    });

    expect(await migrate()).toBe(0);
    expect(seen).toEqual(["moving"]);
    expect(record()).toMatchObject({ kind: "left", uuid: UUID, peer: "node2" });
    expect(host.looked).toEqual(["web1"]);
    expect(await host.ask("monitor")).toBe(200);
  });

  it.each([
    [["VCSInfo", "1", "node2"], "node2"],
    [["VCSInfo", "2", "TargetHost", "node3"], "node3"],
  ])("reads the target out of %j", async (more, target) => {
    await migrate(more);

    expect(host.platform.calls).toContain(`migrate web1 ${target}`);
  });

  it("still says ONLINE while it runs and INTENTIONAL OFFLINE once the guest has left, before its own end", async () => {
    const told: number[] = [];
    platformMigrates(async () => {
      told.push(await host.ask("monitor"));
      host.platform.readings.set("web1", aReading({ ...RUNS, migrating: true }));
      told.push(await host.ask("monitor"));
      host.platform.readings.set("web1", LEFT);
      told.push(await host.ask("monitor"));
      return { kind: "moved", why: "both ends say so" };
    });
    await migrate();

    expect(told).toEqual([110, 110, 200]);
  });

  it("says nothing for sure of a guest that is off otherwise while the end is not known", async () => {
    const told: number[] = [];
    platformMigrates(async () => {
      host.platform.readings.set("web1", aReading({ uuid: UUID }));
      told.push(await host.ask("monitor"));
      return { kind: "lost", why: "on neither host" };
    });
    await migrate();

    expect(told).toEqual([99]);
    expect(await host.ask("monitor")).toBe(100);
    expect(record()).toMatchObject({ kind: "lost" });
  });

  it("leaves no record of one that failed, and the guest ONLINE (scenario 66)", async () => {
    platformMigrates(async () => ({ kind: "stayed", why: "no room on node2" }));

    expect(await migrate()).toBe(0);
    expect(record()).toBeUndefined();
    expect(await host.ask("monitor")).toBe(110);
    expect(host.log.messages("error")).toEqual(["guest has not migrated"]);
  });

  it("is UNKNOWN after an end that nobody knows, also for the next process (scenario 71)", async () => {
    platformMigrates(async () => ({ kind: "doubtful", why: "node2 is silent; decide with: virsh" }));
    await migrate();
    expect(await host.ask("monitor")).toBe(99);
    await host.restart();

    expect(await host.ask("monitor")).toBe(99);
    expect(record()).toMatchObject({ kind: "doubtful", peer: "node2" });
  });

  it("goes on when its shim is killed", async () => {
    const shim = new AbortController();
    platformMigrates(async () => {
      shim.abort(new Error("CLIENT_GONE"));
      await pause(5000, never);
      return { kind: "moved", why: "both ends say so" };
    });
    const args = requestArguments("web1_res", { GuestName: "web1" });
    await clock.until(host.raw("migrate", [...args, "VCSInfo", "1", "node2"], shim.signal));

    expect(record()).toMatchObject({ kind: "left" });
  });

  it("keeps the record of one that its deadline overtook (scenario 72)", async () => {
    platformMigrates((_plan, signal) => untilAborted(signal));

    expect(await migrate(undefined, 60)).toBe(0);
    expect(record()).toMatchObject({ kind: "moving", peer: "node2" });
    expect(await host.ask("monitor")).toBe(110);
  });

  it("shows its progress while it runs", async () => {
    const shown: unknown[] = [];
    platformMigrates(async ({ onProgress }) => {
      onProgress({ remainingMiB: 512, mibPerS: 100, expectedS: 6, downtimeMs: undefined });
      shown.push(host.book.get("web1_res")?.migration);
      return { kind: "stayed", why: "" };
    });
    await migrate();

    expect(shown).toEqual([
      { target: "node2", remainingMiB: 512, mibPerS: 100, expectedS: 6, downtimeMs: undefined },
    ]);
    expect(host.book.get("web1_res")?.migration).toBeUndefined();
  });

  it("counts the time in which it waited for its turn", async () => {
    const plans: MigrationPlan[] = [];
    platformMigrates(async (plan) => {
      plans.push(plan);
      return { kind: "stayed", why: "" };
    });
    host.platform.readings.set("web1", STOPPED);
    host.platform.deeds.start = async () => {
      await pause(100_000, never);
      host.platform.readings.set("web1", RUNS);
    };
    void host.ask("online", { timeoutS: 300 });
    await clock.settle();
    await migrate();

    // of 270 s, 30 for the end
    expect(plans[0]?.abortAfterMs).toBeCloseTo(140_000, -3);
  });
});

describe("a migrate that is refused", () => {
  it.each([
    ["no target is named", []],
    ["the target is this system (scenario 73)", ["VCSInfo", "1", "node1"]],
  ])("answers 0 and touches nothing when %s", async (_what, more) => {
    expect(await migrate(more)).toBe(0);
    expect(host.log.messages("warn")).toEqual(["entry point failed"]);
    expect(host.platform.count("migrate")).toBe(0);
    expect(record()).toBeUndefined();
    expect(await host.ask("monitor")).toBe(110);
  });

  it.each(["web1_res", "web1_again"])(
    "is told at once while another one runs, asked for %s (scenario 74)",
    async (resource) => {
      platformMigrates(async () => {
        await pause(60_000, never);
        return { kind: "stayed", why: "" };
      });
      await host.raw("monitor", requestArguments("web1_again", { GuestName: "web1" }));
      const first = host.raw("migrate", [
        ...requestArguments("web1_res", { GuestName: "web1" }),
        "VCSInfo",
        "1",
        "node2",
      ]);
      await clock.advance(1000);
      await host.raw("migrate", [
        ...requestArguments(resource, { GuestName: "web1" }),
        "VCSInfo",
        "1",
        "node3",
      ]);

      expect(clock.now).toBe(1000);
      expect(host.platform.count("migrate")).toBe(1);
      expect(String(host.log.entries.at(-1)?.fields["err"])).toMatch(/a migration of it runs already/);
      await clock.until(first);
    },
  );

  it("asks the hypervisor for nothing over an earlier one whose end is not known", async () => {
    await host.facts.migrations.end("web1", UUID, "node3", { kind: "doubtful", why: "node3 is silent" });
    host.platform.deeds.whereIs = async () => ({ kind: "doubtful", why: "node3 is silent" });
    await migrate();

    expect(host.platform.count("migrate")).toBe(0);
    expect(record()).toMatchObject({ kind: "doubtful", peer: "node3" });
    expect(String(host.log.entries.at(-1)?.fields["err"])).toMatch(/web1 is not migrated: node3 is silent/);
  });

  it("is made after all when the earlier one turns out to have failed", async () => {
    await host.facts.migrations.begin("web1", UUID, "node3", 60_000);
    platformMigrates(async () => ({ kind: "moved", why: "", peer: "node2" }));
    await migrate();

    expect(record()).toMatchObject({ kind: "left", peer: "node2" });
  });
});

describe("a clean of a guest that migrates", () => {
  it("has the migration end first, and keeps what became of it", async () => {
    const order: string[] = [];
    platformMigrates(async (_plan, signal) => {
      await untilAborted(signal).catch((error: unknown) => order.push(String(error)));
      await pause(2000, never);
      order.push("migration ended");
      return { kind: "doubtful", why: "node2 is silent" };
    });
    host.platform.deeds.destroy = async () => {
      order.push("destroyed");
      host.platform.readings.set("web1", aReading({ uuid: UUID }));
    };
    const migrating = migrate();
    await clock.advance(3000);

    expect(await clock.until(host.ask("clean", { reason: 1 }))).toBe(0);
    await migrating;
    expect(order).toEqual([
      "AgentError: migrate: clean of the same guest took over",
      "migration ended",
      "destroyed",
    ]);
    // nothing of it is here, and it may live on the other host
    expect(record()).toMatchObject({ kind: "doubtful" });
    expect(await host.ask("monitor")).toBe(99);
  });
});

/** A migration that its caller's signal ends. */
function untilAborted(signal: AbortSignal): Promise<MigrationEnd> {
  return new Promise((_resolve, reject) => {
    const give = () => reject(signal.reason instanceof AgentError ? signal.reason : new Error("given up"));
    signal.addEventListener("abort", give, { once: true });
  });
}

describe("what is recorded of a migration", () => {
  it.each([
    ["offline", {}],
    ["clean", { reason: 0 }],
  ] as const)("is over with %s where the guest had left", async (name, asking) => {
    await host.facts.migrations.end("web1", UUID, "node2", { kind: "moved", why: "" });
    host.platform.readings.set("web1", aReading({ uuid: UUID }));

    expect(await clock.until(host.ask(name, asking))).toBe(0);
    expect(record()).toBeUndefined();
  });

  it.each(["lost", "doubtful", "moving"] as const)("stays over a clean where it is '%s'", async (kind) => {
    host.migrations.saved.set("web1", aRecord({ kind, uuid: UUID, peer: "node2" }));
    await host.restart();
    host.platform.readings.set("web1", aReading({ uuid: UUID }));
    await clock.until(host.ask("clean", { reason: 4 }));

    expect(record()).toMatchObject({ kind });
  });

  it("stays over a clean that failed", async () => {
    await host.facts.migrations.end("web1", UUID, "node2", { kind: "moved", why: "" });
    host.platform.deeds.destroy = () => Promise.reject(new AgentError("STILL_RUNNING", "pid 7"));
    await clock.until(host.ask("clean", { reason: 4 }));

    expect(record()).toMatchObject({ kind: "left" });
  });

  it("is over with the resource, and with the last of two", async () => {
    await host.raw("open", requestArguments("web1_again", { GuestName: "web1" }));
    await host.facts.migrations.end("web1", UUID, "node2", { kind: "moved", why: "" });
    await host.ask("close");
    expect(record()).toMatchObject({ kind: "left" });
    await host.raw("close", requestArguments("web1_again", { GuestName: "web1" }));

    expect(record()).toBeUndefined();
  });
});

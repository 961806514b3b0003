import { beforeEach, describe, expect, it } from "vitest";
import { ClusterStates } from "../../support/engine/cluster-states.ts";
import { EngineLog } from "../../support/engine/engine-log.ts";
import { MigrationWatch } from "../../support/migrations/migration-watch.ts";

let states: ClusterStates;
let logs: Map<string, EngineLog>;
let watch: MigrationWatch;

beforeEach(() => {
  states = new ClusterStates();
  logs = new Map(["node1", "node2"].map((system) => [system, new EngineLog(system, undefined)]));
  states.set("node1", "vm1", "ONLINE");
  states.set("node2", "vm1", "OFFLINE");
  logs.get("node1")?.add("clean", "vm1", { reason: 4 });
  watch = new MigrationWatch(states, logs, "vm1");
});

describe("MigrationWatch", () => {
  it("finds nothing in a migration whose source is told first", () => {
    states.set("node1", "vm1", "OFFLINE");
    states.set("node2", "vm1", "ONLINE");

    expect(watch.bothOnline).toBe(0);
    expect(watch.cleans).toBe(0);
    expect(watch.isOnline("node2")).toBe(true);
    expect(watch.changedAt("node2")).toBeGreaterThanOrEqual(watch.changedAt("node1") ?? Number.NaN);
  });

  it("counts each time at which both are ONLINE, with a flag beside it too", () => {
    states.set("node2", "vm1", "ONLINE");
    states.set("node1", "vm1", "ONLINE|STATE UNKNOWN");
    states.set("node1", "vm1", "OFFLINE");
    states.set("node1", "other", "ONLINE");
    expect(watch.bothOnline).toBe(1);

    states.set("node1", "vm1", "ONLINE");
    expect(watch.bothOnline).toBe(2);
    watch.end();
    states.set("node1", "vm1", "OFFLINE");
    states.set("node1", "vm1", "ONLINE");

    expect(watch.bothOnline).toBe(2);
  });

  it("counts what an engine does against a fault of this resource", () => {
    logs.get("node1")?.add("clean", "vm1", { reason: 4 });
    logs.get("node2")?.add("restart", "vm1", { count: 1 });
    logs.get("node2")?.add("faulted", "other");

    expect(watch.cleans).toBe(2);
  });
});

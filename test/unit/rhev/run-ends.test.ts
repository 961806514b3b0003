import { describe, expect, it } from "vitest";
import type { RhevEvent } from "../../../src/rhev/event-document.ts";
import { endsInMigration, NO_RUNS, runsAfter, type VmRuns } from "../../../src/rhev/run-ends.ts";
import { vmFacts } from "../../support/rhev-facts.ts";

/** Source: ovirt-engine, AuditLogType. */
const CODE = { vmDown: 61, migrationDone: 63, vmDownError: 119, started: 153 } as const;

function event(id: number, code: number, hostId: string | undefined): RhevEvent {
  return { id, code, time: "", description: "", correlationId: undefined, vmId: "1", hostId };
}

/** web1 in a reading of host `here`: its status and host, with the events since the reading before. */
type Seen = readonly [status: string, hostId: string | undefined, events?: readonly RhevEvent[]];

function vm([status, hostId]: Seen) {
  return vmFacts({ id: "1", name: "web1", status, hostId });
}

/** What is known after readings one after another. */
function after(...readings: readonly Seen[]): VmRuns {
  const next = (known: VmRuns, seen: Seen) => runsAfter(known, { vms: [vm(seen)], events: seen[2] ?? [] });
  return readings.reduce(next, NO_RUNS);
}

function endAfter(...readings: readonly Seen[]) {
  return after(...readings).get("1")?.end;
}

const DIES_HERE = ["down", undefined, [event(7, CODE.vmDownError, "here")]] as const;

describe("the end of a run", () => {
  it("is where the newest event of an end says that it was", () => {
    const events = [event(9, CODE.vmDownError, "here"), event(5, CODE.vmDown, "there")];

    expect(endAfter(["down", undefined, events])).toEqual({
      eventId: 9,
      hostId: "here",
      words: "RHEV-M's event 9, VM_DOWN_ERROR",
    });
  });

  it("is known until the VM runs again", () => {
    expect(endAfter(DIES_HERE, ["down", undefined])?.eventId).toBe(7);
    expect(endAfter(DIES_HERE, ["up", "there"])).toBeUndefined();
    expect(endAfter(DIES_HERE, ["up", "there"], ["down", undefined])).toBeUndefined();
  });

  it.each([
    ["of a VM that runs", ["up", "here", [event(7, CODE.vmDown, "here")]]],
    ["of a VM that may run", ["unknown", "here", [event(7, CODE.vmDown, "here")]]],
    ["without a host", ["down", undefined, [event(7, CODE.vmDown, undefined)]]],
    [
      "of no end",
      ["down", undefined, [event(7, CODE.migrationDone, "here"), event(8, CODE.started, "here")]],
    ],
    ["of another VM", ["down", undefined, [{ ...event(7, CODE.vmDown, "here"), vmId: "2" }]]],
  ] as const)("is not told by an event %s", (_, reading) => {
    expect(endAfter(reading)).toBeUndefined();
  });
});

describe("an end in a migration or just after it", () => {
  /** What the last of these readings tells on host `here`. */
  function told(...readings: readonly Seen[]) {
    const last = readings.at(-1) ?? DIES_HERE;
    const before = after(...readings.slice(0, -1));
    return endsInMigration(before, { vms: [vm(last)], runs: after(...readings), ownId: "here" });
  }

  it.each([
    ["of a guest that had come since the reading before", ["up", "there"]],
    ["of a guest that was coming", ["migrating", "there"]],
    ["of a guest that was leaving", ["migrating", "here"]],
  ] as const)("is told %s, once", (_, before) => {
    expect(told(before, DIES_HERE)).toEqual([{ guest: "web1", event: "RHEV-M's event 7, VM_DOWN_ERROR" }]);
    expect(told(before, DIES_HERE, ["down", undefined])).toEqual([]);
  });

  it("is told when its event comes one reading late, and not later", () => {
    const down = ["down", undefined] as const;

    expect(told(["up", "there"], down, DIES_HERE)).toHaveLength(1);
    expect(told(["up", "there"], down, down, DIES_HERE)).toEqual([]);
  });

  it.each([
    ["that was at rest here", [["up", "here"], DIES_HERE]],
    [
      "that ended on another host",
      [
        ["up", "there"],
        ["down", undefined, [event(7, CODE.vmDown, "there")]],
      ],
    ],
    ["of which nothing was known", [DIES_HERE]],
    [
      "that failed to start after an end that was told",
      [["up", "there"], DIES_HERE, ["down", undefined, [event(9, CODE.vmDownError, "here")]]],
    ],
  ] as const)("is none of a guest %s", (_, readings) => {
    expect(told(...readings)).toEqual([]);
  });
});

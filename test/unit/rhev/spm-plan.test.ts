import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RhevHost } from "../../../src/rhev/host-document.ts";
import { nextSpmStep, type SpmFacts, type SpmStep } from "../../../src/rhev/spm-plan.ts";
import { rhevHost } from "../../support/fakes/rhev-documents.ts";

const east = (name: string, changes: Partial<RhevHost> = {}) => rhevHost(name, changes);
const west = (name: string, changes: Partial<RhevHost> = {}) =>
  rhevHost(name, { clusterId: "WEST", ...changes });

function facts(hosts: readonly RhevHost[], changes: Partial<SpmFacts> = {}): SpmFacts {
  return {
    localClusterId: "EAST",
    dataCenter: { id: "dc", name: "Default", status: "up" },
    hosts,
    guestsOn: new Map(),
    movesGuests: false,
    isolated: new Set(),
    sent: new Set(),
    ...changes,
  };
}

const SPM = { spm: "spm" } as const;
const GONE = { status: "non_responsive", spm: "spm" } as const;
const PROBLEMATIC = { dataCenter: { id: "dc", name: "Default", status: "problematic" } };

/** What is wrong with a step, whatever led to it. */
function mistakeOf(step: SpmStep, { guestsOn, sent }: SpmFacts): string | undefined {
  if (step.kind === "wait" || step.kind === "impossible") return undefined;
  const { id, clusterId, status, spm } = step.host;
  const isLocal = clusterId === "EAST";
  if (step.kind === "done") return isLocal && status === "up" && spm === "spm" ? undefined : "not done";
  if (step.kind === "isolate")
    return status === "non_responsive" && spm === "spm" && step.isLocal === isLocal ? undefined : "isolates";
  if (isLocal || status !== "up") return "sends a local host, or one that is not up";
  return guestsOn.has(id) || sent.has(id) ? "sends a host with guests, or one twice" : undefined;
}

describe("nextSpmStep", () => {
  it.each([
    ["a local SPM that is up", facts([east("e1", SPM), west("w1")]), { kind: "done" }],
    [
      "a remote SPM alone",
      facts([east("e1"), west("w1", SPM)]),
      { kind: "deactivate", host: { name: "w1" } },
    ],
    [
      "a remote SPM with others",
      facts([east("e1"), west("w1", SPM), west("w2")]),
      { kind: "deactivate", host: { name: "w2" } },
    ],
    [
      "a remote SPM while another remote host is leaving",
      facts([east("e1"), west("w1", SPM), west("w2")], { sent: new Set(["id-w2"]) }),
      { kind: "wait", reason: "host w2 goes to maintenance" },
    ],
    [
      "a remote host that contends",
      facts([east("e1"), west("w1", { spm: "contending" })]),
      { kind: "wait", reason: "host w1 contends for the SPM role" },
    ],
    ["nobody who is SPM", facts([east("e1")]), { kind: "wait", reason: "the SPM is being elected" }],
    [
      "remote hosts that can never be SPM",
      facts([east("e1"), west("w1", { spmPriority: -1 })]),
      { kind: "wait", reason: "the SPM is being elected" },
    ],
    [
      "a dead remote SPM",
      facts([east("e1"), west("w1", GONE)], PROBLEMATIC),
      { kind: "isolate", isLocal: false },
    ],
    [
      "a dead local SPM",
      facts([east("e1"), east("e2", GONE)], PROBLEMATIC),
      { kind: "isolate", isLocal: true },
    ],
    [
      "a dead SPM that RHEV-M has not given up",
      facts([east("e1"), west("w1", GONE)]),
      { kind: "wait", reason: "host w1, the SPM, does not respond, and RHEV-M still tries (up)" },
    ],
    [
      "a dead SPM that was declared dead",
      facts([east("e1"), west("w1", GONE)], { ...PROBLEMATIC, isolated: new Set(["id-w1"]) }),
      { kind: "wait" },
    ],
    [
      "an SPM that RHEV-M tries to reach",
      facts([east("e1"), west("w1", { ...SPM, status: "connecting" }), west("w2")]),
      { kind: "wait", reason: "host w1, the SPM, is connecting" },
    ],
    [
      "no local host that is up",
      facts([east("e1", { status: "maintenance" }), west("w1", SPM)]),
      { kind: "impossible", reason: "no host of the local cluster can be the SPM (e1 is maintenance)" },
    ],
    [
      "a local host that comes up",
      facts([east("e1", { status: "initializing" }), west("w1", SPM)]),
      { kind: "wait" },
    ],
    [
      "guests on a remote host",
      facts([east("e1"), west("w1", SPM)], { guestsOn: new Map([["id-w1", ["db1", "db2"]]]) }),
      {
        kind: "impossible",
        reason:
          "guests run on hosts of other clusters that would be sent to maintenance: w1 (db1, db2); stop or migrate them, or set rhev.devScan.movesGuests",
      },
    ],
    [
      "guests that may be moved",
      facts([east("e1"), west("w1", SPM)], { movesGuests: true, guestsOn: new Map([["id-w1", ["db1"]]]) }),
      { kind: "deactivate" },
    ],
  ])("with %s", (_what, given, step) => {
    expect(nextSpmStep(given)).toMatchObject(step);
  });

  it("never sends a local host to maintenance, nor one with guests, nor one twice", () => {
    const host = fc.record({
      clusterId: fc.constantFrom("EAST", "WEST"),
      status: fc.constantFrom("up", "non_responsive", "connecting", "maintenance", undefined),
      spm: fc.constantFrom("none", "spm", "contending", undefined),
      spmPriority: fc.constantFrom(-1, 5, undefined),
    });

    fc.assert(
      fc.property(
        fc.array(host, { maxLength: 5 }),
        fc.array(fc.nat(4)),
        fc.array(fc.nat(4)),
        (list, busy, sent) => {
          const hosts = list.map((changes, at) => rhevHost(`h${at}`, changes));
          const guestsOn = new Map(busy.map((at) => [`id-h${at}`, ["g"]]));
          const given = facts(hosts, {
            ...PROBLEMATIC,
            guestsOn,
            sent: new Set(sent.map((at) => `id-h${at}`)),
          });
          expect(mistakeOf(nextSpmStep(given), given)).toBeUndefined();
        },
      ),
      { numRuns: 2000 },
    );
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type DeathWitness,
  type FencingFacts,
  fencingObstacles,
  isNeedless,
} from "../../../src/rhev/fencing-rules.ts";
import { rhevHost, rhevVm } from "../../support/fakes/rhev-documents.ts";

const DEAD = rhevHost("host2", { status: "non_responsive" });
const DEAD_SPM = { ...DEAD, spm: "spm" };
const SYSTEM = {
  kind: "system",
  mapping: { kind: "found", system: "node2" },
  ownSystem: "node1",
  states: { value: new Map([["node2", "FAULTED"]]) },
  useFence: { value: "SCSI3" },
} as const satisfies DeathWitness;

/** All conditions hold. */
const PROVED: FencingFacts = {
  isWanted: true,
  host: DEAD,
  witness: SYSTEM,
  vms: [rhevVm("web1", { hostId: DEAD.id, status: "unknown" })],
  guestId: "id-web1",
  guestHostId: DEAD.id,
  dataCenter: { id: "dc", name: "Default", status: "up" },
  hosts: [DEAD, rhevHost("host1")],
};

/** All conditions hold for an SPM. */
const PROVED_SPM: FencingFacts = {
  ...PROVED,
  host: DEAD_SPM,
  hosts: [DEAD_SPM, rhevHost("host1")],
  dataCenter: { id: "dc", name: "Default", status: "problematic" },
};

function bySystem(changes: Partial<Extract<DeathWitness, { kind: "system" }>>): Partial<FencingFacts> {
  return { witness: { ...SYSTEM, ...changes } };
}

function bySystemState(state: string): Partial<FencingFacts> {
  return bySystem({ states: { value: new Map([["node2", state]]) } });
}

/** One missing condition each, with the words that name it. */
const MISSING: readonly (readonly [
  what: string,
  facts: FencingFacts,
  changes: Partial<FencingFacts>,
  words: RegExp,
])[] = [
  ["it is not wanted", PROVED, { isWanted: false }, /UseManualRHEVMFencing is 0/],
  ["the host is up", PROVED, { host: { ...DEAD, status: "up" } }, /host2 is up, not non_responsive/],
  ["the host is connecting", PROVED, { host: { ...DEAD, status: "connecting" } }, /is connecting, not/],
  ["the host has no status", PROVED, { host: { ...DEAD, status: undefined } }, /without a status/],
  ["its system is EXITED", PROVED, bySystemState("EXITED"), /system node2 is EXITED, not FAULTED/],
  ["its system is OFFLINE", PROVED, bySystemState("OFFLINE"), /node2 is OFFLINE/],
  ["its system is RUNNING", PROVED, bySystemState("RUNNING"), /node2 is RUNNING/],
  ["the word only resembles", PROVED, bySystemState("faulted"), /node2 is faulted/],
  ["its system is unknown", PROVED, bySystem({ states: { value: new Map() } }), /node2 is not there/],
  [
    "the states cannot be read",
    PROVED,
    bySystem({ states: { unreadable: "no had" } }),
    /hasys -state cannot be read: no had/,
  ],
  ["the host is no system", PROVED, bySystem({ mapping: { kind: "none", reason: "nobody's" } }), /nobody's/],
  ["it may be two systems", PROVED, bySystem({ mapping: { kind: "several", reason: "two" } }), /two/],
  ["it is this system", PROVED, bySystem({ ownSystem: "node2" }), /it is this system/],
  [
    "there is no I/O fencing",
    PROVED,
    bySystem({ useFence: { value: "NONE" } }),
    /UseFence is NONE, not SCSI3/,
  ],
  ["I/O fencing is not told", PROVED, bySystem({ useFence: { value: "" } }), /UseFence is empty/],
  [
    "I/O fencing cannot be read",
    PROVED,
    bySystem({ useFence: { unreadable: "no" } }),
    /UseFence cannot be read/,
  ],
  [
    "a guest has RHEV-M's HA flag",
    PROVED,
    { vms: [...PROVED.vms, rhevVm("db1", { isHighlyAvailable: true })] },
    /own HA flag: db1/,
  ],
  ["the guest is not listed there", PROVED, { vms: [] }, /does not list all guests of host host2/],
  [
    "guests that RHEV-M counts are not listed",
    PROVED_SPM,
    { vms: [], guestId: undefined, host: { ...DEAD_SPM, vmCount: 2 } },
    /does not list all guests of host host2/,
  ],
  [
    "RHEV-M counts more guests than it lists",
    PROVED,
    { host: { ...DEAD, vmCount: 5 } },
    /does not list all guests of host host2/,
  ],
  [
    "RHEV-M counts more guests of an SPM than it lists",
    PROVED_SPM,
    { guestId: undefined, host: { ...DEAD_SPM, vmCount: 5 } },
    /does not list all guests of host host2/,
  ],
  [
    "RHEV-M neither lists nor counts guests of an SPM",
    PROVED_SPM,
    { vms: [], guestId: undefined, host: { ...DEAD_SPM, vmCount: undefined } },
    /does not list all guests of host host2/,
  ],
  ["its SPM role is not told", PROVED, { host: { ...DEAD, spm: undefined } }, /does not tell whether/],
  ["an SPM has no heir", PROVED_SPM, { hosts: [DEAD_SPM] }, /no other host of data centre Default is up/],
  [
    "an SPM's heirs are never SPM",
    PROVED_SPM,
    { hosts: [DEAD_SPM, rhevHost("host1", { spmPriority: -1 })] },
    /no other host/,
  ],
  [
    "an SPM's data centre is up",
    PROVED_SPM,
    { dataCenter: PROVED.dataCenter },
    /Default is up, not problematic/,
  ],
  [
    "a remote cluster is not configured",
    PROVED,
    { witness: { kind: "cluster", cluster: undefined, states: { value: new Map() } } },
    /rhev\.clusters does not say/,
  ],
  ...["LOST_CONN", "LOST_HB", "EXITED", "INQUIRY", "RUNNING"].map(
    (state) =>
      [
        `a remote cluster is ${state}`,
        PROVED,
        { witness: { kind: "cluster", cluster: "west", states: { value: new Map([["west", state]]) } } },
        new RegExp(`cluster west is ${state}, not FAULTED`),
      ] as const,
  ),
  [
    "remote clusters cannot be read",
    PROVED,
    { witness: { kind: "cluster", cluster: "west", states: { unreadable: "no had" } } },
    /haclus -state cannot be read: no had/,
  ],
];

describe("isNeedless", () => {
  it.each([
    ["holds the guest", PROVED, {}, false],
    ["is rid of the guest", PROVED, { guestHostId: undefined }, true],
    ["has lost the guest to another host", PROVED, { guestHostId: "another" }, true],
    ["is the SPM", PROVED_SPM, { guestId: undefined }, false],
    ["is the SPM no more", PROVED, { guestId: undefined }, true],
    ["may be the SPM", PROVED, { guestId: undefined, host: { ...DEAD, spm: undefined } }, false],
    ["is rid of the guest, and still the SPM", PROVED_SPM, { guestHostId: undefined }, true],
  ] as const)("tells of a host that %s", (_what, facts, changes, isDone) => {
    expect(isNeedless({ ...facts, ...changes })).toBe(isDone);
  });
});

describe("fencingObstacles", () => {
  it("finds none when all is proved: of a host, of an SPM, of a faulted remote cluster, by an operator", () => {
    expect(fencingObstacles(PROVED)).toEqual([]);
    expect(fencingObstacles(PROVED_SPM)).toEqual([]);
    const states = { value: new Map([["west", "FAULTED"]]) };
    expect(fencingObstacles({ ...PROVED, witness: { kind: "cluster", cluster: "west", states } })).toEqual(
      [],
    );
    expect(fencingObstacles({ ...PROVED, witness: { kind: "operator" } })).toEqual([]);
  });

  it("believes an empty list of an SPM that RHEV-M counts no guests on, and a list where it does not count", () => {
    const empty = { ...PROVED_SPM, vms: [], guestId: undefined };
    expect(fencingObstacles({ ...empty, host: { ...DEAD_SPM, vmCount: 0 } })).toEqual([]);
    const uncounted = { host: { ...DEAD_SPM, vmCount: undefined } };
    expect(fencingObstacles({ ...PROVED_SPM, ...uncounted, guestId: undefined })).toEqual([]);
    expect(fencingObstacles({ ...PROVED, host: { ...DEAD, vmCount: 1 } })).toEqual([]);
  });

  it.each(MISSING)("forbids it when %s, and says so", (_what, facts, changes, words) => {
    const obstacles = fencingObstacles({ ...facts, ...changes });

    expect(obstacles).toHaveLength(1);
    expect(obstacles[0]).toMatch(words);
  });

  it("an operator's word replaces the witness alone", () => {
    const operator = { ...PROVED_SPM, witness: { kind: "operator" } } as const;
    for (const [, , changes] of MISSING) {
      if (changes.witness !== undefined || changes.vms?.length === 0) continue;
      const base =
        changes.host === undefined ? operator : { ...operator, ...PROVED, witness: operator.witness };
      const isSpmCase = changes.dataCenter !== undefined || changes.hosts !== undefined;
      expect(fencingObstacles({ ...(isSpmCase ? operator : base), ...changes })).not.toEqual([]);
    }
  });

  it("never lets a host be fenced while any one condition is missing, whatever else is true", () => {
    const host = fc.constantFrom("up", "non_responsive", "connecting", "maintenance", "down", undefined);
    const state = fc.constantFrom("FAULTED", "EXITED", "RUNNING", "OFFLINE", "LEAVING", undefined);
    const fence = fc.constantFrom("SCSI3", "NONE", "");
    const spm = fc.constantFrom("none", "spm", "contending", undefined);
    const dataCenter = fc.constantFrom(
      "up",
      "problematic",
      "contend",
      "not_operational",
      "maintenance",
      undefined,
    );
    fc.assert(
      fc.property(
        fc.record({
          isWanted: fc.boolean(),
          host,
          state,
          fence,
          spm,
          dataCenter,
          hasFlag: fc.boolean(),
          hasHeir: fc.boolean(),
          isOwn: fc.boolean(),
          isListed: fc.boolean(),
        }),
        (world) => {
          const dead = rhevHost("host2", { status: world.host, spm: world.spm });
          const guest = rhevVm("web1", { isHighlyAvailable: world.hasFlag });
          const obstacles = fencingObstacles({
            isWanted: world.isWanted,
            host: dead,
            witness: {
              kind: "system",
              mapping: { kind: "found", system: "node2" },
              ownSystem: world.isOwn ? "node2" : "node1",
              states: { value: new Map(world.state === undefined ? [] : [["node2", world.state]]) },
              useFence: { value: world.fence },
            },
            vms: world.isListed ? [guest] : [],
            guestId: guest.id,
            guestHostId: dead.id,
            dataCenter: { id: "dc", name: "Default", status: world.dataCenter },
            hosts: world.hasHeir ? [dead, rhevHost("host1")] : [dead],
          });
          const frees = ["problematic", "not_operational", "maintenance"].includes(world.dataCenter ?? "");
          const spmMayGo = world.spm === "none" || (world.spm !== undefined && world.hasHeir && frees);
          const isProved =
            world.isWanted &&
            world.host === "non_responsive" &&
            world.state === "FAULTED" &&
            world.fence === "SCSI3" &&
            !world.isOwn &&
            world.isListed &&
            !world.hasFlag &&
            spmMayGo;
          expect(obstacles.length === 0).toBe(isProved);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

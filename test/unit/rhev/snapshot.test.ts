import { describe, expect, it } from "vitest";
import { paceMs } from "../../../src/rhev/pace.ts";
import {
  changedNames,
  isMoving,
  type Snapshot,
  sightWords,
  startedNames,
} from "../../../src/rhev/snapshot.ts";
import { hostFacts, ownFacts, vmFacts } from "../../support/rhev-facts.ts";

function snapshot(changes: Partial<Snapshot> = {}): Snapshot {
  const host = hostFacts("h1");
  return {
    beganAt: 0,
    names: new Set(["web1", "web2"]),
    vms: [vmFacts({ id: "1", name: "web1", status: "up", hostId: "h1" }), vmFacts({ id: "2", name: "web2" })],
    hosts: [host, hostFacts("h2")],
    own: ownFacts(host),
    events: [],
    runs: new Map(),
    ...changes,
  };
}

const vms = (changes: Parameters<typeof vmFacts>[0]) => [
  vmFacts({ id: "1", name: "web1", status: "up", hostId: "h1", ...changes }),
  vmFacts({ id: "2", name: "web2" }),
];

describe("what differs between two snapshots", () => {
  it("is nothing when nothing does, in whatever order it comes", () => {
    const before = snapshot();

    expect([...changedNames(before, snapshot({ vms: [...before.vms].toReversed() }))]).toEqual([]);
  });

  it.each([
    ["its status", snapshot({ vms: vms({ status: "powering_down" }) })],
    ["the reason of its pause", snapshot({ vms: vms({ statusDetail: "eio" }) })],
    ["its host", snapshot({ vms: vms({ hostId: "h2" }) })],
    ["the status of its host", snapshot({ hosts: [hostFacts("h1", { status: "connecting" })] })],
    ["that it is gone", snapshot({ vms: vms({}).slice(1) })],
    ["that it is another VM", snapshot({ vms: vms({ id: "3" }) })],
  ])("is a guest by %s", (_what, after) => {
    expect([...changedNames(snapshot(), after)]).toEqual(["web1"]);
  });

  it("is a guest that an event is about, even if nothing shows", () => {
    const event = {
      id: 7,
      code: 61,
      time: "",
      description: "",
      correlationId: undefined,
      vmId: "2",
      hostId: "h1",
    };

    expect([...changedNames(snapshot(), snapshot({ events: [event] }))]).toEqual(["web2"]);
  });

  it("is all guests when this system is lost among the hosts", () => {
    const after = snapshot({ own: { kind: "none", reason: "" } });

    expect([...changedNames(snapshot(), after)]).toEqual(["web1", "web2"]);
  });

  it("is no guest that was not followed before", () => {
    expect([...changedNames(snapshot({ names: new Set(["web2"]), vms: [] }), snapshot())]).toEqual(["web2"]);
  });

  it("is a start where the time of the start differs", () => {
    const before = snapshot({ vms: vms({ startTime: "a" }) });

    expect(startedNames(before, snapshot({ vms: vms({ startTime: "b" }) }))).toEqual(["web1"]);
    expect(startedNames(before, snapshot({ vms: vms({ startTime: "a" }) }))).toEqual([]);
    expect(startedNames(undefined, snapshot())).toEqual([]);
  });
});

describe("what a snapshot shows of a guest", () => {
  it("is its status and the host that RHEV-M names, in words", () => {
    expect(sightWords(snapshot(), "web1")).toBe(`up on ${hostFacts("h1").name}`);
    expect(sightWords(snapshot({ vms: vms({ status: "down", hostId: undefined }) }), "web1")).toBe("down");
    expect(sightWords(snapshot(), "web9")).toBe("not there");
  });
});

describe("the pace of looks", () => {
  it.each([
    ["migrating", "up", true],
    ["powering_up", "up", true],
    ["unknown", "up", true],
    ["up", "connecting", true],
    ["up", "up", false],
    ["paused", "up", false],
    ["up", "non_responsive", false],
  ])("knows whether something moves: guest %s, host %s", (status, host, moves) => {
    expect(isMoving(snapshot({ vms: vms({ status }), hosts: [hostFacts("h1", { status: host })] }))).toBe(
      moves,
    );
  });

  it("is not changed by a host that concerns no guest here", () => {
    const hosts = [hostFacts("h1"), hostFacts("h2", { status: "connecting" })];

    expect(isMoving(snapshot({ hosts }))).toBe(false);
    expect(isMoving(snapshot({ hosts, vms: vms({ hostId: "h2" }) }))).toBe(true);
  });

  it.each([
    [{ isMoving: false, stirredMs: 60_000, cycleMs: 0, failures: 0, random: 0 }, 10_000],
    [{ isMoving: false, stirredMs: 60_000, cycleMs: 0, failures: 0, random: 1 }, 9000],
    [{ isMoving: true, stirredMs: 60_000, cycleMs: 0, failures: 0, random: 1 }, 3000],
    [{ isMoving: false, stirredMs: 29_999, cycleMs: 0, failures: 0, random: 1 }, 3000],
    [{ isMoving: true, stirredMs: 0, cycleMs: 0, failures: 1, random: 0 }, 3000],
    [{ isMoving: true, stirredMs: 0, cycleMs: 0, failures: 2, random: 0 }, 6000],
    [{ isMoving: true, stirredMs: 0, cycleMs: 0, failures: 9, random: 1 }, 9000],
    // a reading counts from the beginning of its cycle: the next one ends before it is 10 s old
    [{ isMoving: false, stirredMs: 60_000, cycleMs: 2000, failures: 0, random: 0 }, 6000],
    [{ isMoving: false, stirredMs: 60_000, cycleMs: 9000, failures: 0, random: 0 }, 3000],
    [{ isMoving: true, stirredMs: 60_000, cycleMs: 2000, failures: 0, random: 0 }, 3000],
  ])("is for %j %i ms", (facts, ms) => {
    expect(paceMs(facts)).toBe(ms);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Heartbeat,
  type HeartbeatEvent,
  lossOf,
  nameFits,
  nextHeartbeat,
  restoredHeartbeat,
  UNARMED,
} from "../../../src/heartbeat.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const LIMITS = { misses: 3, lossMs: 60_000 };

const ANSWERED: HeartbeatEvent = { kind: "answered", run: 1, frozen: false };
const FROZEN: HeartbeatEvent = { kind: "answered", run: 1, frozen: true };
const SILENT: HeartbeatEvent = { kind: "silent", run: 1 };
const NO_CHANNEL: HeartbeatEvent = { kind: "no channel", run: 1 };
const DISTURBED: HeartbeatEvent = { kind: "disturbed" };
const OVER: HeartbeatEvent = { kind: "over" };

/** Events at their seconds, from a guest of which nothing is known. */
function after(...events: readonly (readonly [atS: number, event: HeartbeatEvent])[]): Heartbeat {
  let heartbeat = UNARMED;
  for (const [atS, event] of events) heartbeat = nextHeartbeat(heartbeat, event, atS * 1000, LIMITS);
  return heartbeat;
}

/** Armed at 0, then silent at 20, 40 and 60. */
const LOST = [
  [0, ANSWERED],
  [20, SILENT],
  [40, SILENT],
  [60, SILENT],
] as const;

describe("a heartbeat", () => {
  it("is armed by the first good answer", () => {
    expect(after([0, SILENT], [20, ANSWERED])).toEqual({
      phase: "armed",
      run: 1,
      answeredMs: 20_000,
      misses: 0,
    });
  });

  it("is lost after three misses over sixty seconds", () => {
    expect(after(...LOST)).toEqual({ phase: "lost", run: 1, misses: 3, silentMs: 60_000 });
  });

  it.each([
    [
      "two misses, however long they take",
      [[0, ANSWERED] as const, [100, SILENT] as const, [200, SILENT] as const],
    ],
    [
      "many misses in less than the time",
      [[0, ANSWERED] as const, ...[10, 20, 30, 40, 50, 59].map((atS) => [atS, SILENT] as const)],
    ],
    [
      "misses with an answer between them",
      [
        [0, ANSWERED] as const,
        [20, SILENT] as const,
        [40, SILENT] as const,
        [50, ANSWERED] as const,
        [70, SILENT] as const,
        [111, SILENT] as const,
      ],
    ],
  ])("is not lost by %s", (_what, events) => {
    expect(after(...events).phase).toBe("armed");
  });

  it.each([
    ["never answered since the guest started", [] as const],
    ["an operation, a suspend or a migration since", [[0, ANSWERED] as const, [1, DISTURBED] as const]],
    ["a reboot or an end since", [[0, ANSWERED] as const, [1, OVER] as const]],
    ["a frozen file system since", [[0, ANSWERED] as const, [1, FROZEN] as const]],
  ])("is not armed, so never lost: %s", (_what, before) => {
    const silences = [20, 40, 60, 80, 100, 500, 1000].map((atS) => [atS, SILENT] as const);

    expect(after(...before, ...silences).phase).toBe("unarmed");
  });

  it("knows another start of the guest by its number", () => {
    const next = nextHeartbeat(
      after([0, ANSWERED], [20, SILENT], [40, SILENT]),
      { kind: "silent", run: 2 },
      60_000,
      LIMITS,
    );

    expect(next).toEqual({ phase: "unarmed", run: 2, silentSinceMs: 60_000, isUseless: false });
    expect(nextHeartbeat(after(...LOST), { kind: "silent", run: 2 }, 80_000, LIMITS).phase).toBe("unarmed");
  });

  it.each([
    ["an answer", ANSWERED, "armed"],
    ["an answer of a frozen guest", FROZEN, "unarmed"],
    ["the end or a reboot of the guest", OVER, "unarmed"],
    ["another silence", SILENT, "lost"],
    ["a disturbance, which makes no agent speak", DISTURBED, "lost"],
  ] as const)("once lost is, after %s, %s", (_what, event, phase) => {
    expect(after(...LOST, [80, event])).toMatchObject({ phase });
  });

  it("of an earlier process is lost still, in the same start of the guest only", () => {
    const restored = restoredHeartbeat(1);

    expect(nextHeartbeat(restored, SILENT, 0, LIMITS).phase).toBe("lost");
    expect(nextHeartbeat(restored, ANSWERED, 0, LIMITS).phase).toBe("armed");
    expect(nextHeartbeat(restored, { kind: "silent", run: 2 }, 0, LIMITS).phase).toBe("unarmed");
    expect(restoredHeartbeat(undefined)).toEqual(UNARMED);
  });

  it("is useless when five times the time of a loss passed without an answer, and at once without a channel", () => {
    expect(after([0, SILENT], [299, SILENT])).toMatchObject({ isUseless: false });
    expect(after([0, SILENT], [300, SILENT])).toMatchObject({ isUseless: true });
    expect(after([0, NO_CHANNEL])).toMatchObject({ isUseless: true });
    expect(after([0, ANSWERED], [20, NO_CHANNEL])).toMatchObject({ phase: "unarmed", isUseless: true });
  });

  it("is told to be useless once for a start of the guest, whatever disturbs it", () => {
    const told = after([0, SILENT], [300, SILENT], [310, DISTURBED], [320, SILENT]);

    expect(told).toMatchObject({ isUseless: true, silentSinceMs: 320_000 });
    expect(nextHeartbeat(told, { kind: "silent", run: 2 }, 330_000, LIMITS)).toMatchObject({
      isUseless: false,
    });
  });

  it("does not count the time before a disturbance to the time without an answer", () => {
    expect(after([0, SILENT], [290, DISTURBED], [310, SILENT])).toMatchObject({ isUseless: false });
  });
});

const event: fc.Arbitrary<HeartbeatEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("silent" as const), run: fc.constantFrom(1, 1, 1, 2) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("answered" as const),
      run: fc.constantFrom(1, 1, 1, 2),
      frozen: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<HeartbeatEvent>(NO_CHANNEL, DISTURBED, OVER) },
);

it("is never lost without a good answer and enough misses after it in one undisturbed start of the guest", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), event), { maxLength: 40 }), (steps) => {
      let heartbeat = UNARMED;
      let nowMs = 0;
      // the same facts, counted in another way: what came since the last good answer, unless something voided it
      let good: { readonly run: number; readonly atMs: number; misses: number } | undefined;
      for (const [seconds, step] of steps) {
        nowMs += seconds * 1000;
        const before = heartbeat.phase;
        heartbeat = nextHeartbeat(heartbeat, step, nowMs, LIMITS);
        if (step.kind === "answered")
          good = step.frozen ? undefined : { run: step.run, atMs: nowMs, misses: 0 };
        else if (step.kind !== "silent" || step.run !== good?.run) good = undefined;
        else good.misses += 1;
        if (heartbeat.phase !== "lost" || before === "lost") continue;
        expect(good?.misses).toBeGreaterThanOrEqual(3);
        expect(nowMs - (good?.atMs ?? nowMs)).toBeGreaterThanOrEqual(60_000);
      }
    }),
  );
});

/** A resource with this CEInfo. */
function ceInfo(enabled: boolean, faultOnHbLoss: boolean) {
  return attributesOfGuest("web1", { ceInfo: { enabled, faultOnHbLoss } });
}

describe("the loss that an answer tells of", () => {
  it.each([true, false])("is a fault as FaultOnHBLoss says: %s", (isFault) => {
    expect(lossOf(after(...LOST), ceInfo(true, isFault))).toEqual({
      isFault,
      words: "its guest agent is silent: 3 questions over 60 s had no answer",
    });
  });

  it("says so when it is an earlier process's word", () => {
    expect(lossOf(restoredHeartbeat(7), ceInfo(true, true))?.words).toBe(
      "its guest agent is silent: it fell silent before this daemon started",
    );
  });

  it("is none while the heartbeat is not lost, or is not wanted any more", () => {
    expect(lossOf(after([0, ANSWERED], [20, SILENT]), ceInfo(true, true))).toBeUndefined();
    expect(lossOf(UNARMED, ceInfo(true, true))).toBeUndefined();
    expect(lossOf(after(...LOST), ceInfo(false, true))).toBeUndefined();
  });
});

describe("the name in CESystem", () => {
  it.each([
    ["web1", "web1", true],
    ["WEB1", "web1", true],
    ["web1", "web1.example.com", true],
    ["web1.example.com", "web1", true],
    ["web1.example.com", "Web1.Example.com.", true],
    ["web1.example.com", "web1.example.org", false],
    ["web1", "web2", false],
    ["web1", "web10", false],
    ["web1", "", false],
  ])("%s is, for a guest that calls itself %s, right: %s", (expected, given, isRight) => {
    expect(nameFits(expected, given)).toBe(isRight);
  });
});

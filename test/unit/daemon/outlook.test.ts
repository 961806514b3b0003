import { describe, expect, it } from "vitest";
import { type OutlookFacts, outlookOf } from "../../../daemon/outlook.ts";
import { UNARMED } from "../../../src/heartbeat.ts";
import type { Registration } from "../../../src/resource.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, UNKNOWN } from "../../../src/resource-state.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const ONLINE = { state: online(100), active: true };
const ENDED = { state: OFFLINE, reason: "shut off (destroyed)" };
const RUNS = { state: online(100), reason: "running" };

/** A guest that runs, that the engine knows as ONLINE, and with which nothing is wrong. */
function outlook(
  changes: Partial<OutlookFacts> = {},
  registration: Partial<Registration> = {},
): readonly string[] {
  return outlookOf({
    registration: {
      resource: "r",
      attributes: attributesOfGuest("web1"),
      watched: true,
      stopping: false,
      starting: false,
      lastAnswer: ONLINE,
      ...registration,
    },
    operation: undefined,
    due: RUNS,
    dueAgeMs: 1000,
    isUnknownTold: false,
    probe: undefined,
    isEndAwaited: false,
    awaitedMs: 0,
    onlineMs: 0,
    migration: undefined,
    heartbeat: UNARMED,
    limits: { misses: 3, lossMs: 60_000, intervalMs: 20_000 },
    nowMs: 100_000,
    stalled: "no",
    readEveryMs: 5000,
    ...changes,
  });
}

const record = { guest: "web1", uuid: undefined, at: "2026-01-31T10:00:00.000Z", peer: "node2", bootId: "b" };

describe("what happens next", () => {
  it("is nothing while the engine knows what is so", () => {
    expect(outlook()).toEqual(["The next monitor is answered ONLINE(100) again: nothing follows from that."]);
  });

  it("is a fault when a guest that is known as ONLINE has ended, and the engine is asked to probe", () => {
    expect(outlook({ due: ENDED, probe: { code: 100, inMs: 4200, isFailing: false } })).toEqual([
      "The engine was told ONLINE(100); its next monitor is answered OFFLINE: an end nobody asked for, so (after as many more such monitors as ToleranceLimit says) the engine cleans the resource and restarts it here or on another system.",
      "The engine is asked to probe (hares -probe) again in 5 s, until its monitor has come.",
    ]);
  });

  it("says when the engine does not take the request to probe", () => {
    const next = outlook({ due: ENDED, probe: { code: 100, inMs: 0, isFailing: true } });

    expect(next.at(-1)).toBe(
      "The engine is asked to probe (hares -probe) now, until its monitor has come. It did not take the last request: its own monitor comes every MonitorInterval.",
    );
  });

  it.each([
    ["a suspend", ONLINE, INTENTIONAL_OFFLINE, "the resource becomes OFFLINE here, no fault, no failover"],
    ["a doubt", ONLINE, online(40), "only the confidence changes"],
    ["a start", { state: OFFLINE, active: false }, online(100), "the resource becomes ONLINE here"],
    [
      "another end",
      { state: INTENTIONAL_OFFLINE, active: false },
      OFFLINE,
      "the resource stays OFFLINE here, which is no fault",
    ],
  ])("tells what follows from %s", (_what, lastAnswer, state, follows) => {
    const [next] = outlook({ due: { state, reason: "so" } }, { lastAnswer });

    expect(next).toContain(`: ${follows}.`);
  });

  it("is no fault where the engine's own operation has ended the guest, or a stop is not over", () => {
    expect(outlook({ due: ENDED, isEndAwaited: true, awaitedMs: 2000 })).toEqual([
      "The engine was told ONLINE(100); its next monitor is answered OFFLINE: that is what the engine's own operation was to bring about.",
      "The engine's own monitor after the operation is awaited for 2 s more.",
    ]);
    expect(outlook({ due: ENDED }, { stopping: true }).at(-1)).toContain(
      "the resource becomes OFFLINE here, which is no fault unless",
    );
  });

  it("tells of no monitor, and of no reading, of a resource that nobody watches", () => {
    expect(outlook({ due: ENDED, dueAgeMs: 3_600_000 }, { watched: false })).toEqual([
      "The engine's agent has ended here: the engine is asked nothing until it opens the resource again.",
    ]);
  });

  it("is a wait while nothing can be proved, and says what for", () => {
    expect(
      outlook({ due: { state: UNKNOWN, reason: "libvirt cannot be asked" }, isUnknownTold: true }),
    ).toEqual([
      "The next monitor is answered UNKNOWN: the engine keeps ONLINE(100), and neither cleans nor starts anything, until this is over: libvirt cannot be asked.",
    ]);
    expect(outlook({ isUnknownTold: true })).toEqual([
      "The engine was told UNKNOWN, and ONLINE(100) before that; its next monitor is answered ONLINE(100): the resource stays as it was before.",
    ]);
  });

  it("is not foretold from a reading that is too old", () => {
    expect(outlook({ dueAgeMs: 20_000 })).toEqual(outlook());
    expect(outlook({ dueAgeMs: 20_001 })).toEqual([
      "Nothing could be read of it for 21 s: until that succeeds its monitors are answered UNKNOWN (in plain KVM ONLINE(30), where its emulator proves to be the one that ran), and the engine keeps ONLINE(100).",
    ]);
  });

  it("begins with the first monitor after open", () => {
    expect(outlook({}, { lastAnswer: undefined })).toEqual([
      "The engine was told nothing since it opened the resource; its next monitor is answered ONLINE(100).",
    ]);
    expect(outlook({ due: undefined }, { lastAnswer: undefined })).toEqual([
      "Nothing was read of it yet: the next monitor reads it.",
    ]);
  });

  it("tells of what is under way first", () => {
    expect(outlook({ operation: "online" })[0]).toBe(
      "online works on the guest now; the engine hears from its own monitor how that ended.",
    );
    expect(outlook({}, { watched: false })[0]).toMatch(/^The engine's agent has ended here/);
    expect(outlook({}, { stopping: true })[0]).toMatch(/^An offline or clean has begun/);
    expect(outlook({}, { starting: true })[0]).toMatch(/^A start was asked for whose answer nobody got/);
    expect(outlook({ awaitedMs: 3400 }).at(-1)).toBe(
      "The engine's own monitor after the operation is awaited for 4 s more.",
    );
  });

  it.each([
    ["moving", "Its migration to node2 is not decided: both ends are read until they tell."],
    [
      "stuck",
      "It stands still since the hand-over of a migration: the other hosts are looked at every 5 s, and what is left here is ended once one of them has the guest.",
    ],
    [
      "doubtful",
      "Nothing is started, cleaned or destroyed until both ends of its migration tell; they are read every 5 s. What is not known: node2 cannot be read.",
    ],
    [
      "left",
      "It left for node2 at 2026-01-31T10:00:00.000Z: as long as it does not run here, that is INTENTIONAL OFFLINE and no fault.",
    ],
    ["lost", "It left for node2, which was read and does not run it: the engine may start it."],
  ] as const)("tells of a migration that is recorded as %s", (kind, sentence) => {
    expect(outlook({ migration: { ...record, kind, why: "node2 cannot be read" } })[0]).toBe(sentence);
  });

  it("tells when a migration of our own is aborted", () => {
    const asked = { at: record.at, abortAt: "2026-01-31T10:05:00.000Z" };

    expect(outlook({ migration: { ...record, kind: "moving", why: undefined, asked } })[0]).toContain(
      ", and it is aborted at 2026-01-31T10:05:00.000Z.",
    );
  });

  it("foretells the loss of a heartbeat, by time and by count", () => {
    const attributes = attributesOfGuest("web1", {
      ceInfo: { enabled: true, ceSystem: undefined, faultOnHbLoss: true },
    });
    const armed = { phase: "armed", run: 1, answeredMs: 65_000, misses: 1 } as const;

    expect(outlook({ heartbeat: armed }, { attributes }).at(-1)).toBe(
      "Its guest agent did not answer 1 of 3 questions: unless it answers, the heartbeat is lost (OFFLINE, a fault) in about 40 s.",
    );
    expect(outlook({ heartbeat: { ...armed, misses: 0 } }, { attributes })).toHaveLength(1);
    expect(outlook({}, { attributes }).at(-1)).toContain("its silence is no fault");
    const lost = { phase: "lost", run: 1, misses: 3, silentMs: 60_000 } as const;
    expect(outlook({ heartbeat: lost }, { attributes }).at(-1)).toMatch(/^Its heartbeat is lost/);
  });

  it("tells what a failed disk and a young start mean", () => {
    expect(outlook({ stalled: "left alone" }).at(-1)).toContain("virsh resume it");
    expect(outlook({ stalled: "resumed" }).at(-1)).toContain("resumed again and again");
    expect(outlook({ stalled: "resumed" }, { stopping: true }).at(-1)).toContain("not resumed by itself");
    expect(outlook({ stalled: "resumed" }, { watched: false }).at(-1)).toContain("not resumed by itself");
    expect(outlook({ onlineMs: 2100 }).at(-1)).toBe(
      "If it ends within 3 s, its online has failed (DelayAfterGuestOnline).",
    );
  });
});

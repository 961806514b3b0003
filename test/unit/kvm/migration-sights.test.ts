import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCauses } from "../../../src/kvm/causes.ts";
import type { DomainStateCode } from "../../../src/kvm/hypervisor.ts";
import { sourceSight, targetSight } from "../../../src/kvm/migration-sights.ts";
import { Peers } from "../../../src/kvm/peers.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE, EVENT, type Job } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const never = new AbortController().signal;
const URI = "qemu+tcp://node2/system";

/** States and reasons that only these tests need. Source: libvirt-domain.h. */
const MORE = {
  idle: { state: 2, reason: 0 },
  runsPostCopy: { state: 1, reason: 10 },
  runsAfterPostCopyFailed: { state: 1, reason: 11 },
  pausedUnknown: { state: 3, reason: 0 },
  pausedPostCopy: { state: 3, reason: 12 },
  pausedPostCopyFailed: { state: 3, reason: 13 },
  inShutdown: { state: 4, reason: 1 },
  noState: { state: 0, reason: 0 },
  ofTomorrow: { state: 77, reason: 1 },
} as const satisfies Record<string, DomainStateCode>;

let clock: VirtualClock;
let libvirtd: FakeLibvirtd;

beforeEach(() => {
  clock = new VirtualClock();
  libvirtd = new FakeLibvirtd();
});

afterEach(() => {
  clock.stop();
});

async function sourceOf(code: DomainStateCode, job: Job = "none") {
  const domain = libvirtd.define("web1", code);
  domain.job = job;
  const session = await libvirtd.open(never);
  return clock.until(sourceSight(session, domain.uuid, createCauses(), never));
}

async function targetOf(code: DomainStateCode, job: Job = "none") {
  const domain = libvirtd.define("web1", code);
  domain.job = job;
  return targetSight(await clock.until(peers().readPeer("node2", { uuid: domain.uuid }, never)));
}

function peers(): Peers {
  return new Peers({ uris: () => new Map([["node2", URI]]), open: (_peer, signal) => libvirtd.open(signal) });
}

describe("a look at the source", () => {
  it.each([
    [CODE.booted, "running"],
    [CODE.migrated, "running"],
    [CODE.unpaused, "running"],
    [MORE.idle, "running"],
    [CODE.migrationCanceled, "resumed"],
    [CODE.pausedByUser, "suspended"],
    [MORE.pausedUnknown, "suspended"],
    [CODE.asleep, "suspended"],
    [CODE.pausedMigrating, "handed over"],
    [CODE.offMigrated, "left"],
    [CODE.offUnknown, "inactive"],
    [CODE.offCrashed, "inactive"],
    [CODE.offDestroyed, "inactive"],
    [CODE.offSaved, "inactive"],
    [CODE.pausedByIoError, "other"],
    [CODE.pausedSaving, "other"],
    [CODE.startingUp, "other"],
    [MORE.inShutdown, "other"],
    [CODE.panicked, "other"],
    [MORE.noState, "unreadable"],
    [MORE.ofTomorrow, "unreadable"],
  ] as const)("takes %j without a job as %s", async (code, word) => {
    expect((await sourceOf(code)).word).toBe(word);
  });

  it.each([
    [CODE.booted, "outgoing"],
    [CODE.migrationCanceled, "outgoing"],
    [CODE.pausedMigrating, "outgoing"],
    [CODE.pausedByUser, "outgoing"],
    [CODE.asleep, "outgoing"],
    // it comes back at this moment: what stands still here is about to be the live one
    [CODE.pausedMigrating, "refused"],
    [CODE.pausedMigrating, "incoming"],
  ] as const)("sees a migration that runs in %j, job %s", async (code, job) => {
    expect((await sourceOf(code, job)).word).toBe("migrating");
  });

  it("takes a source that post-copy still needs for nothing that could be removed", async () => {
    expect((await sourceOf(MORE.pausedPostCopy, "outgoing")).word).toBe("migrating");
    expect((await sourceOf(MORE.pausedPostCopy)).word).toBe("other");
  });

  it.each([
    ["outgoing", "split"],
    ["none", "split"],
    ["ended", "split"],
    // it is the target
    ["refused", "migrating"],
    ["incoming", "migrating"],
  ] as const)("takes a post-copy that broke, job %s, as %s", async (job, word) => {
    expect((await sourceOf(MORE.pausedPostCopyFailed, job)).word).toBe(word);
  });

  it.each([
    ["not seen to migrate", [EVENT.stoppedShutdown], "inactive"],
    ["seen to migrate", [EVENT.suspendedMigrated, EVENT.stoppedMigrated], "left"],
  ] as const)("takes one that is not defined any more, %s, as it ended", async (_how, events, word) => {
    const domain = libvirtd.define("web1", CODE.booted);
    const causes = createCauses();
    for (const [event, detail] of events) causes.add({ domain: domain.ref, event, detail });
    libvirtd.undefine("web1");
    const session = await libvirtd.open(never);

    const sight = await clock.until(sourceSight(session, domain.uuid, causes, never));

    expect(sight).toEqual({ word, text: "not defined" });
  });

  it("has no word where libvirt does not tell whether a migration runs", async () => {
    expect(String(await errorOf(sourceOf(CODE.booted, "hangs")))).toMatch(/state change lock/);
  });
});

describe("a look at the target", () => {
  it.each([
    [CODE.booted, "none", "running"],
    [CODE.migrated, "none", "running"],
    [MORE.idle, "none", "running"],
    [CODE.pausedByUser, "none", "suspended"],
    [MORE.pausedUnknown, "none", "suspended"],
    [CODE.asleep, "none", "suspended"],
    [CODE.pausedMigrating, "refused", "incoming"],
    [CODE.startingUp, "refused", "incoming"],
    [CODE.pausedMigrating, "outgoing", "other"],
    // it may never have run there
    [CODE.pausedMigrating, "none", "standing"],
    [CODE.pausedMigrating, "ended", "standing"],
    [CODE.pausedMigrating, "hangs", "unclear"],
    [CODE.startingUp, "hangs", "unclear"],
    [CODE.startingUp, "none", "unclear"],
    // it runs, and dies without the source
    [MORE.runsPostCopy, "none", "other"],
    [MORE.runsAfterPostCopyFailed, "none", "other"],
    [MORE.pausedPostCopyFailed, "refused", "other"],
    [CODE.pausedByIoError, "none", "other"],
    [CODE.pausedSaving, "none", "other"],
    [MORE.inShutdown, "none", "other"],
    [CODE.panicked, "none", "other"],
    [CODE.offMigrated, "none", "inactive"],
    [CODE.offCrashed, "none", "inactive"],
  ] as const)("takes %j, job %s, as %s", async (code, job, word) => {
    expect((await targetOf(code, job)).word).toBe(word);
  });

  it("takes a target that does not know the guest as inactive", async () => {
    const uuid = "5c1b8d3c-0000-4000-8000-000000000001";

    expect(targetSight(await clock.until(peers().readPeer("node2", { uuid }, never)))).toEqual({
      word: "inactive",
      text: "not defined",
    });
  });

  it("says why a target cannot be read", async () => {
    libvirtd.stop();

    const sight = await targetOf(CODE.booted);

    expect(sight.word).toBe("unreadable");
    expect(sight.text).toMatch(/^cannot be read \(.*node2.*ECONNREFUSED/);
  });
});

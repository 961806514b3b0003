import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DomainStateCode, Hypervisor } from "../../../src/kvm/hypervisor.ts";
import type { Whereabouts } from "../../../src/migration.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE, EVENT } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { handOver, receive, takeOver } from "../../support/fakes/fake-migration.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
const UUID = "5c1b8d3c-0000-4000-8000-0000000000a1";
const URI = { node2: "qemu+tcp://node2/system", node3: "qemu+tcp://node3/system" } as const;

let host: KvmHost;
let node2: FakeLibvirtd;
let node3: FakeLibvirtd;
/** Called before each question to this host's libvirt. */
let onQuestion: () => void;

beforeEach(async () => {
  onQuestion = () => undefined;
  host = await makeKvmHost((session) => watched(session));
  node2 = new FakeLibvirtd();
  node3 = new FakeLibvirtd();
  host.others.set(URI.node2, node2).set(URI.node3, node3);
  host.settings.peers = new Map(Object.entries(URI));
});

afterEach(async () => {
  await host.stop();
});

function watched(session: Hypervisor): Hypervisor {
  const getState = session.getState.bind(session);
  session.getState = (...args) => {
    onQuestion();
    return getState(...args);
  };
  return session;
}

function whereIs(known: Partial<Whereabouts> = {}) {
  return host.clock.until(host.platform.whereIs("web1", { uuid: UUID, peer: "node2", ...known }, never));
}

function here(code: DomainStateCode) {
  return host.libvirtd.define("web1", code, UUID);
}

function there(libvirtd: FakeLibvirtd, code: DomainStateCode) {
  return libvirtd.define("web1", code, UUID);
}

function destroys(): string[] {
  return [host.libvirtd, node2, node3].flatMap(({ calls }, at) =>
    calls.includes("destroy") ? [["here", "node2", "node3"][at] ?? ""] : [],
  );
}

describe("a guest whose migration went to a known peer", () => {
  it("has moved when the peer runs it and it is off here", async () => {
    here(CODE.offMigrated);
    there(node2, CODE.migrated);

    expect(await whereIs()).toEqual({
      kind: "moved",
      peer: "node2",
      why: "libvirt here says shut off (migrated), node2: running (migrated)",
    });
  });

  it("has stayed when it runs here, and the peer is not waited for", async () => {
    here(CODE.booted);
    node2.stop();

    expect(await whereIs()).toMatchObject({ kind: "stayed" });
  });

  it("is told of when it still migrates", async () => {
    here(CODE.booted).job = "outgoing";

    expect(await whereIs()).toBeUndefined();
  });

  it("is found by the UUID of its record though it is not defined here any more", async () => {
    there(node2, CODE.migrated);

    expect(await whereIs()).toMatchObject({ kind: "moved", why: matching(/here says not defined/) });
  });

  it("is looked for by what libvirt calls it where no UUID was recorded", async () => {
    here(CODE.offMigrated);
    there(node2, CODE.migrated);

    expect(await whereIs({ uuid: undefined })).toMatchObject({ kind: "moved" });
  });

  it("cannot be looked for when nobody ever knew its UUID", async () => {
    expect(await errorOf(whereIs({ uuid: undefined }))).toMatchObject({ code: "GUEST_NOT_FOUND" });
  });

  it("is not lost when it has gone on from there to a third host", async () => {
    here(CODE.offMigrated);
    there(node2, CODE.offMigrated);
    there(node3, CODE.migrated);

    expect(await whereIs()).toEqual({
      kind: "moved",
      peer: "node3",
      why: "libvirt here says shut off (migrated), node3: running (migrated)",
    });
  });

  it("is not lost while it arrives at a third host", async () => {
    here(CODE.offMigrated);
    there(node2, CODE.offMigrated);
    there(node3, CODE.pausedMigrating).job = "refused";

    expect(await whereIs()).toMatchObject({ kind: "doubtful" });
  });

  it("is lost when it is off on all hosts", async () => {
    here(CODE.offCrashed);
    there(node2, CODE.offMigrated);
    there(node3, CODE.offUnknown);

    expect(await whereIs()).toMatchObject({ kind: "lost", why: matching(/node2: shut off/) });
  });

  it("is lost when it ended there, whatever a third host that cannot be read may say", async () => {
    here(CODE.offCrashed);
    there(node2, CODE.offCrashed);
    node3.stop();

    expect(await whereIs()).toMatchObject({ kind: "lost" });
  });

  it.each([
    ["left the peer", CODE.offCrashed, CODE.offMigrated],
    ["left this host", CODE.offMigrated, CODE.offUnknown],
  ])("is doubtful when it %s and a third host cannot be read", async (_what, mine, theirs) => {
    here(mine);
    there(node2, theirs);
    node3.stop();

    expect(await whereIs()).toMatchObject({ kind: "doubtful" });
  });

  it("is doubtful when it is off here and the peer cannot be read, or is no peer any more", async () => {
    here(CODE.offCrashed);
    node2.stop();

    expect(await whereIs()).toMatchObject({ kind: "doubtful", why: matching(/domstate/) });
    expect(await whereIs({ peer: "node9" })).toMatchObject({
      kind: "doubtful",
      why: matching(/node9: cannot be read \(system node9 is not among the peers.*'URI of each other host'/),
    });
  });

  it.each([
    ["receives or does not tell", "hangs"],
    ["stands still without a migration", "none"],
  ] as const)("has not moved, and is touched by nobody, while the peer's copy %s", async (_what, job) => {
    here(CODE.offCrashed);
    there(node2, CODE.pausedMigrating).job = job;

    expect(await whereIs()).toMatchObject({ kind: "doubtful", why: matching(/decide with: virsh/) });
    expect(destroys()).toEqual([]);
  });

  it("is doubtful when libvirt here does not answer", async () => {
    here(CODE.booted);
    there(node2, CODE.offUnknown);
    host.libvirtd.hang();

    expect(await whereIs()).toMatchObject({ kind: "doubtful", why: matching(/here says nothing \(/) });
  });
});

describe("a guest that may be on any peer", () => {
  it("is where one of them runs it, though others cannot be read", async () => {
    here(CODE.offCrashed);
    node2.stop();
    there(node3, CODE.migrated);

    expect(await whereIs({ peer: undefined })).toMatchObject({ kind: "moved", peer: "node3" });
  });

  it("is not lost though every one of them says that it is not there, for its target may be no peer", async () => {
    here(CODE.offCrashed);
    there(node3, CODE.offUnknown);

    expect(await whereIs({ peer: undefined })).toMatchObject({
      kind: "doubtful",
      why: matching(/not active on any peer; decide with: .*URI of each other host/),
    });
  });

  it("is lost when it ended here after it had left, and every one of them says that it is not there", async () => {
    here(CODE.offCrashed);
    there(node3, CODE.offUnknown);
    expect(await whereIs({ peer: undefined, endedHere: true })).toMatchObject({ kind: "lost" });

    node2.stop();

    expect(await whereIs({ peer: undefined, endedHere: true })).toMatchObject({ kind: "doubtful" });
  });

  it("has moved, nobody knows where to, when two of them hold it", async () => {
    here(CODE.offMigrated);
    there(node2, CODE.migrated).job = "outgoing";
    there(node3, CODE.pausedMigrating).job = "refused";

    expect(await whereIs({ peer: undefined })).toEqual({
      kind: "moved",
      peer: undefined,
      why: "libvirt here says shut off (migrated), other hosts: active on node2, node3",
    });
  });

  it("has not moved when two of them hold a copy that may never have run", async () => {
    here(CODE.offCrashed);
    there(node2, CODE.pausedMigrating).job = "refused";
    there(node3, CODE.pausedMigrating);

    expect(await whereIs({ peer: undefined })).toMatchObject({ kind: "doubtful" });
    expect(destroys()).toEqual([]);
  });

  it("tells a silence from a doubt that both ends make, and from having nobody to ask", async () => {
    here(CODE.pausedMigrating);
    expect((await whereIs({ peer: undefined }))?.kind).toBe("doubtful");
    expect(await whereIs({ peer: undefined })).not.toHaveProperty("isUnread");

    node3.stop();
    expect(await whereIs({ peer: undefined })).toMatchObject({ kind: "doubtful", isUnread: true });

    host.settings.peers = new Map();
    expect(await whereIs({ peer: undefined })).not.toHaveProperty("isUnread");
  });

  it("is doubtful when there are no peers, and has moved when libvirt itself says so", async () => {
    host.settings.peers = new Map();
    here(CODE.offCrashed);
    expect(await whereIs({ peer: undefined })).toMatchObject({
      kind: "doubtful",
      why: matching(/no peers are configured that could be read; decide with: .*URI of each other host/),
    });

    here(CODE.offMigrated);

    expect(await whereIs({ peer: undefined })).toMatchObject({ kind: "moved" });
  });
});

describe("what a migration left", () => {
  it("is ended here when the guest runs there and stands still here", async () => {
    here(CODE.booted);
    const ends = { name: "web1", source: host.libvirtd, target: node2 };
    receive(ends);
    handOver(ends);
    takeOver(ends);
    host.libvirtd.named("web1").job = "none";
    await host.clock.until(host.platform.read("web1", never));

    expect(await whereIs()).toMatchObject({ kind: "moved", peer: "node2" });
    expect(destroys()).toEqual(["here"]);
    expect(host.log.messages("warn")).toContain(
      "what a migration left of the guest is ended, the other end proves it dead",
    );
    // it is known where the guest is, so this end leaves no doubt
    expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({
      moved: undefined,
      ended: "stopped by this agent",
    });
  });

  it("is ended there when it receives there and runs here", async () => {
    here(CODE.booted);
    there(node2, CODE.pausedMigrating).job = "refused";

    expect(await whereIs()).toMatchObject({ kind: "stayed" });
    expect(destroys()).toEqual(["node2"]);
  });

  it("is left to libvirt for a moment", async () => {
    here(CODE.booted);
    there(node2, CODE.pausedMigrating).job = "refused";
    setTimeout(() => void node2.end("web1", CODE.offDestroyed, EVENT.stoppedDestroyed), 600);

    expect(await whereIs()).toMatchObject({ kind: "stayed" });
    expect(destroys()).toEqual([]);
  });

  it("is not ended when a second look shows that a migration runs", async () => {
    const domain = here(CODE.booted);
    there(node2, CODE.pausedMigrating).job = "refused";
    // libvirt's own time is over: this look decides, and before the one that confirms it somebody migrates the guest anew
    let late = 0;
    onQuestion = () => {
      if (host.clock.now >= 1000) late += 1;
      if (late === 2) domain.job = "outgoing";
    };

    expect(await whereIs()).toBeUndefined();
    expect(destroys()).toEqual([]);
  });

  it.each([
    ["both run", CODE.booted, CODE.migrated],
    ["it was resumed here and runs there", CODE.migrationCanceled, CODE.migrated],
    ["it is suspended on both", CODE.pausedByUser, CODE.pausedByUser],
    ["it stands still here and is suspended there", CODE.pausedMigrating, CODE.pausedByUser],
    ["it stands still here and is nowhere else", CODE.pausedMigrating, CODE.offUnknown],
    ["it stands still on both", CODE.pausedMigrating, CODE.pausedMigrating],
    ["post-copy broke", { state: 3, reason: 13 }, { state: 1, reason: 11 }],
  ])("is touched by nobody when %s", async (_what, mine, theirs) => {
    here(mine);
    there(node2, theirs);

    expect(await whereIs()).toMatchObject({ kind: "doubtful", why: matching(/decide with: virsh/) });
    expect(destroys()).toEqual([]);
  });

  it("is told of when it cannot be ended, and nothing is claimed", async () => {
    here(CODE.booted);
    there(node2, CODE.pausedMigrating).job = "refused";
    node2.destroyMs = 60_000;

    expect(await whereIs()).toMatchObject({ kind: "doubtful" });
    expect(await whereIs()).toMatchObject({ kind: "doubtful" });
    expect(host.log.count("what a migration left of the guest cannot be ended")).toBe(1);
  });
});

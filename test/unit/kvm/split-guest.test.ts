import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bootId } from "../../../src/boot-id.ts";
import type { DomainStateCode } from "../../../src/kvm/hypervisor.ts";
import type { Whereabouts } from "../../../src/migration.ts";
import { INTENTIONAL_OFFLINE, online } from "../../../src/resource-state.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
const UUID = "5c1b8d3c-0000-4000-8000-0000000000a1";
const URI = { node2: "qemu+tcp://node2/system", node3: "qemu+tcp://node3/system" } as const;

/** Source: libvirt-domain.h, virDomainState and its reasons. */
const { postCopyFailed: POST_COPY_FAILED, postCopy: IN_POST_COPY, inShutdown: IN_SHUTDOWN } = CODE;
const PAUSED_SHUTTING_DOWN = { state: 3, reason: 8 };
const RUNS_POST_COPY_FAILED = { state: 1, reason: 11 };

let host: KvmHost;
let node2: FakeLibvirtd;
let node3: FakeLibvirtd;

beforeEach(async () => {
  host = await makeKvmHost();
  node2 = new FakeLibvirtd();
  node3 = new FakeLibvirtd();
  host.others.set(URI.node2, node2).set(URI.node3, node3);
  host.settings.peers = new Map(Object.entries(URI));
  // libvirt keeps the job of a post-copy that broke
  host.libvirtd.define("web1", POST_COPY_FAILED, UUID).job = "outgoing";
});

afterEach(async () => {
  await host.stop();
});

function whereIs(known: Partial<Whereabouts> = {}) {
  return host.clock.until(host.platform.whereIs("web1", { uuid: UUID, peer: "node2", ...known }, never));
}

function there(libvirtd: FakeLibvirtd, code: DomainStateCode) {
  return libvirtd.define("web1", code, UUID);
}

function isHere(): boolean {
  return host.libvirtd.named("web1").isActive;
}

describe("a guest whose post-copy broke", () => {
  it("is read as split between two hosts, and left to the target", async () => {
    expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({
      state: INTENTIONAL_OFFLINE,
      moved: "split",
      active: true,
      migrating: true,
    });
  });

  it.each([
    ["broken", POST_COPY_FAILED, IN_SHUTDOWN, "split"],
    ["broken", POST_COPY_FAILED, PAUSED_SHUTTING_DOWN, "split"],
    ["under way", IN_POST_COPY, IN_SHUTDOWN, undefined],
  ])("is still the target's while what is here goes down: %s, %j, %j", async (_, before, after, moved) => {
    const guest = host.libvirtd.named("web1");
    guest.code = before;
    await host.clock.until(host.platform.read("web1", never));
    guest.code = after;

    expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({
      state: INTENTIONAL_OFFLINE,
      moved,
      active: true,
      migrating: true,
    });
  });

  it.each([
    [IN_SHUTDOWN, false, undefined],
    [PAUSED_SHUTTING_DOWN, true, "split"],
  ])(
    "is still the target's for a process that came while what is here goes down: %j",
    async (code, isBroken, moved) => {
      const guest = host.libvirtd.named("web1");
      guest.code = code;
      const gaveAway = { run: guest.id, bootId: bootId(), isBroken };
      host.platform.recall("web1", { uuid: UUID, gaveAway });

      expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({
        state: INTENTIONAL_OFFLINE,
        moved,
        active: true,
        migrating: true,
        gaveAway,
      });
    },
  );

  it.each([
    ["of another run", 1, undefined],
    ["of another boot", 0, "another boot"],
  ])("is any guest that goes down for a process that knows it %s", async (_, later, boot) => {
    const guest = host.libvirtd.named("web1");
    guest.code = IN_SHUTDOWN;
    const gaveAway = { run: guest.id + later, bootId: boot ?? bootId(), isBroken: true };
    host.platform.recall("web1", { uuid: UUID, gaveAway });

    expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({ state: online(40) });
  });

  it("may be on the target for a process that finds what was here ended", async () => {
    host.libvirtd.named("web1").code = CODE.offDestroyed;
    host.platform.recall("web1", { uuid: UUID, gaveAway: { run: 1, bootId: bootId(), isBroken: true } });

    expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({ moved: "unclear" });
  });

  it("is told as a run that was given away, and no more once it has run here again", async () => {
    const guest = host.libvirtd.named("web1");
    const read = () => host.clock.until(host.platform.read("web1", never));
    const run = { run: guest.id, bootId: bootId() };

    expect((await read()).gaveAway).toEqual({ ...run, isBroken: true });
    guest.code = IN_POST_COPY;
    expect((await read()).gaveAway).toEqual({ ...run, isBroken: false });
    guest.code = CODE.booted;
    expect((await read()).gaveAway).toBeUndefined();
  });

  it("is any guest that goes down once it has run here again", async () => {
    const guest = host.libvirtd.named("web1");
    for (const code of [POST_COPY_FAILED, CODE.booted]) {
      guest.code = code;
      await host.clock.until(host.platform.read("web1", never));
    }
    guest.code = IN_SHUTDOWN;

    expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({
      state: online(40),
      moved: undefined,
      migrating: false,
    });
  });

  it("is not split where it is the target", async () => {
    const { uuid } = host.libvirtd.define("db1", POST_COPY_FAILED);
    host.libvirtd.named("db1").job = "refused";
    await host.emulators.begin("db1", uuid);

    expect(await host.clock.until(host.platform.read("db1", never))).toMatchObject({
      state: online(20),
      moved: undefined,
    });
  });

  it.each([CODE.offCrashed, CODE.offDestroyed, CODE.offUnknown])(
    "is lost when the target is rid of it, and what is here is ended: %j",
    async (code) => {
      there(node2, code);

      expect(await whereIs()).toEqual({
        kind: "lost",
        why: matching(/libvirt here says shut off \(destroyed\), node2: shut off/),
        endedOn: undefined,
      });
      expect(isHere()).toBe(false);
      expect(host.log.messages("warn")).toContain(
        "what a migration left of the guest is ended, the other end proves it dead",
      );
    },
  );

  it("is lost when the target does not know it any more", async () => {
    expect(await whereIs()).toMatchObject({ kind: "lost", why: matching(/node2: not defined/) });
    expect(isHere()).toBe(false);
  });

  it.each([RUNS_POST_COPY_FAILED, POST_COPY_FAILED, CODE.migrated, CODE.pausedByUser])(
    "is a doubt while the target has any part of it: %j",
    async (code) => {
      there(node2, code).job = "refused";

      expect(await whereIs()).toEqual({
        kind: "doubtful",
        why: matching(/decide with: virsh .* and virsh /),
      });
      expect(isHere()).toBe(true);
    },
  );

  it("is a doubt while the target cannot be read", async () => {
    node2.stop();

    expect(await whereIs()).toEqual({
      kind: "doubtful",
      isUnread: true,
      why: matching(/node2: cannot be read/),
    });
    expect(isHere()).toBe(true);
  });

  it.each([CODE.migrated, POST_COPY_FAILED])(
    "is a doubt when it went on to a third host: %j",
    async (code) => {
      there(node2, CODE.offMigrated);
      there(node3, code);

      expect(await whereIs()).toMatchObject({ kind: "doubtful" });
      expect(isHere()).toBe(true);
    },
  );

  it("is a doubt when it may have gone on to a third host that cannot be read", async () => {
    there(node2, CODE.offMigrated);
    node3.stop();

    expect(await whereIs()).toMatchObject({ kind: "doubtful" });
    expect(isHere()).toBe(true);
  });

  it("is a doubt when no peer has it and nobody knows the target, which may be no peer", async () => {
    expect(await whereIs({ peer: undefined })).toEqual({
      kind: "doubtful",
      isNowhere: true,
      why: matching(/not active on any peer; decide with: .*URI of each other host/),
    });
    expect(isHere()).toBe(true);
  });
});

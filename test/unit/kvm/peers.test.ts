import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { pause } from "../../../src/deadline.ts";
import { Peers } from "../../../src/kvm/peers.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const never = new AbortController().signal;
let clock: VirtualClock;
let node2: FakeLibvirtd;
let node3: FakeLibvirtd;
let opened: string[];
let peers: Peers;

beforeEach(() => {
  clock = new VirtualClock();
  node2 = new FakeLibvirtd();
  node3 = new FakeLibvirtd();
  opened = [];
  const byUri = new Map([
    ["qemu+tcp://node2/system", node2],
    ["qemu+tcp://node3/system", node3],
  ]);
  peers = new Peers({
    uris: () => new Map([...byUri.keys()].map((uri) => [uri.slice(11, 16), uri])),
    open: async ({ uri, readOnly }, signal) => {
      opened.push(readOnly ? `${uri} for reading` : uri);
      const libvirtd = byUri.get(uri);
      if (libvirtd === undefined) throw new LibvirtCallError("argument", uri);
      return libvirtd.open(signal);
    },
  });
});

afterEach(() => {
  clock.stop();
});

function read(uuid: string, signal = never) {
  return clock.until(peers.readPeer("node2", { uuid }, signal));
}

describe("a look at a peer", () => {
  it.each([
    ["booted", "running (booted)"],
    ["pausedByUser", "paused (user)"],
    ["pausedSaving", "paused (saving)"],
    ["asleep", "pmsuspended (unknown)"],
    ["panicked", "crashed (panicked)"],
  ] as const)("sees a domain that is %s as active", async (code, text) => {
    const { uuid } = node2.define("web1", CODE[code]);

    expect(await read(uuid)).toMatchObject({ kind: "active", words: { text }, side: undefined });
  });

  it.each([
    ["refused", "incoming"],
    ["outgoing", "outgoing"],
    ["none", "none"],
    ["hangs", undefined],
  ] as const)("tells the side of a migration whose job is %s", async (job, side) => {
    const domain = node2.define("web1", CODE.pausedMigrating);
    domain.job = job;

    expect(await read(domain.uuid)).toMatchObject({
      kind: "active",
      words: { text: "paused (migrating)" },
      side,
    });
  });

  it("sees a defined domain without an emulator as inactive", async () => {
    const { uuid } = node2.define("web1", CODE.offShutdown);

    expect(await read(uuid)).toMatchObject({ kind: "inactive", words: { text: "shut off (shutdown)" } });
  });

  it("looks by UUID, not by name", async () => {
    node2.define("web1", CODE.booted);

    expect(await read(randomUUID())).toEqual({ kind: "not defined" });
  });

  it("proves nothing by a state that libvirt leaves open", async () => {
    const domain = node2.define("web1", { state: 0, reason: 0 });
    domain.id = -1;

    expect(await read(domain.uuid)).toEqual({
      kind: "unreadable",
      reason: "libvirt says no state (unknown)",
    });
  });

  it("takes a domain in an unknown state as active while it has an id", async () => {
    const domain = node2.define("web1", { state: 9, reason: 0 });
    domain.id = 4;

    expect(await read(domain.uuid)).toMatchObject({ kind: "active", words: { text: "state 9 (0)" } });
  });

  it("says why a peer cannot be read", async () => {
    node2.stop();

    expect(await read(randomUUID())).toEqual({
      kind: "unreadable",
      reason: "connecting to the libvirtd of node2: connect ECONNREFUSED /run/libvirt/libvirt-sock",
    });
  });

  it("gives a peer that hangs up after three seconds", async () => {
    node2.hang();

    expect(await read(randomUUID())).toEqual({
      kind: "unreadable",
      reason: "reading the libvirtd of node2 at qemu+tcp://node2/system did not end within 3000 ms",
    });
    expect(clock.now).toBe(3000);
  });

  it("takes a domain as active though its migration cannot be told in time", async () => {
    const domain = node2.define("web1", CODE.pausedMigrating);
    domain.job = "silent";

    expect(await read(domain.uuid)).toMatchObject({ kind: "active", side: undefined });
    expect(clock.now).toBe(3000);
  });

  it("tells the side though each login takes longer than two seconds", async () => {
    const domain = node2.define("web1", CODE.pausedMigrating);
    domain.job = "refused";
    const slow = new Peers({
      uris: () => new Map([["node2", "qemu+tcp://node2/system"]]),
      open: async (_peer, signal) => {
        await pause(2500, signal);
        return node2.open(signal);
      },
    });

    expect(await clock.until(slow.readPeer("node2", { uuid: domain.uuid }, never))).toMatchObject({
      side: "incoming",
    });
  });

  it("shares a connection among those who read at the same time, and opens one for the next", async () => {
    const { uuid } = node2.define("web1", CODE.booted);
    const sights = await clock.until(
      Promise.all(
        Array.from({ length: 50 }, () => peers.readPeer("node2", { uuid }, new AbortController().signal)),
      ),
    );

    expect(new Set(sights.map(({ kind }) => kind))).toEqual(new Set(["active"]));
    expect(opened).toHaveLength(1);
    await read(uuid);
    expect(opened).toHaveLength(2);
    await clock.settle();
    expect(node2.sessions).toBe(0);
  });

  it("does not join a connection that has failed somebody", async () => {
    const { uuid } = node2.define("web1", CODE.booted);
    node2.hang();
    const early = peers.readPeer("node2", { uuid }, never);
    await clock.advance(2000);
    const late = peers.readPeer("node2", { uuid }, never);
    expect(await clock.until(early)).toMatchObject({ kind: "unreadable" });
    node2.goOn();

    expect(await read(uuid)).toMatchObject({ kind: "active" });
    expect(await clock.until(late)).toMatchObject({ kind: "unreadable" });
    expect(opened).toHaveLength(2);
  });

  it("closes its connection", async () => {
    await read(node2.define("web1", CODE.booted).uuid);
    await read(randomUUID());

    expect(opened).toEqual(["qemu+tcp://node2/system for reading", "qemu+tcp://node2/system for reading"]);
    expect(node2.sessions).toBe(0);
  });

  it("ends at once with its caller", async () => {
    node2.hang();
    const caller = new AbortController();
    const looked = errorOf(peers.readPeer("node2", { uuid: randomUUID() }, caller.signal));
    await clock.settle();
    caller.abort(new AgentError("CANCELLED", "clean took over"));

    expect(await clock.until(looked)).toMatchObject({ code: "CANCELLED", message: "clean took over" });
    expect(clock.now).toBe(0);
  });
});

describe("a look at a peer by name too", () => {
  const uuid = randomUUID();
  const readByName = () => clock.until(peers.readPeer("node2", { uuid, name: "web1" }, never));

  it("sees an active domain of the name whose UUID is another one, and which", async () => {
    const namesake = node2.define("web1", CODE.booted);

    expect(await readByName()).toMatchObject({ kind: "active", uuid: namesake.uuid });
    expect(await read(uuid)).toEqual({ kind: "not defined" });
  });

  it("sees it beside the domain of the UUID that has another name and is off", async () => {
    node2.define("renamed", CODE.offUnknown, uuid);
    const namesake = node2.define("web1", CODE.booted);

    expect(await readByName()).toMatchObject({ kind: "active", uuid: namesake.uuid });
  });

  it("takes no notice of one that is off", async () => {
    node2.define("web1", CODE.offUnknown);

    expect(await readByName()).toEqual({ kind: "not defined" });
  });

  it("takes no notice of it while the domain of the UUID is active", async () => {
    node2.define("renamed", CODE.booted, uuid);
    node2.define("web1", CODE.booted);

    expect(await readByName()).toMatchObject({ kind: "active", uuid });
  });
});

describe("a look at all peers", () => {
  it("reads them at once, and no longer than three seconds though one hangs", async () => {
    const { uuid } = node2.define("web1", CODE.booted);
    node3.hang();
    const sights = await clock.until(peers.readPeers({ uuid }, never));

    expect([...sights].map(([system, { kind }]) => `${system} ${kind}`)).toEqual([
      "node2 active",
      "node3 unreadable",
    ]);
    expect(clock.now).toBe(3000);
  });
});

describe("a look at very many peers", () => {
  it("warns of no listeners", async () => {
    const warned: Error[] = [];
    const onWarning = (warning: Error) => warned.push(warning);
    process.on("warning", onWarning);
    const many = new Peers({
      uris: () =>
        new Map(Array.from({ length: 64 }, (_, at) => [`node${at}`, `qemu+tcp://node${at}/system`])),
      open: (_peer, signal) => node2.open(signal),
    });
    const { uuid } = node2.define("web1", CODE.booted);
    const sights = await clock.until(many.readPeers({ uuid }, new AbortController().signal));
    await clock.settle();
    process.off("warning", onWarning);

    expect(sights.size).toBe(64);
    expect(warned).toEqual([]);
  });
});

describe("a connection to a peer", () => {
  it("is the caller's own", async () => {
    const session = await clock.until(peers.connect("node2", never));

    expect(session.closed).toBe(false);
    expect(opened).toEqual(["qemu+tcp://node2/system"]);
    await session.close();
  });

  it("is refused for a system that the configuration does not name", async () => {
    expect(await errorOf(peers.connect("node9", never))).toMatchObject({
      code: "BAD_ATTRIBUTE",
      message: "system node9 is not among the peers of the configuration",
    });
  });
});

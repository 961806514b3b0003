import { describe, expect, it } from "vitest";
import type { Attributes } from "../../../src/attributes.ts";
import { peerCheck, peerCpuCheck } from "../../../src/kvm/readiness/peer.ts";
import { peerAddressCheck } from "../../../src/kvm/readiness/peer-address.ts";
import { peerGuestCheck } from "../../../src/kvm/readiness/peer-guest.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import {
  FakeInspectedHost,
  type InspectedDomain,
  type InspectedOptions,
  wordsOf,
} from "../../support/fakes/inspected-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
const UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const OTHER = "00000000-f6a4-8304-79aa-97f2502e193f";
const URI = "qemu+tls://node2/system";
const THERE: InspectedOptions = { hostUuid: "22222222-0000-0000-0000-000000000002" };
const GONE: InspectedOptions = { refusal: new LibvirtCallError("no socket", "nobody there") };

function node2(options: InspectedOptions, uri = URI) {
  return { system: "node2", uri, access: new FakeInspectedHost(options).access };
}

const saidOfPeer = async (there: InspectedOptions, here: InspectedOptions = {}) =>
  wordsOf(await peerCheck(new FakeInspectedHost(here).access, node2(there), "node1").look(never));

describe("the check of a peer", () => {
  it("tells its versions, and where the way back is checked", async () => {
    expect(await saidOfPeer(THERE)).toEqual([
      "ok: qemu+tls://node2/system answers: libvirt 9.0.0, QEMU 7.2.22; the way back is checked there: kvmguestctl check --peer node1",
    ]);
  });

  it("warns of an older emulator there", async () => {
    expect(await saidOfPeer({ ...THERE, emulator: 6_002_000 })).toEqual([
      "warning: qemu+tls://node2/system answers: libvirt 9.0.0, QEMU 6.2.0, older than QEMU 7.2.22 here: a guest with a newer machine type cannot migrate there",
    ]);
  });

  it("has a problem with a peer that does not answer, and with one that is this host itself", async () => {
    expect(await saidOfPeer(GONE)).toEqual([
      "problem: asking node2 at qemu+tls://node2/system: nobody there",
    ]);
    expect(await saidOfPeer({})).toEqual([
      "problem: qemu+tls://node2/system leads to a host with this host's own UUID, 11111111-0000-0000-0000-000000000001: to this host itself, or to a clone of it",
    ]);
  });
});

describe("the check of a peer's CPU", () => {
  it.each([
    [1, "ok: the same CPU as here"],
    [2, "ok: has all that this host's CPU has, and more"],
    [
      0,
      "warning: lacks what this host's CPU has: a guest with cpu mode host-passthrough or host-model cannot migrate there while it runs",
    ],
  ])("asks the peer what this host's CPU is to it: %i", async (cpuResult, expected) => {
    const there = new FakeInspectedHost({ ...THERE, cpuResult });
    const check = peerCpuCheck(new FakeInspectedHost().access, {
      system: "node2",
      uri: URI,
      access: there.access,
    });

    expect(wordsOf(await check.look(never))).toEqual([expected]);
    expect(there.calls).toEqual(["compareCpu <cpu><model>Own</model></cpu>"]);
  });

  it("says nothing of a peer that does not answer", async () => {
    const check = peerCpuCheck(new FakeInspectedHost().access, node2(GONE));

    expect(wordsOf(await check.look(never))).toEqual([
      "not checked: comparing CPUs with node2: nobody there",
    ]);
  });
});

async function saidOfAddress(
  options: InspectedOptions,
  { migrateUri, uri = URI, isSilent = false }: { migrateUri?: string; uri?: string; isSilent?: boolean } = {},
) {
  const knocks: string[] = [];
  const check = peerAddressCheck(node2(options, uri), migrateUri, {
    addressOf: (name) =>
      name === "node2" ? Promise.resolve("192.0.2.9") : Promise.reject(new Error("ENOTFOUND")),
    knock: async (host, port) => {
      knocks.push(`${host}:${port}`);
      return isSilent ? { kind: "silent", why: "no answer" } : { kind: "answers" };
    },
  });
  return { words: wordsOf(await check.look(never)), knocks };
}

describe("the check of a peer's address", () => {
  it("knocks at the first port of libvirt where the peer says that it is", async () => {
    expect(await saidOfAddress({})).toEqual({
      words: ["ok: node2 calls itself node2 (192.0.2.9), and nothing drops what goes to its port 49152"],
      knocks: ["192.0.2.9:49152"],
    });
  });

  it("knocks where migrateUri leads to", async () => {
    const migrateUri = "tcp://{host}:49999";

    expect(
      (await saidOfAddress({}, { migrateUri, uri: "qemu+ssh://root@192.0.2.8:2222/system" })).knocks,
    ).toEqual(["192.0.2.8:49999"]);
    expect(
      (await saidOfAddress({}, { migrateUri: "tcp://{host}", uri: "qemu+tls://[2001:db8::7]/system" }))
        .knocks,
    ).toEqual(["2001:db8::7:49152"]);
  });

  it("has a problem with a port that nobody answers for", async () => {
    expect((await saidOfAddress({ hostname: "192.0.2.7" }, { isSilent: true })).words).toEqual([
      "problem: node2 calls itself 192.0.2.7 (192.0.2.7), but nobody answers for its port 49152: no answer",
    ]);
  });

  it("has a problem with a name that leads nowhere, or back to this host", async () => {
    expect((await saidOfAddress({ hostname: "node2.invalid" })).words).toEqual([
      "problem: node2 calls itself node2.invalid, a name that this host cannot resolve: its guests cannot migrate there",
    ]);
    expect((await saidOfAddress({ hostname: "127.0.1.1" })).words).toEqual([
      "problem: node2 calls itself 127.0.1.1, which is 127.0.1.1 for this host: itself",
    ]);
  });

  it("does not knock at a socket of this host", async () => {
    expect((await saidOfAddress({}, { migrateUri: "unix:///run/x" })).words).toEqual([
      "not checked: migration.migrateUri is unix:///run/x, a socket of this host",
    ]);
  });
});

const domainXml = (paths: readonly string[], machine = "pc") => {
  const disks = paths.map((path, at) => `<disk><source file='${path}'/><target dev='vd${"ab"[at]}'/></disk>`);
  return `<domain><os><type machine='${machine}'>hvm</type></os><devices>${disks.join("")}</devices></domain>`;
};

describe("the check of a guest on a peer", () => {
  const HERE: InspectedDomain = { uuid: UUID, xml: domainXml(["/vm/a"]) };

  async function said(
    there: InspectedDomain | undefined,
    { changes = {}, options = {} }: { changes?: Partial<Attributes>; options?: InspectedOptions } = {},
  ) {
    const peer = node2({ ...THERE, domains: there === undefined ? {} : { web1: there }, ...options });
    const here = new FakeInspectedHost({ domains: { web1: HERE } });
    const resource = { resource: "vm1", attributes: attributesOfGuest("web1", changes) };
    return wordsOf(await peerGuestCheck(here.access, peer, resource).look(never));
  }

  it("is content with the same guest with the same disks", async () => {
    expect(await said(HERE)).toEqual(["ok: defined there with the same UUID and disks, which are there"]);
  });

  it("tells whether a guest that is not defined there can be started there", async () => {
    expect(await said(undefined)).toEqual([
      "warning: not defined there, and GuestConfigFilePath is not set: it can migrate there, and cannot be started there",
    ]);
    expect(await said(undefined, { changes: { guestConfigFilePath: "/vm/web1.xml" } })).toEqual([
      "ok: not defined there, which GuestConfigFilePath mends; its disks there: run this check on node2",
    ]);
  });

  it("has a problem with another UUID", async () => {
    expect(await said({ uuid: OTHER, xml: domainXml(["/vm/a"]) })).toEqual([
      `problem: has the UUID ${OTHER} there and ${UUID} here: two guests of one name, which cannot migrate to each other`,
    ]);
  });

  it("warns of other disks, and has a problem with those that cannot be used", async () => {
    const badDisks = { vda: "Failed to open file '/vm/b': No such file or directory" };

    expect(await said({ uuid: UUID, xml: domainXml(["/vm/b"]), badDisks })).toEqual([
      "warning: its definition there does not have these disks: /vm/a",
      "problem: disk vda, /vm/b, cannot be used there: looking at disk vda on node2: Failed to open file '/vm/b': No such file or directory",
    ]);
  });

  it("has a problem with a machine type that the peer does not know", async () => {
    expect(await said(HERE, { options: { machines: ["pc-i440fx-6.2"] } })).toEqual([
      "problem: its machine type pc is not known there: it can neither migrate there nor be started there",
    ]);
  });

  it("says nothing of a peer that does not answer", async () => {
    expect(await said(HERE, { options: GONE })).toEqual([
      "not checked: looking up guest web1 on node2: nobody there",
    ]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DomainStateCode } from "../../../src/kvm/hypervisor.ts";
import type { Whereabouts } from "../../../src/migration.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";

const never = new AbortController().signal;
const UUID = "5c1b8d3c-0000-4000-8000-0000000000a1";
const URI = { node2: "qemu+tcp://node2/system", node3: "qemu+tcp://node3/system" } as const;

let host: KvmHost;
let node2: FakeLibvirtd;
let node3: FakeLibvirtd;

beforeEach(async () => {
  host = await makeKvmHost();
  node2 = new FakeLibvirtd();
  node3 = new FakeLibvirtd();
  host.others.set(URI.node2, node2).set(URI.node3, node3);
  host.settings.peers = new Map(Object.entries(URI));
});

afterEach(async () => {
  await host.stop();
});

function whereIs(known: Partial<Whereabouts> = {}) {
  return host.clock.until(host.platform.whereIs("web1", { uuid: UUID, peer: "node2", ...known }, never));
}

function here(code: DomainStateCode) {
  return host.libvirtd.define("web1", code, UUID);
}

function there(libvirtd: FakeLibvirtd, code: DomainStateCode) {
  return libvirtd.define("web1", code, UUID);
}

describe("a guest that is looked for on all peers and found on none", () => {
  it("ended on the peer that says so of itself", async () => {
    here(CODE.offCrashed);
    there(node3, CODE.offShutdown);

    expect(await whereIs({ peer: undefined, endedHere: true })).toMatchObject({
      kind: "lost",
      endedOn: "node3",
    });
  });

  it.each([CODE.offMigrated, CODE.offUnknown])(
    "ended on no peer that only was rid of it: %j",
    async (code) => {
      here(CODE.offCrashed);
      there(node2, code);

      expect(await whereIs({ peer: undefined, endedHere: true })).toEqual({
        kind: "lost",
        endedOn: undefined,
        why: "libvirt here says shut off (crashed), other hosts: not active on any peer",
      });
    },
  );
});

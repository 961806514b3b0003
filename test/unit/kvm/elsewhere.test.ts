import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorOf } from "../../support/error-of.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
const URI = "qemu+tcp://node2/system";
let host: KvmHost;
let node2: FakeLibvirtd;

beforeEach(async () => {
  host = await makeKvmHost();
  node2 = new FakeLibvirtd();
  host.others.set(URI, node2);
  host.settings.peers = new Map([["node2", URI]]);
});

afterEach(async () => {
  await host.stop();
});

function look() {
  return host.clock.until(host.platform.refuseIfElsewhere("web1", never));
}

/** The same guest on the other system. */
function onNode2(code: (typeof CODE)[keyof typeof CODE]) {
  node2.define("web1", code, host.libvirtd.named("web1").uuid);
}

describe("a guest that is to be started here", () => {
  beforeEach(() => {
    host.libvirtd.define("web1");
  });

  it.each([
    ["booted", "running (booted)"],
    ["pausedByUser", "paused (user)"],
    ["asleep", "pmsuspended (unknown)"],
    ["pausedSaving", "paused (saving)"],
    ["pausedMigrating", "paused (migrating)"],
    ["panicked", "crashed (panicked)"],
  ] as const)("is refused when it is %s on a peer", async (code, text) => {
    onNode2(CODE[code]);

    expect(await errorOf(look())).toMatchObject({
      code: "REFUSED",
      message: `guest web1 is active on system node2, where libvirt says ${text}: it is not started here a second time; end or migrate it there first`,
    });
  });

  it("is refused when another UUID has its name on a peer: hosts may have made up one each", async () => {
    const { uuid } = host.libvirtd.named("web1");
    const namesake = node2.define("web1", CODE.booted);

    expect(await errorOf(look())).toMatchObject({
      code: "REFUSED",
      message: `guest web1 is active on system node2, where libvirt says running (booted) and its UUID is ${namesake.uuid}, not ${uuid} as here: it is not started here a second time; end or migrate it there first`,
    });
  });

  it("may start when the peer knows it as off, or not at all", async () => {
    await look();
    onNode2(CODE.offMigrated);
    await look();
    node2.define("web1", CODE.offUnknown);
    await look();

    expect(host.log.messages("warn")).toEqual([]);
  });

  it("may start when a peer cannot be read, which is said once an outage", async () => {
    node2.stop();
    await look();
    await look();
    node2.start();
    await look();
    node2.stop();
    await look();

    expect(host.log.entries.filter(({ fields }) => "system" in fields)).toMatchObject([
      {
        level: "warn",
        message: "peer cannot be read, a guest that runs there is not seen",
        fields: {
          system: "node2",
          reason: "connecting to the libvirtd of node2: connect ECONNREFUSED /run/libvirt/libvirt-sock",
        },
      },
      { level: "info", message: "peer can be read again", fields: { system: "node2" } },
      { level: "warn", fields: { system: "node2" } },
    ]);
  });

  it("is refused when a peer cannot be read and the policy is strict", async () => {
    host.settings.doubleStart = "strict";
    node2.stop();

    expect(await errorOf(look())).toMatchObject({
      code: "REFUSED",
      message:
        "guest web1 may be active on a system that cannot be read, and doubleStart is strict: node2 (connecting to the libvirtd of node2: connect ECONNREFUSED /run/libvirt/libvirt-sock)",
    });
  });

  it("is refused for the peer that holds it though another cannot be read", async () => {
    host.settings.peers = new Map([
      ["node3", "qemu+tcp://node3/system"],
      ["node2", URI],
    ]);
    onNode2(CODE.booted);

    expect(await errorOf(look())).toMatchObject({
      code: "REFUSED",
      message: matching(/active on system node2/),
    });
  });

  it("costs nothing without peers", async () => {
    host.settings.peers = new Map();
    const before = host.libvirtd.calls.length;
    await look();

    expect(host.libvirtd.calls).toHaveLength(before);
  });
});

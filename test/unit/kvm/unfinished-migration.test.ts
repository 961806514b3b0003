import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runsTwice } from "../../../src/kvm/migration-end.ts";
import { online } from "../../../src/resource-state.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { libvirtError } from "../../support/fakes/libvirt-error.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
const URI = "qemu+tcp://node2/system";

/** Source: libvirt-domain.h, VIR_DOMAIN_RUNNING_MIGRATION_CANCELED. */
const MIGRATION_CANCELED = { state: 1, reason: 6 };

let host: KvmHost;

beforeEach(async () => {
  host = await makeKvmHost();
});

afterEach(async () => {
  await host.stop();
});

describe("a domain that is paused for a migration", () => {
  it.each([
    ["none", "stuck"],
    ["ended", "stuck"],
    ["outgoing", undefined],
    ["incoming", undefined],
  ] as const)("with a job that is %s has moved: %s", async (job, moved) => {
    host.libvirtd.define("web1", CODE.pausedMigrating).job = job;

    expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({ moved });
  });

  it("is ONLINE with a low confidence while it is stuck: it holds its disks", async () => {
    host.libvirtd.define("web1", CODE.pausedMigrating);

    expect(await host.clock.until(host.platform.read("web1", never))).toMatchObject({
      state: online(20),
      active: true,
    });
  });
});

describe("a guest that libvirt lets go on on both hosts", () => {
  it.each([
    ["running", "running", true],
    ["resumed", "running", true],
    ["suspended", "running", false],
    ["handed over", "running", false],
    ["unreadable", "running", false],
    ["resumed", "incoming", false],
    ["resumed", "unreadable", false],
  ] as const)("source %s, target %s: %s", (source, target, is) => {
    expect(runsTwice(source, target)).toBe(is);
  });

  it("is a doubt at once that tells the operator to end one", async () => {
    const node2 = new FakeLibvirtd();
    host.others.set(URI, node2);
    host.settings.peers = new Map([["node2", URI]]);
    const { uuid } = host.libvirtd.define("web1", CODE.booted);
    host.libvirtd.onMigrate = async () => {
      node2.define("web1", CODE.migrated, uuid);
      host.libvirtd.becomes("web1", MIGRATION_CANCELED);
      throw libvirtError("migratePerform3Params", 1, "client socket is closed");
    };
    const plan = {
      target: "node2",
      abortAfterMs: 60_000,
      onMoving: async () => undefined,
      onProgress: () => undefined,
    };
    const since = host.clock.now;

    const end = await host.clock.until(host.platform.migrate("web1", plan, never));

    expect(end).toEqual({
      kind: "doubtful",
      why: matching(
        /; it runs on BOTH hosts, end one of the two by force at once; decide with: virsh .* and virsh /,
      ),
    });
    expect(host.clock.now - since).toBeLessThan(5000);
    expect(host.libvirtd.named("web1").isActive && node2.named("web1").isActive).toBe(true);
  });
});

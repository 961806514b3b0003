import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { pause } from "../../../src/deadline.ts";
import type { MigrationEnd, MigrationProgress } from "../../../src/migration.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import {
  type Ends,
  giveUp,
  handOver,
  letGo,
  liveMigration,
  receive,
  takeOver,
} from "../../support/fakes/fake-migration.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { matching } from "../../support/matching.ts";

const NEVER = new AbortController().signal;
const URI = "qemu+tls://node2.example/system";
let host: KvmHost;
let node2: FakeLibvirtd;
let ends: Ends;
let caller: AbortController;
let progress: MigrationProgress[];

beforeEach(async () => {
  host = await makeKvmHost();
  node2 = new FakeLibvirtd();
  host.others.set(URI, node2);
  host.settings.peers = new Map([["node2", URI]]);
  await host.emulators.begin("web1", host.libvirtd.define("web1", CODE.booted).uuid);
  ends = { name: "web1", source: host.libvirtd, target: node2 };
  caller = new AbortController();
  progress = [];
  host.libvirtd.onMigrate = liveMigration(host.libvirtd, host.others, {
    transferMs: 3_600_000,
    handOverMs: 200,
  });
});

afterEach(async () => {
  await host.stop();
});

function ask(abortAfterMs = 240_000): Promise<MigrationEnd> {
  const plan = { target: "node2", abortAfterMs, onMoving: () => Promise.resolve(), onProgress: keep };
  return host.platform.migrate("web1", plan, caller.signal);
}

function keep(one: MigrationProgress): void {
  progress.push(one);
}

function count(call: string): number {
  return host.libvirtd.calls.filter((made) => made === call).length;
}

function web1() {
  return host.libvirtd.named("web1");
}

describe("a migration whose time is over (scenario 72)", () => {
  it("is aborted, and the guest stays", async () => {
    const asked = ask(60_000);
    await host.clock.advance(59_900);
    expect(count("abortJob")).toBe(0);

    expect(await host.clock.until(asked)).toMatchObject({
      kind: "stayed",
      why: matching(
        /^over qemu\+tls:\/\/node2\.example\/system: operation aborted: migration out job: canceled by client; /,
      ),
    });
    expect(host.clock.now).toBeLessThan(61_000);
    expect(count("abortJob")).toBe(1);
    expect(web1().code).toEqual(CODE.booted);
  });

  it("is aborted soon though libvirt leaves a look at it without an answer just then", async () => {
    const asked = ask(10_000);
    await host.clock.advance(9600);
    host.libvirtd.hang();
    await host.clock.advance(1400);
    host.libvirtd.goOn();

    expect(await host.clock.until(asked)).toMatchObject({ kind: "stayed" });
    expect(count("abortJob")).toBe(1);
    expect(host.clock.now).toBeLessThan(13_000);
  });

  it("has its time from the call on, not from when libvirt was asked", async () => {
    host.libvirtd.hang();
    setTimeout(() => host.libvirtd.goOn(), 2000);
    await host.clock.until(ask(5000));

    expect(count("abortJob")).toBe(1);
    expect(host.clock.now).toBeLessThan(6000);
  });

  it("is asked to end again where libvirt did not take the abort", async () => {
    let refusals = 2;
    const { onMigrate } = host.libvirtd;
    host.libvirtd.onMigrate = async (domain, uri, aborted) => {
      const { abortJob } = domain;
      domain.abortJob = () => {
        refusals -= 1;
        if (refusals >= 0) throw new Error("cannot acquire state change lock");
        abortJob?.();
      };
      await onMigrate(domain, uri, aborted);
    };

    expect(await host.clock.until(ask(5000))).toMatchObject({ kind: "stayed" });
    expect(host.log.count("migration could not be aborted")).toBe(2);
    expect(host.log.count("migration is aborted")).toBe(1);
  });

  it("is told as what it became when it ended in the same moment", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      await pause(5000, NEVER);
      handOver(ends);
      takeOver(ends);
      await letGo(ends);
    };

    expect(await host.clock.until(ask(4900))).toMatchObject({ kind: "moved" });
  });
});

describe("a clean of a guest that migrates", () => {
  it("aborts the migration first and waits for its end", async () => {
    const asked = ask();
    await host.clock.advance(5000);
    caller.abort(new AgentError("CANCELLED", "migrate: clean of the same guest took over"));

    expect(await host.clock.until(asked)).toMatchObject({ kind: "stayed" });
    expect(count("abortJob")).toBe(1);
    expect(host.clock.now).toBeLessThan(6000);
  });

  it("does not wait for an abort that hangs longer than for the migration", async () => {
    const asked = ask();
    await host.clock.advance(5000);
    host.libvirtd.hang();
    const since = host.clock.now;
    caller.abort(new AgentError("CANCELLED", "migrate: clean of the same guest took over"));

    expect(await host.clock.until(asked)).toMatchObject({ kind: "doubtful" });
    expect(host.clock.now - since).toBeLessThan(14_000);
  });

  it("gets the truth when the guest has left in the meantime", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      handOver(ends);
      await pause(3000, NEVER);
      takeOver(ends);
      await letGo(ends);
    };
    const asked = ask();
    await host.clock.advance(1000);
    caller.abort(new AgentError("CANCELLED", "migrate: clean of the same guest took over"));

    expect(await host.clock.until(asked)).toMatchObject({ kind: "moved" });
  });

  it("does not wait for ever for a migration that cannot be ended, and nobody knows where the guest is then", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      await pause(600_000, NEVER);
    };
    const asked = ask();
    await host.clock.advance(1000);
    caller.abort(new AgentError("CANCELLED", "migrate: clean of the same guest took over"));

    expect(await host.clock.until(asked)).toMatchObject({ kind: "doubtful" });
    expect(host.clock.now).toBeLessThan(15_000);
  });
});

describe("the end of the daemon, and its own deadline", () => {
  it.each([
    ["the daemon ends", new Error("the daemon ends"), "CANCELLED"],
    ["the deadline passes", new AgentError("TIMED_OUT", "migrate did not end within 270000 ms"), "TIMED_OUT"],
  ])("leave a migration to libvirt when %s", async (_what, reason, code) => {
    const asked = errorOf(ask());
    await host.clock.advance(5000);
    caller.abort(reason);

    expect(await host.clock.until(asked)).toMatchObject({ code });
    expect(count("abortJob")).toBe(0);
    expect(web1().job).toBe("outgoing");
  });
});

describe("a connection that breaks under a migration", () => {
  it("leaves the end to both ends", async () => {
    const asked = ask();
    await host.clock.advance(5000);
    host.libvirtd.stop();
    await giveUp(ends);
    await host.clock.advance(500);
    host.libvirtd.start();

    expect(await host.clock.until(asked)).toMatchObject({ kind: "stayed" });
  });

  it("is no doubt while the migration goes on, which is waited for", async () => {
    host.libvirtd.onMigrate = liveMigration(host.libvirtd, host.others, {
      transferMs: 120_000,
      handOverMs: 200,
    });
    const asked = ask();
    await host.clock.advance(5000);
    host.libvirtd.disconnect();

    expect(await host.clock.until(asked)).toMatchObject({ kind: "moved" });
    expect(host.clock.now).toBeGreaterThan(120_000);
    expect(count("abortJob")).toBe(0);
  });

  it("does not keep the migration from being aborted in its time", async () => {
    const asked = ask(60_000);
    await host.clock.advance(5000);
    host.libvirtd.disconnect();

    expect(await host.clock.until(asked)).toMatchObject({ kind: "stayed" });
    expect(count("abortJob")).toBe(1);
    expect(host.clock.now).toBeLessThan(62_000);
  });

  it("does not keep a clean from aborting it", async () => {
    const asked = ask();
    await host.clock.advance(5000);
    caller.abort(new AgentError("CANCELLED", "migrate: clean of the same guest took over"));
    host.libvirtd.disconnect();

    expect(await host.clock.until(asked)).toMatchObject({ kind: "stayed" });
    expect(host.clock.now).toBeLessThan(15_000);
  });
});

describe("a migration that runs", () => {
  it("tells what is left, how fast it goes and when it will end", async () => {
    const asked = errorOf(ask());
    web1().figures = new Map<string, unknown>([
      ["memory_remaining", 512n * 1_048_576n],
      ["memory_bps", 100n * 1_048_576n],
      ["memory_dirty_rate", 2560n], // pages of 4096 bytes: 10 MiB/s
      ["downtime", 12n],
    ]);
    await host.clock.advance(600);
    web1().figures = new Map<string, unknown>([
      ["memory_remaining", 512n * 1_048_576n],
      ["memory_bps", 1_048_576n],
      ["memory_dirty_rate", 100_000n],
      ["memory_page_size", 4096],
    ]);
    await host.clock.advance(500);
    caller.abort(new Error("the daemon ends"));
    await host.clock.until(asked);

    expect(progress).toEqual([
      { remainingMiB: 512, mibPerS: 100, expectedS: 6, downtimeMs: 12 },
      // it writes faster than the network carries
      { remainingMiB: 512, mibPerS: 1, expectedS: undefined, downtimeMs: undefined },
    ]);
  });

  it("gets its longest downtime once, when its job runs", async () => {
    host.settings.migration = { ...host.settings.migration, downtimeMs: 500 };
    const asked = errorOf(ask());
    await host.clock.advance(5000);
    caller.abort(new Error("the daemon ends"));
    await host.clock.until(asked);

    expect(web1().maxDowntimeMs).toBe(500);
    expect(count("migrateSetMaxDowntime")).toBe(1);
  });

  it("keeps libvirt's own downtime where none is configured", async () => {
    const asked = errorOf(ask());
    await host.clock.advance(5000);
    caller.abort(new Error("the daemon ends"));
    await host.clock.until(asked);

    expect(count("migrateSetMaxDowntime")).toBe(0);
    expect(count("migrateStartPostCopy")).toBe(0);
  });
});

describe("a migration that may turn to post-copy", () => {
  beforeEach(() => {
    host.settings.migration = { ...host.settings.migration, postCopy: true };
  });

  it("does so after two passes over the memory, once, and is never aborted from then on", async () => {
    const asked = errorOf(ask(20_000));
    web1().figures = new Map([["memory_iteration", 2n]]);
    await host.clock.advance(5000);
    expect(web1().isPostCopy).toBe(false);
    web1().figures = new Map([["memory_iteration", 3n]]);
    await host.clock.advance(120_000);
    caller.abort(new Error("the daemon ends"));
    await host.clock.until(asked);

    expect(count("migrateStartPostCopy")).toBe(1);
    expect(count("abortJob")).toBe(0);
  });

  it("is not aborted by a clean either, nor when its connection breaks", async () => {
    const asked = ask(20_000);
    web1().figures = new Map([["memory_iteration", 3n]]);
    await host.clock.advance(2000);
    host.libvirtd.disconnect();
    await host.clock.advance(60_000);
    expect(count("abortJob")).toBe(0);
    caller.abort(new AgentError("CANCELLED", "migrate: clean of the same guest took over"));

    expect(await host.clock.until(errorOf(asked))).toMatchObject({ code: "CANCELLED" });
    expect(count("abortJob")).toBe(0);
  });

  it("does not turn to it once it is being aborted", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      await pause(60_000, NEVER); // libvirt takes the abort and needs its time
      await giveUp(ends);
    };
    const asked = ask(5000);
    await host.clock.advance(6000);
    web1().figures = new Map([["memory_iteration", 3n]]);

    expect(await host.clock.until(asked)).toMatchObject({ kind: "stayed" });
    expect(count("migrateStartPostCopy")).toBe(0);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { pause } from "../../../src/deadline.ts";
import { MIGRATE } from "../../../src/libvirt/flags.ts";
import type { MigrationEnd, MigrationPlan } from "../../../src/migration.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import {
  type Ends,
  failed,
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
let moving: string[];
let caller: AbortController;

beforeEach(async () => {
  host = await makeKvmHost();
  node2 = new FakeLibvirtd();
  host.others.set(URI, node2);
  host.settings.peers = new Map([["node2", URI]]);
  host.libvirtd.define("web1", CODE.booted);
  ends = { name: "web1", source: host.libvirtd, target: node2 };
  moving = [];
  caller = new AbortController();
  takes({ transferMs: 3000, handOverMs: 200 });
});

afterEach(async () => {
  await host.stop();
});

function takes(durations: { transferMs: number; handOverMs: number }): void {
  host.libvirtd.onMigrate = liveMigration(host.libvirtd, host.others, durations);
}

function ask(changes: Partial<MigrationPlan> = {}): Promise<MigrationEnd> {
  const plan: MigrationPlan = {
    target: "node2",
    abortAfterMs: 240_000,
    onMoving: async (uuid) => void moving.push(`${uuid} ${host.libvirtd.migrations.length}`),
    onProgress: () => undefined,
    ...changes,
  };
  return host.platform.migrate("web1", plan, caller.signal);
}

function migrate(changes: Partial<MigrationPlan> = {}): Promise<MigrationEnd> {
  return host.clock.until(ask(changes));
}

function count(call: string): number {
  return host.libvirtd.calls.filter((made) => made === call).length;
}

/** A clean of the same guest takes over. */
function clean(): void {
  caller.abort(new AgentError("CANCELLED", "migrate: clean of the same guest took over"));
}

describe("a migration (scenario 65)", () => {
  it("moves the guest, after it is recorded and before libvirt is asked", async () => {
    const { uuid } = host.libvirtd.named("web1");

    expect(await migrate()).toEqual({
      kind: "moved",
      peer: "node2",
      why: "libvirt says it is done; libvirt here says shut off (migrated), node2: running (migrated)",
    });
    expect(moving).toEqual([`${uuid} 0`]);
    expect(node2.named("web1").code).toEqual(CODE.migrated);
  });

  it("is one call that libvirt carries through, live, kept on the target, and ended by a disk that fails", async () => {
    await migrate();

    expect(host.libvirtd.migrations).toEqual([
      {
        destinationUri: URI,
        params: [],
        flags:
          MIGRATE.LIVE |
          MIGRATE.PEER2PEER |
          MIGRATE.PERSIST_DEST |
          MIGRATE.ABORT_ON_ERROR |
          MIGRATE.AUTO_CONVERGE,
      },
    ]);
  });

  it.each([
    [{ autoConverge: false }, 0x100b],
    [{ postCopy: true }, 0xb00b],
    [{ encrypt: true }, 0x1_300b],
    [{ parallelConnections: 4 }, 0x2_300b],
    [{ autoConverge: false, postCopy: true, encrypt: true, parallelConnections: 2 }, 0x3_900b],
  ])(
    "asks with the flags of %j, and never to undefine the source or to be unsafe",
    async (changes, flags) => {
      host.settings.migration = { ...host.settings.migration, ...changes };
      await migrate();

      expect(host.libvirtd.migrations[0]?.flags).toBe(flags);
      expect(flags & (MIGRATE.UNDEFINE_SOURCE | MIGRATE.UNSAFE)).toBe(0);
    },
  );

  it("passes what is configured, the host of the peer's URI in place of {host}", async () => {
    host.settings.migration = {
      ...host.settings.migration,
      migrateUri: "tcp://{host}:49152",
      bandwidthMiBps: 100,
      parallelConnections: 4,
    };
    await migrate();

    expect(host.libvirtd.migrations[0]?.params).toEqual([
      { field: "migrate_uri", type: "string", value: "tcp://node2.example:49152" },
      { field: "bandwidth", type: "ullong", value: 100n },
      { field: "parallel.connections", type: "int", value: 4 },
    ]);
  });

  it.each([
    ["qemu+ssh://root@node2/system?keyfile=/k", "node2"],
    ["qemu+tls://[fe80::1]:16514/system", "[fe80::1]"],
  ])("takes the host out of %s", async (uri, name) => {
    host.others.set(uri, node2);
    host.settings.peers = new Map([["node2", uri]]);
    host.settings.migration = { ...host.settings.migration, migrateUri: "tcp://{host}" };
    await migrate();

    expect(host.libvirtd.migrations[0]?.params).toMatchObject([{ value: `tcp://${name}` }]);
  });

  it("leaves a suspended guest suspended", async () => {
    host.libvirtd.named("web1").code = CODE.pausedByUser;
    host.libvirtd.onMigrate = async () => {
      node2.define("web1", CODE.pausedByUser, host.libvirtd.named("web1").uuid);
      await letGo(ends);
    };

    expect(await migrate()).toMatchObject({ kind: "moved", why: matching(/node2: paused \(user\)/) });
    expect(count("resume")).toBe(0);
  });

  it("closes its connections", async () => {
    const before = host.libvirtd.sessions;
    await migrate();
    await host.clock.settle();

    expect(host.libvirtd.sessions).toBe(before);
    expect(node2.sessions).toBe(0);
  });
});

describe("a migration that cannot be (scenario 73)", () => {
  it.each([
    [
      "no such host",
      { target: "node9" },
      (): void => undefined,
      "no such host: the peers of the configuration are node2",
    ],
    [
      "the target is unreadable",
      {},
      (): void => node2.stop(),
      /the target cannot be read \(connecting to the libvirtd of node2: .*ECONNREFUSED/,
    ],
    [
      "it is active there already",
      {},
      (): void => void node2.define("web1", CODE.pausedByUser, host.libvirtd.named("web1").uuid),
      "it is active there already: paused (user)",
    ],
    [
      "it does not run here",
      {},
      (): void => void (host.libvirtd.named("web1").code = CODE.offShutdown),
      "libvirt here says shut off (shutdown)",
    ],
    [
      "a disk of it has failed",
      {},
      (): void => void (host.libvirtd.named("web1").code = CODE.pausedByIoError),
      "libvirt here says paused (I/O error)",
    ],
    // scenario 74
    [
      "a migration of it runs",
      {},
      (): void => void (host.libvirtd.named("web1").job = "outgoing"),
      "a migration of it runs already",
    ],
  ] as const)("is refused at once when %s", async (_what, changes, happen, why) => {
    happen();
    const error = await errorOf(migrate(changes));

    expect(error).toMatchObject({
      code: "REFUSED",
      message: matching(/^guest web1 is not migrated to node/),
    });
    expect(String(error)).toMatch(why);
    expect(moving).toEqual([]);
    expect(host.libvirtd.migrations).toEqual([]);
  });

  it("asks for nothing when a clean takes over before it is asked for", async () => {
    const asked = errorOf(ask({ onMoving: async () => clean() }));

    expect(await host.clock.until(asked)).toMatchObject({ code: "CANCELLED" });
    expect(host.libvirtd.migrations).toEqual([]);
  });
});

describe("a migration that fails (scenario 66)", () => {
  it("leaves the guest where it is, with libvirt's words", async () => {
    host.libvirtd.onMigrate = async () => {
      throw failed("Cannot access storage file '/disk.img'");
    };

    expect(await migrate()).toEqual({
      kind: "stayed",
      why: "over qemu+tls://node2.example/system: Cannot access storage file '/disk.img'; libvirt here says running (booted), node2: not defined",
    });
  });

  it("has moved the guest all the same when both ends say so", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      handOver(ends);
      takeOver(ends);
      await letGo(ends);
      throw failed("client socket is closed");
    };

    expect(await migrate()).toMatchObject({
      kind: "moved",
      why: matching(/^over qemu\+tls:\/\/node2\.example\/system: client socket is closed; /),
    });
  });

  it("has not moved the guest when libvirt calls it done and both ends say that it stayed", async () => {
    host.libvirtd.onMigrate = async () => undefined;

    expect(await migrate()).toMatchObject({ kind: "stayed" });
  });

  it("waits until libvirt has removed what it left on the target", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      host.libvirtd.named("web1").job = "none";
      void pause(2000, NEVER).then(() => giveUp(ends));
      throw failed("client socket is closed");
    };

    expect(await migrate()).toMatchObject({ kind: "stayed" });
    expect(node2.calls).not.toContain("destroy");
  });

  it("ends what libvirt leaves on the target for long: the source that runs proves it dead", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      throw failed("client socket is closed");
    };
    const asked = ask();
    await host.clock.advance(4000);
    expect(node2.calls).not.toContain("destroy");

    expect(await host.clock.until(asked)).toMatchObject({ kind: "stayed" });
    expect(node2.calls).toContain("destroy");
    expect(host.libvirtd.named("web1").isActive).toBe(true);
  });

  it("ends a source that stands still when the target runs", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      handOver(ends);
      takeOver(ends);
      throw failed("client socket is closed");
    };

    expect(await migrate()).toMatchObject({ kind: "moved", peer: "node2" });
    expect(count("destroy")).toBe(1);
    expect(node2.named("web1").code).toEqual(CODE.migrated);
  });

  it("has lost a guest that is on neither host", async () => {
    host.libvirtd.onMigrate = async () => {
      host.libvirtd.named("web1").code = CODE.offCrashed;
      throw failed("domain is not running");
    };

    expect(await migrate()).toMatchObject({
      kind: "lost",
      why: matching(/says shut off \(crashed\), node2: not/),
    });
  });

  it("is doubtful when the source was resumed and the target is silent, and names what decides it", async () => {
    host.libvirtd.onMigrate = async () => {
      receive(ends);
      handOver(ends);
      node2.stop();
      host.libvirtd.becomes("web1", CODE.migrationCanceled);
      throw failed("client socket is closed");
    };
    const end = await migrate();

    expect(end.kind).toBe("doubtful");
    expect(end.why).toMatch(/libvirt here says running \(migration canceled\), node2: cannot be read/);
    expect(end.why).toContain(
      `decide with: virsh -c 'qemu:///system' domstate --reason "web1" and virsh -c '${URI}' domstate --reason "web1"`,
    );
    expect(count("destroy")).toBe(0);
  });
});

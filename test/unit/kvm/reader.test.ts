import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DomainStateCode } from "../../../src/kvm/hypervisor.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, UNKNOWN } from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE, EVENT, type Job } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { matching } from "../../support/matching.ts";

const never = new AbortController().signal;
let host: KvmHost;

beforeEach(async () => {
  host = await makeKvmHost();
});

afterEach(async () => {
  await host.stop();
});

/** A guest that runs and that the platform was asked about before. */
async function running(name: string): Promise<string> {
  const uuid = await runningUnread(name);
  await read(name);
  return uuid;
}

async function runningUnread(name: string): Promise<string> {
  const { uuid } = host.libvirtd.define(name);
  await host.libvirtd.create(uuid);
  return uuid;
}

function read(name: string) {
  return host.clock.until(host.platform.read(name, never));
}

describe("a reading", () => {
  it("tells libvirt's words, the emulator and the UUID of a running guest", async () => {
    const uuid = await running("web1");

    expect(await read("web1")).toEqual({
      state: online(100),
      reason: "libvirt says running (booted)",
      active: true,
      migrating: false,
      suspended: undefined,
      uuid,
      emulator: {
        pid: host.emulators.pidOf(uuid),
        startTicks: matching(/^\d+$/),
        bootId: matching(/^[0-9a-f-]{36}$/),
      },
      source: "platform",
      ended: undefined,
      saved: "no",
    });
  });

  it.each([
    ["offSaved", "yes"],
    ["offUnknown", "unknown"], // libvirtd was restarted
    ["offShutdown", "no"],
    ["offCrashed", "no"],
    ["offMigrated", "no"],
    ["booted", "no"],
    ["pausedSaving", "no"],
  ] as const)("of a guest that is %s says of its memory: saved here, %s", async (code, saved) => {
    host.libvirtd.define("web1", CODE[code]);

    expect(await read("web1")).toMatchObject({ saved });
  });

  it("is OFFLINE for a guest that is not defined here", async () => {
    expect(await read("web1")).toMatchObject({
      state: OFFLINE,
      reason: "not defined on this host",
      active: false,
      source: "platform",
    });
  });

  it.each([
    [{ state: 3, reason: 1 }, INTENTIONAL_OFFLINE, "paused"],
    [{ state: 7, reason: 0 }, INTENTIONAL_OFFLINE, "asleep"],
    [{ state: 3, reason: 5 }, online(20), undefined],
    [{ state: 4, reason: 1 }, online(40), undefined],
    [{ state: 6, reason: 1 }, OFFLINE, undefined],
    [{ state: 0, reason: 0 }, UNKNOWN, undefined],
    [{ state: 9, reason: 9 }, UNKNOWN, undefined],
    [{ state: 3, reason: 99 }, UNKNOWN, undefined],
  ] as const)("of libvirt's numbers %j is %j", async (code, state, suspended) => {
    host.libvirtd.define("web1", code);

    expect(await read("web1")).toMatchObject({ state, suspended });
    expect((await host.clock.until(host.platform.readAll(["web1"], never))).get("web1")).toMatchObject({
      state,
      suspended,
    });
  });

  it.each<[DomainStateCode, Job, unknown, boolean]>([
    [{ state: 3, reason: 2 }, "outgoing", online(100), true],
    [{ state: 3, reason: 2 }, "incoming", OFFLINE, true],
    [{ state: 3, reason: 2 }, "refused", OFFLINE, true],
    [{ state: 3, reason: 2 }, "none", online(20), false],
    [{ state: 3, reason: 2 }, "hangs", online(20), false],
    [{ state: 3, reason: 2 }, "ended", online(20), false],
    [{ state: 3, reason: 11 }, "none", online(20), false],
    [{ state: 3, reason: 13 }, "outgoing", INTENTIONAL_OFFLINE, true],
    [{ state: 3, reason: 13 }, "refused", online(20), false],
  ])("of %j with the job %s is %j, migrating: %s", async (code, job, state, migrating) => {
    host.libvirtd.define("web1", code).job = job;

    expect(await read("web1")).toMatchObject({ state, migrating, active: true });
  });

  it.each([
    [CODE.pausedMigrating, "hangs"],
    [CODE.startingUp, "hangs"],
    [CODE.startingUp, "refused"],
  ] as const)("takes the emulator's own -incoming for %j where the job %s", async (code, job) => {
    const domain = host.libvirtd.define("web1", code);
    domain.job = job;
    await host.emulators.begin("web1", domain.uuid, ["-incoming", "defer"]);

    expect(await read("web1")).toMatchObject({ state: OFFLINE, migrating: true, incoming: true });
  });

  it("says what is under way, whatever the configuration answers", async () => {
    host.settings.overrides = new Map([
      ["paused (post-copy)", OFFLINE],
      ["paused (migrating, incoming)", online(20)],
    ]);
    host.libvirtd.define("web1", { state: 3, reason: 12 });
    host.libvirtd.define("db1", CODE.pausedMigrating).job = "refused";

    expect(await read("web1")).toMatchObject({ state: OFFLINE, runsOnTarget: true });
    expect(await read("db1")).toMatchObject({ state: online(20), incoming: true });
  });

  it("does not ask for a job where no migration is possible", async () => {
    await running("web1");
    await read("web1");

    expect(host.libvirtd.calls).not.toContain("getJobStats");
  });

  it("reads many guests, one that is not defined too, with one call", async () => {
    await running("web1");
    host.libvirtd.define("web2", CODE.offSaved);
    host.libvirtd.calls.length = 0;
    const readings = await host.clock.until(host.platform.readAll(["web1", "web2", "web3"], never));

    expect(["web1", "web2", "web3"].map((name) => readings.get(name)?.state)).toEqual([
      online(100),
      INTENTIONAL_OFFLINE,
      OFFLINE,
    ]);
    expect(host.libvirtd.calls).toEqual(["getAllDomainStats"]);
  });
});

describe("the end of a run", () => {
  it("is told with its cause", async () => {
    await running("web1");
    await host.libvirtd.end("web1", CODE.offCrashed, EVENT.stoppedFailed);

    expect(await read("web1")).toMatchObject({
      state: OFFLINE,
      reason: "libvirt says shut off (crashed); its last run ended: crashed or killed",
      ended: "crashed or killed",
    });
  });

  it("is told of a transient guest that has vanished", async () => {
    await running("web1");
    await read("web1");
    await host.libvirtd.end("web1", CODE.offCrashed, EVENT.stoppedFailed);
    host.libvirtd.undefine("web1");

    expect((await read("web1")).reason).toBe(
      "not defined on this host; its last run ended: crashed or killed",
    );
  });

  it.each([
    ["fault", OFFLINE],
    ["intentional", INTENTIONAL_OFFLINE],
  ] as const)("from inside the guest is, by the policy %s, %j", async (policy, state) => {
    host.settings.guestPowerOff = policy;
    await running("web1");
    await host.clock.until(host.libvirtd.powerOff("web1"));

    expect((await read("web1")).state).toEqual(state);
  });

  it.each([
    ["SIGTERM of the emulator", CODE.offShutdown, [EVENT.shutdownByHost, EVENT.stoppedShutdown]],
    ["kill -9", CODE.offCrashed, [EVENT.stoppedFailed]],
    ["destroy", CODE.offDestroyed, [EVENT.shutdownByHost, EVENT.stoppedDestroyed]],
  ] as const)("by %s is a fault whatever the policy", async (_what, code, events) => {
    host.settings.guestPowerOff = "intentional";
    await running("web1");
    await host.libvirtd.end("web1", code, ...events);

    expect((await read("web1")).state).toEqual(OFFLINE);
  });

  it("is not taken for intentional when the policy's guest was shut down by this agent", async () => {
    host.settings.guestPowerOff = "intentional";
    await running("web1");
    await host.clock.until(host.platform.requestShutdown("web1", never));
    await host.clock.advance(2000);

    expect(await read("web1")).toMatchObject({ state: OFFLINE, ended: "stopped by this agent" });
  });
});

describe("an alarming state", () => {
  it("is logged when the guest enters it, not at each reading", async () => {
    await running("web1");
    await read("web1");
    host.libvirtd.becomes("web1", CODE.pausedByIoError, EVENT.suspendedIoError);
    await read("web1");
    await read("web1");
    expect(host.log.count("guest is in an alarming state")).toBe(1);

    host.libvirtd.becomes("web1", CODE.unpaused, EVENT.resumedUnpaused);
    await read("web1");
    host.libvirtd.becomes("web1", CODE.pausedByIoError, EVENT.suspendedIoError);
    await read("web1");

    expect(host.log.count("guest is in an alarming state")).toBe(2);
  });
});

describe("a libvirt that does not answer", () => {
  it("leaves a running guest ONLINE 30 by its emulator alone", async () => {
    const uuid = await running("web1");
    await read("web1");
    host.libvirtd.hang();

    expect(await read("web1")).toMatchObject({
      state: online(30),
      active: true,
      source: "emulator",
      uuid,
      reason: `its emulator (pid ${host.emulators.pidOf(uuid)}) lives, but libvirt's answer (reading guest web1) did not end within 5000 ms`,
    });
  });

  it.each(["out", "in"])("proves nothing while libvirt has noted a migration %s", async (way) => {
    await running("web1");
    await read("web1");
    const status = `<domstatus state='running'><job type='none' async='migration ${way}' phase='perform3'/></domstatus>`;
    await writeFile(join(host.runDirectory, "web1.xml"), status);
    host.libvirtd.hang();

    expect(await errorOf(read("web1"))).toMatchObject({ code: "TIMED_OUT" });
  });

  it("proves nothing when the emulator has ended", async () => {
    const uuid = await running("web1");
    await read("web1");
    host.libvirtd.hang();
    await host.emulators.end(uuid);

    expect(await errorOf(read("web1"))).toMatchObject({ code: "TIMED_OUT" });
  });

  it("proves nothing when another emulator has taken the pid file", async () => {
    const uuid = await running("web1");
    await read("web1");
    await host.emulators.end(uuid);
    await host.emulators.begin("web1", uuid);
    host.libvirtd.stop();

    expect(await errorOf(read("web1"))).toMatchObject({ code: "PLATFORM_DOWN" });
  });

  it("proves nothing by an emulator that was started for a migration to here", async () => {
    const { uuid } = host.libvirtd.define("web1", CODE.migrated);
    await host.emulators.begin("web1", uuid, ["-incoming", "defer"]);
    await read("web1");
    host.libvirtd.hang();

    expect(await errorOf(read("web1"))).toMatchObject({ code: "TIMED_OUT" });
  });

  it("proves nothing of a guest whose last proved state was not running", async () => {
    await running("web1");
    await read("web1");
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);
    await read("web1");
    host.libvirtd.stop();

    expect(await errorOf(read("web1"))).toMatchObject({ code: "PLATFORM_DOWN" });
  });

  it("proves nothing of a guest that was never read", async () => {
    await runningUnread("web1");
    host.libvirtd.stop();

    expect(await errorOf(read("web1"))).toMatchObject({
      code: "PLATFORM_DOWN",
      message:
        "libvirt cannot be asked: opening the watch connection: connect ECONNREFUSED /run/libvirt/libvirt-sock",
    });
  });

  it("proves nothing in bulk", async () => {
    await running("web1");
    await read("web1");
    host.libvirtd.stop();
    const failed = host.clock.until(host.platform.readAll(["web1"], never));

    expect(await errorOf(failed)).toMatchObject({ code: "PLATFORM_DOWN" });
  });

  it("is waited for while it restarts", async () => {
    await running("web1");
    await read("web1");
    host.libvirtd.stop();
    const reading = host.platform.read("web1", never);
    await host.clock.advance(300);
    host.libvirtd.start();

    expect(await host.clock.until(reading)).toMatchObject({ state: online(100), source: "platform" });
  });

  it("is given up at once by the caller's own signal", async () => {
    await running("web1");
    await read("web1");
    host.libvirtd.hang();
    const gone = new AbortController();
    const failed = errorOf(host.platform.read("web1", gone.signal));
    await host.clock.settle();
    gone.abort(new Error("the shim went away"));

    expect(await failed).toMatchObject({ code: "CANCELLED" });
  });
});

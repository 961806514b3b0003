import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sleepIn } from "../../../src/kvm/vital-signs.ts";
import type { Reading } from "../../../src/platform.ts";
import { online } from "../../../src/resource-state.ts";
import { CODE, EVENT, type FakeDomain } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";
import { sleepingEmulator } from "../../support/trouble/fake-emulator.ts";

const never = new AbortController().signal;
const ALARM = "guest is in an alarming state";
let host: KvmHost;

beforeEach(async () => {
  host = await makeKvmHost();
});

afterEach(async () => {
  await host.stop();
});

/** A guest that runs and has been read. */
async function running(name: string): Promise<FakeDomain> {
  const domain = host.libvirtd.define(name);
  await host.libvirtd.create(domain.uuid);
  expect((await read(name)).state).toEqual(online(100));
  return domain;
}

function read(name: string): Promise<Reading> {
  return host.clock.until(host.platform.read(name, never));
}

async function readWithAll(name: string): Promise<Reading | undefined> {
  return (await host.clock.until(host.platform.readAll([name], never))).get(name);
}

describe("an emulator that a signal has stopped (scenario 27)", () => {
  it("lowers the confidence, in the reading of one guest and in that of all, and says why", async () => {
    const { uuid } = await running("web1");
    host.emulators.freeze(uuid, true);

    expect(await read("web1")).toMatchObject({
      state: online(20),
      active: true,
      reason: `libvirt says running (booted); its emulator (pid ${host.emulators.pidOf(uuid)}) is stopped by a signal or a debugger (state T)`,
    });
    expect((await readWithAll("web1"))?.state).toEqual(online(20));
  });

  it("is warned of once until it goes on", async () => {
    const { uuid } = await running("web1");
    host.emulators.freeze(uuid, true);
    await read("web1");
    await readWithAll("web1");
    expect(host.log.count(ALARM)).toBe(1);

    host.emulators.freeze(uuid, false);
    expect((await read("web1")).state).toEqual(online(100));
    host.emulators.freeze(uuid, true);
    await read("web1");
    expect(host.log.count(ALARM)).toBe(2);
  });

  it("lowers it too while libvirt is away", async () => {
    const { uuid } = await running("web1");
    host.emulators.freeze(uuid, true);
    host.libvirtd.stop();

    expect(await read("web1")).toMatchObject({ state: online(20), source: "emulator" });
  });

  it("changes nothing of a guest that is paused, whose emulator has nothing to do", async () => {
    const { uuid } = await running("web1");
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);
    host.emulators.freeze(uuid, true);

    expect((await read("web1")).reason).toBe("libvirt says paused (user); the administrator suspended it");
  });

  it("raises no confidence that the table has lowered", async () => {
    host.settings.overrides = new Map([["running (*)", online(10)]]);
    const domain = host.libvirtd.define("web1");
    await host.libvirtd.create(domain.uuid);
    await read("web1");
    host.emulators.freeze(domain.uuid, true);

    expect((await read("web1")).state).toEqual(online(10));
  });
});

describe("an emulator in an uninterruptible sleep", () => {
  const BEFORE = { sinceMs: 1000, ticks: 7 };

  it.each([
    ["begins when it is first seen", { threadState: "D", ticks: 7 }, undefined, { sinceMs: 9000, ticks: 7 }],
    ["is the same without CPU time since", { threadState: "D", ticks: 7 }, BEFORE, BEFORE],
    [
      "is another one after some CPU time",
      { threadState: "D", ticks: 8 },
      BEFORE,
      { sinceMs: 9000, ticks: 8 },
    ],
    ["ends with the thread's awakening", { threadState: "S", ticks: 7 }, BEFORE, undefined],
  ])("which %s", (_what, pulse, before, sleep) => {
    expect(sleepIn(pulse, before, 9000)).toEqual(sleep);
  });

  it("is nothing for a moment, and lowers the confidence when it sleeps the same sleep five seconds later", async () => {
    await host.stop();
    const uuid = randomUUID();
    const emulator = await sleepingEmulator({ guest: "web1", uuid });
    host = await makeKvmHost();
    await writeFile(join(host.runDirectory, "web1.pid"), `${emulator.pid}`);
    host.libvirtd.define("web1", CODE.booted, uuid);

    expect((await read("web1")).state).toEqual(online(100));
    await host.clock.advance(4000);
    expect((await readWithAll("web1"))?.state).toEqual(online(100));
    await host.clock.advance(1000);
    expect(await readWithAll("web1")).toMatchObject({
      state: online(20),
      reason: `libvirt says running (booted); its emulator (pid ${emulator.pid}) hangs in an uninterruptible sleep (state D), its storage is the usual reason`,
    });
    await emulator.stop();
  });
});

describe("libvirt's own word about the emulator's monitor", () => {
  it.each([
    ["has been waiting for it for ten seconds", { state: 2, details: 0, stateTimeMs: 10_000 }, 20],
    ["has lost it", { state: 3, details: 2, stateTimeMs: 10_000 }, 20],
    ["waits for it a moment", { state: 2, details: 0, stateTimeMs: 9999 }, 100],
    ["works on a job", { state: 1, details: 0, stateTimeMs: 60_000 }, 100],
    ["is at ease", { state: 0, details: 0, stateTimeMs: 0 }, 100],
  ] as const)("when libvirt %s", async (_what, control, confidence) => {
    const domain = await running("web1");
    domain.control = control;

    expect((await read("web1")).state).toEqual(online(confidence));
  });

  it("is asked for with one guest only, but then with all until the trouble is over", async () => {
    const domain = await running("web1");
    domain.control = { state: 2, details: 0, stateTimeMs: 20_000 };
    expect((await readWithAll("web1"))?.state).toEqual(online(100));
    expect(await read("web1")).toMatchObject({
      state: online(20),
      reason: "libvirt says running (booted); its emulator does not answer libvirt",
    });
    expect((await readWithAll("web1"))?.state).toEqual(online(20));
    domain.control = { state: 0, details: 0, stateTimeMs: 0 };
    expect((await readWithAll("web1"))?.state).toEqual(online(100));
    host.libvirtd.calls.length = 0;
    await readWithAll("web1");

    expect(host.libvirtd.calls).toEqual(["getAllDomainStats"]);
    expect(host.log.count(ALARM)).toBe(1);
  });

  it("spoils no reading when it does not come", async () => {
    host.libvirtd.hanging.add("getControlInfo");
    const domain = host.libvirtd.define("web1");
    await host.libvirtd.create(domain.uuid);

    expect((await read("web1")).state).toEqual(online(100));
  });
});

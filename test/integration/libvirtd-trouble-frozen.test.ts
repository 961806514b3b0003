import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { domainState, emulatorPid, freezeEmulator } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { configure } from "../support/trouble/configuration.ts";
import { argumentsOf, monitorCode, runEntryPoint, startShim } from "../support/trouble/entry-point-run.ts";
import { processState, stubbornEmulator, undyingEmulator } from "../support/trouble/fake-emulator.ts";
import { holdStarts } from "../support/trouble/hooks.ts";
import { defineSectorGuests, runSectorGuests } from "../support/trouble/sector-guests.ts";

const ONLINE_100 = 110;
const ONLINE_30 = 103;
const ONLINE_20 = 102;
const OFFLINE = 100;

const RUNNING = [
  "idle",
  "frozen",
  "dead",
  "fresh",
  "forgotten",
  "nameless",
  "stuck",
  "stubborn",
  "undying",
  "given",
  "icy",
  "other",
];

describe("libvirtd hangs or is dead when something must be done", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost();
    await configure(host, { libvirt: ["openTimeoutS: 2", "keepaliveIntervalS: 1", "keepaliveCount: 3"] });
    await runSectorGuests(host.libvirtd, RUNNING);
    await defineSectorGuests(host.libvirtd, ["starting"]);
    await host.daemon.start();
    for (const name of RUNNING) {
      await until(`${name} is known`, async () => (await monitorCode(host, of(name))) === ONLINE_100);
    }
  });

  afterAll(() => host.stop());

  const clean = (guest: string, timeoutS: number) => runEntryPoint(host, "clean", of(guest, timeoutS));
  /** Work beside a libvirtd that answers nobody; it goes on afterwards. */
  async function whileFrozen(work: () => Promise<void>): Promise<void> {
    await host.libvirtd.freeze();
    try {
      await work();
    } finally {
      host.libvirtd.thaw();
    }
    await until("libvirt answers again", async () => (await monitorCode(host, of("idle"))) === ONLINE_100);
  }

  /** Work beside a libvirtd that is gone; it is started again afterwards. */
  async function whileDead(work: () => Promise<void>): Promise<void> {
    await host.libvirtd.kill();
    try {
      await work();
    } finally {
      await host.libvirtd.restart();
    }
    await until("libvirt answers again", async () => (await monitorCode(host, of("idle"))) === ONLINE_100);
  }

  it("answers monitor within its limit from the emulator's proof (scenario 39)", async () => {
    await whileFrozen(async () => {
      const [roomy, tight] = await Promise.all([
        runEntryPoint(host, "monitor", of("idle", 20)),
        runEntryPoint(host, "monitor", of("idle", 4)),
      ]);

      expect(roomy.exitCode).toBe(ONLINE_30);
      expect(roomy.ms).toBeLessThan(12_000);
      // no time for patience: what is not proved in time is not known
      expect([99, ONLINE_30]).toContain(tight.exitCode);
      expect(tight.ms).toBeLessThan(4000);
    });

    // found by keepalive, and once for each connection however many monitors there were
    expect(host.daemon.said("libvirt connection lost", { lane: "watch" })).toHaveLength(1);
  });

  it("gives a monitor up when its shim is killed, and tells nobody (scenario 13)", async () => {
    await whileFrozen(async () => {
      const from = host.daemon.lines.length;
      const since = performance.now();
      const shim = startShim(host, "monitor", argumentsOf("monitor", of("given")));
      await until("it is in the middle of it", () => performance.now() - since > 1000);
      process.kill(shim.pid, "SIGKILL");

      const line = await host.daemon.waitForLine("entry point ended", { resource: "r-given" }, { from });
      expect(line["ms"]).toBeLessThan(4000); // not when libvirt's time is over
      expect(host.daemon.said("guest state cannot be determined", { resource: "r-given" })).toEqual([]);
    });
  });

  it("ends the emulator itself when libvirtd hangs at clean (scenario 39)", async () => {
    const pid = await emulatorPid(host.libvirtd, "frozen");
    const stranger = await stubbornEmulator({ guest: "stranger", uuid: randomUUID() });
    await writeFile(join(host.libvirtd.runDirectory, "frozen.pid"), `${stranger.pid}`);

    await whileFrozen(async () => {
      const { exitCode, ms } = await clean("frozen", 12);

      expect(exitCode).toBe(0);
      expect(await isGone(pid)).toBe(true);
      expect(ms).toBeLessThan(12_000);
      expect(ms).toBeGreaterThan(3000); // half of its time was libvirt's
      expect(host.daemon.said("emulator is ended by signals", { guest: "frozen" })).toHaveLength(1);
    });

    expect(await monitorCode(host, of("frozen"))).toBe(OFFLINE);
    expect(await isGone(await emulatorPid(host.libvirtd, "other"))).toBe(false);
    expect(await isGone(stranger.pid)).toBe(false); // a pid file proves nothing
    await stranger.stop();
  });

  it("ends a stopped emulator by SIGKILL when libvirtd is dead (scenario 52)", async () => {
    const pid = await freezeEmulator(host.libvirtd, "stuck");
    await until("it is stopped", async () => (await processState(pid)) === "T");

    await whileDead(async () => {
      const { exitCode } = await clean("stuck", 20);

      expect(exitCode).toBe(0);
      expect(await isGone(pid)).toBe(true);
    });
  });

  it("knows after its restart whose emulator to end while libvirtd is dead, and ends none of a mere name (scenario 39)", async () => {
    const { daemon, libvirtd, stateDirectory } = host;
    const names = ["fresh", "forgotten", "nameless", "other", "idle"];
    const pids = await Promise.all(names.map((name) => emulatorPid(libvirtd, name)));

    await whileDead(async () => {
      await daemon.stop();
      await rm(join(stateDirectory, "registrations/r-forgotten.json")); // libvirt's pid file is left
      await rm(join(stateDirectory, "registrations/r-nameless.json"));
      await rm(join(libvirtd.runDirectory, "nameless.pid"));
      await daemon.start();
      const ends = await Promise.all(["fresh", "forgotten", "nameless"].map((name) => clean(name, 12)));

      expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 0, 1]);
      expect(await Promise.all(pids.map(isGone))).toEqual([true, true, false, false, false]);
      const refusal = daemon.said("entry point failed", { resource: "r-nameless", entryPoint: "clean" });
      expect(JSON.stringify(refusal)).toContain(`pid ${pids[2]}`);
    });
  });

  it("ends what claims the guest's UUID though it ignores SIGTERM, and fails at what cannot die (scenario 52)", async () => {
    const { libvirtd } = host;
    const uuidOf = (guest: string) => libvirtd.virsh("domuuid", guest);
    const stubborn = await stubbornEmulator({ guest: "stubborn", uuid: await uuidOf("stubborn") });
    const undying = await undyingEmulator({ guest: "undying", uuid: await uuidOf("undying") });

    const [mortal, immortal] = await Promise.all([clean("stubborn", 30), clean("undying", 30)]);

    expect(mortal.exitCode).toBe(0);
    expect(await isGone(stubborn.pid)).toBe(true);
    expect(immortal.exitCode).toBe(1);
    expect(await domainState(libvirtd, "undying")).toContain("shut off");
    // law 11: libvirt says it is off, the engine must not take it as done
    await stubborn.stop();
    await undying.stop();
    expect((await clean("undying", 30)).exitCode).toBe(0);
  });

  it("is not sure of an emulator that is frozen, and ends it by libvirt (scenario 27)", async () => {
    const pid = await freezeEmulator(host.libvirtd, "icy");

    const { exitCode, ms } = await runEntryPoint(host, "monitor", of("icy"));
    expect(exitCode).toBe(ONLINE_20);
    expect(ms).toBeLessThan(10_000);
    expect(await monitorCode(host, of("other"))).toBe(ONLINE_100);

    expect((await clean("icy", 60)).exitCode).toBe(0); // libvirt itself takes ten seconds
    expect(await isGone(pid)).toBe(true);
  });

  it("fails a clean while a start that was asked may still happen (scenario 39)", async () => {
    const { libvirtd, daemon } = host;
    const held = await holdStarts(libvirtd, "starting");
    await until("libvirt answers", async () => (await monitorCode(host, of("idle"))) === ONLINE_100);
    const online = runEntryPoint(host, "online", of("starting"));
    await held.reached();

    await libvirtd.freeze();
    const refused = await clean("starting", 8);
    expect(refused.exitCode).toBe(1);
    expect(daemon.said("entry point failed", { resource: "r-starting", entryPoint: "clean" })).toHaveLength(
      1,
    );

    libvirtd.thaw();
    await held.release();
    await until("a clean succeeds", async () => (await clean("starting", 20)).exitCode === 0);
    expect((await online).exitCode).toBe(0);
    expect(await domainState(libvirtd, "starting")).toContain("shut off");
    expect(await monitorCode(host, of("starting"))).toBe(OFFLINE);
  });

  it("carries a start on when its shim is killed (scenario 13)", async () => {
    const { libvirtd } = host;
    const held = await holdStarts(libvirtd, "starting");
    await until("libvirt answers", async () => (await monitorCode(host, of("idle"))) === ONLINE_100);
    const shim = startShim(host, "online", argumentsOf("online", of("starting")));
    await held.reached();

    process.kill(shim.pid, "SIGKILL");
    await shim.ended;
    await held.release();

    await until("the guest runs", async () => (await monitorCode(host, of("starting"))) === ONLINE_100);
    // libvirt says so a moment before it answers the start
    await host.daemon.waitForLine("guest started", { resource: "r-starting" });
    expect(await domainState(libvirtd, "starting")).toContain("running");
  });
});

function of(guest: string, timeoutS = 60) {
  return { resource: `r-${guest}`, guest, timeoutS };
}

async function isGone(pid: number): Promise<boolean> {
  const state = await processState(pid);
  return state === undefined || state === "Z";
}

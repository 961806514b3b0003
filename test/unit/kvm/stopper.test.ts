import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { errorOf } from "../../support/error-of.ts";
import { CODE, EVENT } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";

const never = new AbortController().signal;
const CLEAN = { patienceMs: 27_000, startMayBePending: false };
let host: KvmHost;

beforeEach(async () => {
  host = await makeKvmHost();
});

afterEach(async () => {
  await host.stop();
});

async function running(name: string): Promise<string> {
  const { uuid } = host.libvirtd.define(name);
  await host.libvirtd.create(uuid);
  return uuid;
}

function destroy(name: string) {
  return host.clock.until(host.platform.destroy(name, CLEAN, never));
}

describe("destroy", () => {
  it("ends a running guest by libvirt", async () => {
    const uuid = await running("stopper1");
    await destroy("stopper1");

    expect(host.emulators.lives(uuid)).toBe(false);
    expect(host.libvirtd.named("stopper1").code).toEqual(CODE.offDestroyed);
  });

  it("succeeds for a guest that is stopped, and for one that is not defined", async () => {
    host.libvirtd.define("stopper1");
    await destroy("stopper1");
    await destroy("stopper2");

    expect(host.log.messages("warn")).toEqual([]);
  });

  it("removes what a panic left", async () => {
    const uuid = await running("stopper1");
    host.libvirtd.becomes("stopper1", CODE.panicked, EVENT.crashedPanicked);
    await destroy("stopper1");

    expect(host.emulators.lives(uuid)).toBe(false);
  });

  it("ends the emulator by signals when libvirt does not answer for half of the time", async () => {
    const uuid = await running("stopper1");
    await host.clock.until(host.platform.read("stopper1", never));
    host.libvirtd.hang();
    const since = host.clock.now;
    await destroy("stopper1");

    expect(host.emulators.lives(uuid)).toBe(false);
    expect(host.clock.now - since).toBeGreaterThanOrEqual(27_000);
    expect(host.clock.now - since).toBeLessThan(54_000);
    expect(host.log.messages("warn")).toContain("emulator is ended by signals");
  });

  it("finds the emulator by the guest's name when no UUID was ever read", async () => {
    const uuid = await running("stopper1");
    host.libvirtd.hang();
    await destroy("stopper1");

    expect(host.emulators.lives(uuid)).toBe(false);
  });

  it("leaves an emulator alone of which nothing but the name is known", async () => {
    const stranger = "0b5e0000-0000-4000-8000-0000000000ff";
    await host.emulators.begin("stopper1", stranger);
    await rm(join(host.runDirectory, "stopper1.pid"));

    expect(await errorOf(destroy("stopper1"))).toMatchObject({
      code: "STILL_RUNNING",
      message: `guest stopper1: an emulator of this name runs (pid ${host.emulators.pidOf(stranger)}), and nothing proves that it is this guest's`,
    });
    expect(host.emulators.lives(stranger)).toBe(true);
  });

  it("leaves the emulators of other guests alone", async () => {
    await running("stopper1");
    const other = await running("stopper10");
    host.libvirtd.hang();
    await destroy("stopper1");

    expect(host.emulators.lives(other)).toBe(true);
  });

  it("ends an emulator that libvirt has lost sight of", async () => {
    const { uuid } = host.libvirtd.define("stopper1");
    await host.emulators.begin("stopper1", uuid);
    await destroy("stopper1");

    expect(host.emulators.lives(uuid)).toBe(false);
  });

  it("fails when the emulator outlives both signals", async () => {
    const uuid = await running("stopper1");
    await host.clock.until(host.platform.read("stopper1", never));
    host.libvirtd.hang();
    const kill = vi.spyOn(process, "kill").mockReturnValue(true);
    const error = await errorOf(destroy("stopper1"));
    kill.mockRestore();

    expect(error).toMatchObject({
      code: "STILL_RUNNING",
      message: `emulator with pid ${host.emulators.pidOf(uuid)} outlived SIGKILL`,
    });
  });

  it("fails when libvirt has not answered a start that may yet happen", async () => {
    host.libvirtd.define("stopper1");
    host.libvirtd.startMs = 400_000;
    const start = host.platform.start("stopper1", never);
    await host.clock.advance(100);

    expect(await errorOf(destroy("stopper1"))).toMatchObject({ code: "STILL_RUNNING" });
    await host.clock.until(start);
  });

  it("ends a start that has an emulator already", async () => {
    host.libvirtd.define("stopper1");
    host.libvirtd.startMs = 400_000;
    host.libvirtd.startsBegin = "at once";
    const start = errorOf(host.platform.start("stopper1", never));
    await host.clock.advance(100);
    await destroy("stopper1");

    expect(await start).toMatchObject({
      code: "REFUSED",
      message: "start of guest stopper1: domain was destroyed",
    });
    expect(host.clock.now).toBeLessThan(27_000);
  });

  it("waits for a start that is under way, then ends what it started", async () => {
    const { uuid } = host.libvirtd.define("stopper1");
    host.libvirtd.startMs = 3000;
    const start = host.platform.start("stopper1", never);
    await host.clock.advance(100);
    await destroy("stopper1");
    await host.clock.until(start);

    expect(host.emulators.lives(uuid)).toBe(false);
    expect(host.libvirtd.named("stopper1").isActive).toBe(false);
  });

  it("fails after a start whose answer was lost, until libvirt has brought it out", async () => {
    host.libvirtd.define("stopper1");
    host.libvirtd.startMs = 60_000;
    const start = errorOf(host.platform.start("stopper1", never));
    await host.clock.advance(100);
    host.libvirtd.hang();
    await host.clock.until(start);
    const budget = { ...CLEAN, startMayBePending: true };
    const failed = errorOf(host.platform.destroy("stopper1", budget, never));

    expect(await host.clock.until(failed)).toMatchObject({ code: "STILL_RUNNING" });
    host.libvirtd.goOn();
    await host.clock.until(host.platform.destroy("stopper1", budget, never));
    await host.clock.advance(100_000);
    expect(host.libvirtd.named("stopper1").isActive).toBe(false);
  });

  it("knows that a start of before died with the libvirtd that was asked", async () => {
    host.libvirtd.define("stopper1");
    host.libvirtd.stop();
    await host.clock.advance(10_000);

    await expect(
      host.clock.until(host.platform.destroy("stopper1", { ...CLEAN, startMayBePending: true }, never)),
    ).resolves.toBeUndefined();
  });

  it("gives up when its caller does", async () => {
    await running("stopper1");
    host.libvirtd.hang();
    const gone = new AbortController();
    const failed = errorOf(host.platform.destroy("stopper1", CLEAN, gone.signal));
    await host.clock.advance(1000);
    gone.abort(new Error("the daemon ends"));

    expect(await host.clock.until(failed)).toMatchObject({ code: "CANCELLED" });
  });
});

function request(name: string) {
  return host.clock.until(host.platform.requestShutdown(name, never));
}

describe("requestShutdown", () => {
  it("asks once by ACPI", async () => {
    await running("stopper1");
    await request("stopper1");
    await host.clock.advance(2000);

    expect(host.libvirtd.calls.filter((call) => call === "shutdown")).toHaveLength(1);
    expect(host.libvirtd.named("stopper1").code).toEqual(CODE.offShutdown);
  });

  it("asks the agent first when configured, and ACPI when it is silent", async () => {
    host.settings.shutdown = "agent";
    await running("stopper1");
    await request("stopper1");

    expect(host.libvirtd.calls.filter((call) => call === "shutdown")).toHaveLength(2);
    expect(host.log.messages("warn")).toEqual(["guest agent did not take the shutdown, trying ACPI"]);
  });

  it("asks only the agent when it takes the request", async () => {
    host.settings.shutdown = "agent";
    await running("stopper1");
    host.libvirtd.named("stopper1").hasAgent = true;
    await request("stopper1");

    expect(host.libvirtd.calls.filter((call) => call === "shutdown")).toHaveLength(1);
  });

  it("is no error for a guest that has stopped or vanished meanwhile", async () => {
    host.libvirtd.define("stopper1");
    await request("stopper1");
    await request("stopper2");

    expect(host.log.messages("warn")).toEqual([]);
  });

  it("is not sent a second time while libvirt has not answered the first", async () => {
    await running("stopper1");
    host.libvirtd.hang();
    const first = errorOf(host.platform.requestShutdown("stopper1", never));
    await host.clock.advance(1000);
    await request("stopper1");

    expect(await host.clock.until(first)).toMatchObject({ code: "TIMED_OUT" });
    expect(host.libvirtd.calls.filter((call) => call === "shutdown")).toHaveLength(0);
  });
});

describe("proveStopped", () => {
  it("throws while an emulator of the guest exists, whatever libvirt says", async () => {
    const { uuid } = host.libvirtd.define("stopper1");
    await host.emulators.begin("stopper1", uuid);
    await host.clock.until(host.platform.read("stopper1", never));

    expect(await errorOf(host.clock.until(host.platform.proveStopped("stopper1", never)))).toMatchObject({
      code: "STILL_RUNNING",
      message: `guest stopper1: its emulator with pid ${host.emulators.pidOf(uuid)} still exists`,
    });
    await host.emulators.end(uuid);
    await host.clock.until(host.platform.proveStopped("stopper1", never));
  });
});

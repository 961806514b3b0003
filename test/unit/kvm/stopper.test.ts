import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { errorOf } from "../../support/error-of.ts";
import { CODE, EVENT } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";

const never = new AbortController().signal;
const CLEAN = { patienceMs: 27_000 };
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
    const uuid = await running("web1");
    await destroy("web1");

    expect(host.emulators.lives(uuid)).toBe(false);
    expect(host.libvirtd.named("web1").code).toEqual(CODE.offDestroyed);
  });

  it("succeeds for a guest that is stopped, and for one that is not defined", async () => {
    host.libvirtd.define("web1");
    await destroy("web1");
    await destroy("web2");

    expect(host.log.messages("warn")).toEqual([]);
  });

  it("removes what a panic left", async () => {
    const uuid = await running("web1");
    host.libvirtd.becomes("web1", CODE.panicked, EVENT.crashedPanicked);
    await destroy("web1");

    expect(host.emulators.lives(uuid)).toBe(false);
  });

  it("ends the emulator by signals when libvirt does not answer for half of the time", async () => {
    const uuid = await running("web1");
    await host.clock.until(host.platform.read("web1", never));
    host.libvirtd.hang();
    const since = host.clock.now;
    await destroy("web1");

    expect(host.emulators.lives(uuid)).toBe(false);
    expect(host.clock.now - since).toBeGreaterThanOrEqual(27_000);
    expect(host.clock.now - since).toBeLessThan(54_000);
    expect(host.log.messages("warn")).toContain("emulator is ended by signals");
  });

  it("finds the emulator by the guest's name when no UUID was ever read", async () => {
    const uuid = await running("web1");
    host.libvirtd.hang();
    await destroy("web1");

    expect(host.emulators.lives(uuid)).toBe(false);
  });

  it("leaves the emulators of other guests alone", async () => {
    await running("web1");
    const other = await running("web10");
    host.libvirtd.hang();
    await destroy("web1");

    expect(host.emulators.lives(other)).toBe(true);
  });

  it("ends an emulator that libvirt has lost sight of", async () => {
    const { uuid } = host.libvirtd.define("web1");
    await host.emulators.begin("web1", uuid);
    await destroy("web1");

    expect(host.emulators.lives(uuid)).toBe(false);
  });

  it("fails when the emulator outlives both signals", async () => {
    const uuid = await running("web1");
    await host.clock.until(host.platform.read("web1", never));
    host.libvirtd.hang();
    const kill = vi.spyOn(process, "kill").mockReturnValue(true);
    const error = await errorOf(destroy("web1"));
    kill.mockRestore();

    expect(error).toMatchObject({
      code: "STILL_RUNNING",
      message: `emulator with pid ${host.emulators.pidOf(uuid)} outlived SIGKILL`,
    });
  });

  it("fails when libvirt has not answered a start that may yet happen", async () => {
    host.libvirtd.define("web1");
    host.libvirtd.startMs = 400_000;
    const start = errorOf(host.platform.start("web1", never));
    await host.clock.advance(100);

    expect(await errorOf(destroy("web1"))).toMatchObject({ code: "STILL_RUNNING" });
    await host.clock.until(start);
  });

  it("waits for a start that is under way, then ends what it started", async () => {
    const { uuid } = host.libvirtd.define("web1");
    host.libvirtd.startMs = 3000;
    const start = host.platform.start("web1", never);
    await host.clock.advance(100);
    await destroy("web1");
    await host.clock.until(start);

    expect(host.emulators.lives(uuid)).toBe(false);
    expect(host.libvirtd.named("web1").isActive).toBe(false);
  });

  it("fails after a start whose answer was lost, until libvirt answers again", async () => {
    host.libvirtd.define("web1");
    host.libvirtd.startMs = 400_000;
    const start = errorOf(host.platform.start("web1", never));
    await host.clock.advance(100);
    host.libvirtd.hang();
    await host.clock.advance(25_000);
    await host.clock.until(start);

    expect(await errorOf(destroy("web1"))).toMatchObject({ code: "STILL_RUNNING" });
    host.libvirtd.goOn();
    await host.clock.advance(10_000);
    await destroy("web1");
  });

  it("gives up when its caller does", async () => {
    await running("web1");
    host.libvirtd.hang();
    const gone = new AbortController();
    const failed = errorOf(host.platform.destroy("web1", CLEAN, gone.signal));
    await host.clock.advance(1000);
    gone.abort(new Error("the daemon ends"));

    expect(await host.clock.until(failed)).toMatchObject({ code: "CANCELLED" });
  });
});

describe("requestShutdown", () => {
  function request(name: string) {
    return host.clock.until(host.platform.requestShutdown(name, never));
  }

  it("asks once by ACPI", async () => {
    await running("web1");
    await request("web1");
    await host.clock.advance(2000);

    expect(host.libvirtd.calls.filter((call) => call === "shutdown")).toHaveLength(1);
    expect(host.libvirtd.named("web1").code).toEqual(CODE.offShutdown);
  });

  it("asks the agent first when configured, and ACPI when it is silent", async () => {
    host.settings.shutdown = "agent";
    await running("web1");
    await request("web1");

    expect(host.libvirtd.calls.filter((call) => call === "shutdown")).toHaveLength(2);
    expect(host.log.messages("warn")).toEqual(["guest agent did not take the shutdown, trying ACPI"]);
  });

  it("asks only the agent when it takes the request", async () => {
    host.settings.shutdown = "agent";
    await running("web1");
    host.libvirtd.named("web1").hasAgent = true;
    await request("web1");

    expect(host.libvirtd.calls.filter((call) => call === "shutdown")).toHaveLength(1);
  });

  it("is no error for a guest that has stopped or vanished meanwhile", async () => {
    host.libvirtd.define("web1");
    await request("web1");
    await request("web2");

    expect(host.log.messages("warn")).toEqual([]);
  });

  it("is not sent a second time while libvirt has not answered the first", async () => {
    await running("web1");
    host.libvirtd.hang();
    const first = errorOf(host.platform.requestShutdown("web1", never));
    await host.clock.advance(1000);
    await request("web1");

    expect(await host.clock.until(first)).toMatchObject({ code: "TIMED_OUT" });
    expect(host.libvirtd.calls.filter((call) => call === "shutdown")).toHaveLength(0);
  });
});

describe("proveStopped", () => {
  it("throws while an emulator of the guest exists, whatever libvirt says", async () => {
    const { uuid } = host.libvirtd.define("web1");
    await host.emulators.begin("web1", uuid);
    await host.clock.until(host.platform.read("web1", never));

    expect(await errorOf(host.clock.until(host.platform.proveStopped("web1", never)))).toMatchObject({
      code: "STILL_RUNNING",
      message: `guest web1: its emulator with pid ${host.emulators.pidOf(uuid)} still exists`,
    });
    await host.emulators.end(uuid);
    await host.clock.until(host.platform.proveStopped("web1", never));
  });
});

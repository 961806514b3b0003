import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorOf } from "../../support/error-of.ts";
import { CODE, EVENT } from "../../support/fakes/fake-domain.ts";
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

function start(name: string) {
  return host.clock.until(host.platform.start(name, never));
}

function creates(): number {
  return host.libvirtd.calls.filter((call) => call === "create").length;
}

describe("start", () => {
  it("starts a defined guest", async () => {
    host.libvirtd.define("web1");
    await start("web1");

    expect(host.libvirtd.named("web1").code).toEqual(CODE.booted);
  });

  it("boots a guest anew, without its saved memory, and goes on from it when that is wanted", async () => {
    const domain = host.libvirtd.define("web1");
    domain.isSaved = true;
    expect(await host.clock.until(host.platform.savedMemory("web1", never))).toEqual({
      uuid: domain.uuid,
      policy: "restore",
    });
    await start("web1");
    expect(domain).toMatchObject({ isActive: true, isSaved: false, wasRestored: false });
    expect(await host.clock.until(host.platform.savedMemory("web1", never))).toBeUndefined();
    await host.libvirtd.destroy(domain.uuid);
    domain.isSaved = true;
    await host.clock.until(host.platform.restore("web1", never));

    expect(domain).toMatchObject({ isActive: true, isSaved: false, wasRestored: true });
  });

  it("succeeds for a guest that somebody started a moment before", async () => {
    const { uuid } = host.libvirtd.define("web1");
    await host.libvirtd.create(uuid);
    await start("web1");

    expect(host.libvirtd.named("web1").isActive).toBe(true);
  });

  it("ends what is known of how the run before ended", async () => {
    host.libvirtd.define("web1");
    await start("web1");
    host.libvirtd.becomes("web1", CODE.pausedMigrating, EVENT.suspendedMigrated);
    await host.libvirtd.end("web1", CODE.offCrashed, EVENT.stoppedFailed);
    host.libvirtd.startMs = 2000;
    const starting = host.platform.start("web1", never);
    await host.clock.settle();
    const reading = await host.clock.until(host.platform.read("web1", never));
    await host.clock.until(starting);

    expect(reading).toMatchObject({ active: false, moved: undefined, ended: undefined });
  });

  it("says in libvirt's words why a guest does not start", async () => {
    host.libvirtd.define("web1").startFailure = "Cannot access storage file '/disk.img'";

    expect(await errorOf(start("web1"))).toMatchObject({
      code: "REFUSED",
      message: "start of guest web1: Cannot access storage file '/disk.img'",
    });
  });

  it("refuses a guest that is not defined", async () => {
    expect(await errorOf(start("web1"))).toMatchObject({ code: "GUEST_NOT_FOUND" });
  });

  it("joins a start that an earlier, given-up call left behind", async () => {
    host.libvirtd.define("web1");
    host.libvirtd.startMs = 10_000;
    const gone = new AbortController();
    const first = errorOf(host.platform.start("web1", gone.signal));
    await host.clock.advance(1000);
    gone.abort(new Error("deadline"));
    expect(await first).toMatchObject({ code: "CANCELLED" });
    await start("web1");

    expect(creates()).toBe(1);
    expect(host.clock.now).toBeGreaterThanOrEqual(10_000);
  });

  it("logs the late end of a start that was given up", async () => {
    host.libvirtd.define("web1").startFailure = "no memory";
    host.libvirtd.startMs = 10_000;
    const gone = new AbortController();
    const first = errorOf(host.platform.start("web1", gone.signal));
    await host.clock.advance(1000);
    gone.abort(new Error("deadline"));
    await first;
    await host.clock.advance(10_000);

    expect(host.log.messages()).toEqual(["start that was given up has ended"]);
  });

  it("may be asked again after a start that failed", async () => {
    host.libvirtd.define("web1").startFailure = "no memory";
    await errorOf(start("web1"));
    host.libvirtd.named("web1").startFailure = undefined;
    await start("web1");

    expect(creates()).toBe(2);
  });
});

describe("wake", () => {
  it("resumes a paused guest and wakes a sleeping one", async () => {
    const { uuid } = host.libvirtd.define("web1");
    await host.libvirtd.create(uuid);
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);
    await host.clock.until(host.platform.wake("web1", "paused", never));
    expect(host.libvirtd.named("web1").code).toEqual(CODE.unpaused);

    host.libvirtd.becomes("web1", CODE.asleep, EVENT.pmSuspended);
    await host.clock.until(host.platform.wake("web1", "asleep", never));

    expect(host.libvirtd.named("web1").code).toEqual(CODE.wokenUp);
  });

  it("says what was tried when there is no such guest", async () => {
    const failed = host.clock.until(host.platform.wake("web1", "paused", never));

    expect(await errorOf(failed)).toMatchObject({
      message: matching(/^bringing back guest web1: /),
    });
  });
});

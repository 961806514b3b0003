import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { online } from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { CODE, EVENT } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";

const never = new AbortController().signal;
let host: KvmHost;

beforeEach(async () => {
  host = await makeKvmHost();
});

afterEach(async () => {
  await host.stop();
});

/** A guest whose disk has failed under it. */
async function stalled(name: string): Promise<void> {
  await host.libvirtd.create(host.libvirtd.define(name).uuid);
  host.libvirtd.becomes(name, CODE.pausedByIoError, EVENT.suspendedIoError);
}

const read = (name: string) => host.clock.until(host.platform.read(name, never));
const resume = (name: string) => host.clock.until(host.platform.resumeStalled(name, never));

describe("a domain that a failed disk has paused (scenario 17)", () => {
  it("is read as stalled, and as such only while it is", async () => {
    await stalled("web1");
    expect(await read("web1")).toMatchObject({ stalled: true, state: online(20) });

    host.libvirtd.becomes("web1", CODE.unpaused, EVENT.resumedUnpaused);
    expect((await read("web1")).stalled).toBeUndefined();
  });

  it("is resumed", async () => {
    await stalled("web1");

    expect(await resume("web1")).toBe(true);
    expect((await read("web1")).state).toEqual(online(100));
  });

  it.each([
    ["suspended by somebody", CODE.pausedByUser],
    ["the target of a migration", CODE.pausedMigrating],
    ["saved just now", CODE.pausedSaving],
    ["running", CODE.booted],
    ["shut off", CODE.offShutdown],
  ])("is left alone when it is %s by then", async (_what, code) => {
    await stalled("web1");
    host.libvirtd.becomes("web1", code);
    host.libvirtd.calls.length = 0;

    expect(await resume("web1")).toBe(false);
    expect(host.libvirtd.calls).not.toContain("resume");
  });

  it.each(["outgoing", "incoming", "refused", "hangs"] as const)(
    "is left alone beside a migration: its job is %s",
    async (job) => {
      await stalled("web1");
      host.libvirtd.named("web1").job = job;

      expect(await resume("web1").catch(() => "not known")).not.toBe(true);
      expect(host.libvirtd.calls).not.toContain("resume");
    },
  );

  it("is left alone when whether it migrates hangs in libvirt", async () => {
    await stalled("web1");
    host.libvirtd.hanging.add("getJobStats");

    expect(await resume("web1")).toBe(false);
  });

  it("is left alone when it is gone", async () => {
    expect(await resume("web1")).toBe(false);
  });

  it("is warned of once though each attempt has it run for a moment", async () => {
    await stalled("web1");
    await read("web1");
    for (let attempt = 0; attempt < 3; attempt++) {
      await resume("web1");
      await read("web1");
      host.libvirtd.becomes("web1", CODE.pausedByIoError, EVENT.suspendedIoError);
      await read("web1");
    }
    expect(host.log.count("guest is in an alarming state")).toBe(1);

    await resume("web1");
    await host.clock.advance(10_000);
    await read("web1");
    host.libvirtd.becomes("web1", CODE.pausedByIoError, EVENT.suspendedIoError);
    await read("web1");
    expect(host.log.count("guest is in an alarming state")).toBe(2);
  });

  it("is not resumed again for a minute where a resume hangs", async () => {
    await stalled("web1");
    host.libvirtd.hanging.add("resume");
    const limit = new AbortController();
    const failed = errorOf(host.platform.resumeStalled("web1", limit.signal));
    await host.clock.advance(100);
    limit.abort();
    expect(await failed).toMatchObject({ code: "CANCELLED" });
    host.libvirtd.hanging.clear();
    expect(await resume("web1")).toBe(false);
    await host.clock.advance(60_000);

    expect(await resume("web1")).toBe(true);
  });
});

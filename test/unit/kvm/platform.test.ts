import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { INTENTIONAL_OFFLINE } from "../../../src/resource-state.ts";
import { CODE, EVENT } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";

const never = new AbortController().signal;
let host: KvmHost;
let published: string[];

beforeEach(async () => {
  host = await makeKvmHost();
  published = [];
  host.platform.events.on("changed", (guest) => published.push(`changed ${guest}`));
  host.platform.events.on("connected", () => published.push("connected"));
  host.platform.events.on("lost", (source, reason) => published.push(`lost ${source}: ${reason}`));
});

afterEach(async () => {
  await host.stop();
});

async function known(guest: string): Promise<void> {
  host.libvirtd.define(guest, CODE.booted);
  await host.clock.until(host.platform.read(guest, never));
}

describe("the platform's events", () => {
  it("tell of every life-cycle event of a guest it was asked about, and of no other domain", async () => {
    await known("web1");
    host.libvirtd.define("stranger", CODE.booted);
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);
    host.libvirtd.becomes("stranger", CODE.pausedByUser, EVENT.suspendedPaused);

    expect(published).toEqual(["changed web1"]);
  });

  it("come once after each reconnect, which is told too", async () => {
    await known("web1");
    for (let count = 0; count < 3; count++) {
      host.libvirtd.stop();
      host.libvirtd.start();
      await host.clock.advance(10_000);
    }
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);

    const restart = ["lost libvirt: libvirtd closed the connection", "connected"];
    expect(published).toEqual([...restart, ...restart, ...restart, "changed web1"]);
  });

  it("reach the other listeners and the connection though one listener throws", async () => {
    await known("web1");
    host.platform.events.on("changed", () => {
      throw new Error("a defect of a listener");
    });
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);

    expect(published).toEqual(["changed web1"]);
    expect(host.log.messages("error")).toEqual(["a listener of the platform failed"]);
    expect((await host.clock.until(host.platform.read("web1", never))).state).toEqual(INTENTIONAL_OFFLINE);
  });
});

describe("nextChange", () => {
  it("ends at the next hint about its guest", async () => {
    await known("web1");
    await known("web2");
    const next = host.platform.nextChange("web1", 60_000, never).then(() => host.clock.now);
    await host.clock.advance(1000);
    host.libvirtd.becomes("web2", CODE.pausedByUser, EVENT.suspendedPaused);
    await host.clock.advance(1000);
    const since = host.clock.now;
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);

    expect(await host.clock.until(next)).toBe(since);
  });

  it("ends after its time, and when its caller gives up", async () => {
    const since = host.clock.now;
    await host.clock.until(host.platform.nextChange("web1", 3000, never));
    expect(host.clock.now - since).toBe(3000);
    await host.clock.until(host.platform.nextChange("web1", 3000, AbortSignal.abort()));

    expect(host.clock.now - since).toBe(3000);
  });
});

describe("forget", () => {
  it("drops what was remembered: no event of the guest is told any more", async () => {
    await known("web1");
    host.platform.forget("web1");
    host.libvirtd.becomes("web1", CODE.pausedByUser, EVENT.suspendedPaused);

    expect(published).toEqual([]);
  });
});

describe("recall", () => {
  it("lets the emulator be found by the UUID of an earlier process", async () => {
    const { uuid } = host.libvirtd.define("recalled1");
    await host.emulators.begin("another-name", uuid);
    host.platform.recall("recalled1", { uuid });
    const proof = host.clock.until(host.platform.proveStopped("recalled1", never));

    await expect(proof).rejects.toMatchObject({ code: "STILL_RUNNING" });
  });
});

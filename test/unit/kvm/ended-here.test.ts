import { afterEach, beforeEach, describe, expect, it } from "vitest";
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

describe("an end of an emulator that was no departure", () => {
  it.each([
    ["shut off (crashed)", CODE.offCrashed],
    ["shut off (shutdown)", CODE.offShutdown],
    [undefined, CODE.offMigrated],
    [undefined, CODE.offUnknown],
  ])("that nobody saw was one here by libvirt's own word: %s", async (endedHere, code) => {
    host.libvirtd.define("web1", code);

    expect((await read("web1")).endedHere).toBe(endedHere);
  });

  it("is one here of a transient guest that has vanished, by libvirt's events", async () => {
    await running("web1");
    await read("web1");
    await host.libvirtd.end("web1", CODE.offCrashed, EVENT.stoppedFailed);
    host.libvirtd.undefine("web1");

    expect((await read("web1")).endedHere).toBe("crashed or killed");
  });

  it("is none of a transient guest that left", async () => {
    await running("web1");
    await read("web1");
    await host.libvirtd.end("web1", CODE.offMigrated, EVENT.stoppedMigrated);
    host.libvirtd.undefine("web1");

    expect((await read("web1")).endedHere).toBeUndefined();
  });

  it("is this agent's own doing and says nothing more", async () => {
    await running("web1");
    await host.clock.until(
      host.platform.destroy("web1", { patienceMs: 9000, startMayBePending: false }, never),
    );

    expect((await read("web1")).endedHere).toBeUndefined();
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { orAbort } from "../../../src/deadline.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const SYNC = { more: { SyncDir: "/sync" } };
const RESYNC = { more: { SyncDir: "/sync", ResyncVMCfg: "1" } };
let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
});

afterEach(() => {
  clock.stop();
});

function hang(signal: AbortSignal): Promise<never> {
  return orAbort(new Promise<never>(() => undefined), signal);
}

/** The calls that belong to a stop with SyncDir, in their order. */
function steps(): readonly string[] {
  return host.platform.calls.filter((call) => /^(takeDefinition|destroy|proveStopped|save)/.test(call));
}

describe("a stop of a guest with SyncDir", () => {
  it("takes the definition before, and copies it after the guest is proved gone", async () => {
    host.platform.readings.set("web1", RUNNING);

    expect(await host.ask("clean", { ...SYNC, reason: 4 })).toBe(0);
    expect(steps()).toEqual(["takeDefinition web1", "destroy web1 27000", "saveDefinition /sync/web1"]);
  });

  it("does so in offline too", async () => {
    host.platform.readings.set("web1", RUNNING);
    host.platform.deeds.requestShutdown = async () => void host.platform.readings.delete("web1");

    expect(await clock.until(host.ask("offline", SYNC))).toBe(0);
    expect(steps()).toEqual(["takeDefinition web1", "proveStopped web1", "saveDefinition /sync/web1"]);
    expect(host.log.messages("info")).toContain("guest configuration copied to SyncDir");
  });

  it("copies nothing while the guest is not proved gone", async () => {
    host.platform.deeds.destroy = () => Promise.reject(new AgentError("STILL_RUNNING", "no"));

    expect(await host.ask("clean", { ...SYNC, reason: 4 })).toBe(1);
    expect(host.platform.count("saveDefinition")).toBe(0);
  });

  it.each([
    [0, 1],
    [1, 1],
    [2, 0],
    [3, 0],
    [4, 1],
    [5, 1],
    [17, 0],
  ])(
    "of a guest that is off already copies after a clean with reason %i: %i times",
    async (reason, copies) => {
      host.platform.deeds.takeDefinition = async () => ({ text: "<domain/>", active: false });
      await host.ask("clean", { ...SYNC, reason });

      expect(host.platform.count("saveDefinition")).toBe(copies);
    },
  );

  it("copies the definition of a guest that ended while the engine knew it as ONLINE", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor", SYNC);
    host.platform.readings.delete("web1");
    host.platform.deeds.takeDefinition = async () => ({ text: "<domain/>", active: false });

    expect(await host.ask("offline", SYNC)).toBe(0);
    expect(host.platform.count("saveDefinition")).toBe(1);
  });

  it("is as good when libvirt and SyncDir hang, and costs 2 and 5 s more", async () => {
    host.platform.deeds.takeDefinition = (_guest, signal) => hang(signal);
    expect(await clock.until(host.ask("clean", { ...SYNC, reason: 4, timeoutS: 60 }))).toBe(0);
    expect(clock.now).toBe(2000);
    delete host.platform.deeds.takeDefinition;
    host.platform.deeds.saveDefinition = (_attributes, _definition, signal) => hang(signal);
    expect(await clock.until(host.ask("clean", { ...SYNC, reason: 4, timeoutS: 60 }))).toBe(0);
    expect(clock.now).toBe(7000);

    expect(host.book.get("web1_res")?.registration.stopping).toBe(false);
    expect(host.log.messages("warn")).toEqual([
      "guest configuration cannot be taken, the copy in SyncDir stays as it is",
      "guest configuration cannot be copied to SyncDir, other systems keep the copy before",
    ]);
  });

  it("succeeds though its deadline passes during the copy", async () => {
    host.platform.deeds.saveDefinition = (_attributes, _definition, signal) => hang(signal);
    host.platform.deeds.destroy = async () => clock.advance(17_500);

    expect(await clock.until(host.ask("clean", { ...SYNC, reason: 4, timeoutS: 20 }))).toBe(0);
    expect(clock.now).toBe(18_000);
  });
});

describe("online with ResyncVMCfg", () => {
  it("resets the attribute for this system after the start, and does not wait for the engine", async () => {
    const order: string[] = [];
    host.platform.deeds.prepare = async () => ({ resynced: true });
    host.platform.deeds.start = async () =>
      void order.push(`started, modified ${host.engine.modified.length}`);
    host.engine.modifyHere = (resource, attribute, value) => {
      order.push(`${resource} ${attribute} ${value}`);
      return new Promise(() => undefined);
    };

    expect(await host.ask("online", RESYNC)).toBe(5);
    expect(order).toEqual(["started, modified 0", "web1_res ResyncVMCfg 0"]);
  });

  it("is as good when the engine refuses, and says what follows", async () => {
    host.platform.deeds.prepare = async () => ({ resynced: true });
    host.engine.trouble = new AgentError("REFUSED", "the configuration is not writable");

    expect(await host.ask("online", RESYNC)).toBe(5);
    await clock.settle();
    const said = host.log.entries.find(({ message }) => message.startsWith("attribute cannot be reset"));
    expect(said).toMatchObject({
      level: "warn",
      message: "attribute cannot be reset, the next online takes the definition from SyncDir again",
      fields: { attribute: "ResyncVMCfg", reason: "the configuration is not writable" },
    });
  });

  it("resets it though the start failed: the definition was taken over", async () => {
    host.platform.deeds.prepare = async () => ({ resynced: true });
    host.platform.deeds.start = () => Promise.reject(new AgentError("REFUSED", "no memory"));
    await host.ask("online", RESYNC);
    await clock.settle();

    expect(host.engine.modified).toEqual(["web1_res ResyncVMCfg 0"]);
  });

  it("resets nothing when nothing was taken over, and touches no definition of a guest that runs", async () => {
    await host.ask("online", RESYNC);
    host.platform.readings.set("web1", RUNNING);
    host.platform.deeds.prepare = async () => ({ resynced: true });
    await host.ask("online", RESYNC);
    await clock.settle();

    expect(host.platform.count("prepare")).toBe(1);
    expect(host.engine.modified).toEqual([]);
  });
});

describe("the action vmconfigsync", () => {
  it("copies this system's definition, whether or not the guest runs, and says where", async () => {
    host.platform.readings.set("web1", RUNNING);
    expect(await host.act("vmconfigsync", SYNC)).toEqual({
      exitCode: 0,
      output: "configuration of guest web1 saved to /sync\n",
    });
    host.platform.readings.set("web1", aReading());
    host.platform.deeds.takeDefinition = async () => ({ text: "<domain/>", active: false });
    host.platform.deeds.saveDefinition = async () => "unchanged";

    expect(await host.act("vmconfigsync", SYNC)).toEqual({
      exitCode: 0,
      output: "configuration of guest web1 unchanged in /sync\n",
    });
  });

  it("fails in words without SyncDir", async () => {
    expect(await host.act("vmconfigsync")).toEqual({
      exitCode: 1,
      output: "resource web1_res: SyncDir is not set: name a folder that all systems share\n",
    });
    expect(host.platform.calls).toEqual([]);
  });

  it("fails with one line when the guest is not known here, and when the copy cannot be written", async () => {
    host.platform.deeds.takeDefinition = () =>
      Promise.reject(new AgentError("GUEST_NOT_FOUND", "no\n  domain"));
    expect(await host.act("vmconfigsync", SYNC)).toEqual({ exitCode: 1, output: "no domain\n" });
    delete host.platform.deeds.takeDefinition;
    host.platform.deeds.saveDefinition = () => Promise.reject(new AgentError("REFUSED", "make room"));

    expect(await host.act("vmconfigsync", SYNC)).toEqual({ exitCode: 1, output: "make room\n" });
  });

  it("ends within its deadline when SyncDir or libvirt hangs", async () => {
    host.platform.deeds.saveDefinition = (_attributes, _definition, signal) => hang(signal);
    expect(await clock.until(host.act("vmconfigsync", { ...SYNC, timeoutS: 30 }))).toEqual({
      exitCode: 1,
      output: "copying to SyncDir /sync did not end within 10000 ms\n",
    });
    host.platform.deeds.takeDefinition = (_guest, signal) => hang(signal);
    const from = clock.now;

    expect(await clock.until(host.act("vmconfigsync", { ...SYNC, timeoutS: 30 }))).toMatchObject({
      exitCode: 1,
    });
    expect(clock.now - from).toBeLessThanOrEqual(27_500);
  });

  it("waits until an online has taken the copy over, before it writes it", async () => {
    const order: string[] = [];
    host.platform.deeds.prepare = async () => {
      await clock.hold(Promise.resolve());
      order.push("taken over");
      return { resynced: true };
    };
    host.platform.deeds.saveDefinition = async () => {
      order.push("written");
      return "written";
    };
    const online = host.ask("online", RESYNC);
    const action = host.act("vmconfigsync", SYNC);
    await clock.until(Promise.all([online, action]));

    expect(order).toEqual(["taken over", "written"]);
  });
});

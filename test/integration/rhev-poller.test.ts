import { describe, expect, it, onTestFinished, vi } from "vitest";
import { UNWATCHED } from "../../src/beat.ts";
import { stateText } from "../../src/resource-state.ts";
import type { OwnIdentity } from "../../src/rhev/own-host.ts";
import { Poller } from "../../src/rhev/poller.ts";
import { chooseVm } from "../../src/rhev/vm-choice.ts";
import { readingOf } from "../../src/rhev/vm-state.ts";
import { errorOf } from "../support/error-of.ts";
import { testClient, testEngine } from "../support/rhev-client.ts";
import type { RhevmSimulator } from "../support/rhevm-simulator/simulator.ts";

const signal = AbortSignal.timeout(170_000);

const HOST1: OwnIdentity = { names: ["host1"], addresses: [], hardwareUuids: [] };

/** A poller on host1 of a simulated engine. */
async function pollerOn(engine: RhevmSimulator): Promise<Poller> {
  const { reads, log } = await testClient(engine);
  return new Poller({
    source: reads,
    identity: () => Promise.resolve(HOST1),
    configuredHost: () => undefined,
    log,
  });
}

/** What a monitor on host1 would say of web1 now. */
async function told(poller: Poller, ranHereLast = true): Promise<string> {
  const { vms, hosts, own } = await poller.freshSnapshot("web1", signal);
  const choice = chooseVm(vms, "web1", undefined);
  if (choice.kind !== "found") return choice.kind;
  return stateText(readingOf({ vm: choice.vm, hosts, own, ranHereLast }).state);
}

describe("the poller and a simulated engine", () => {
  it.each([
    [1, 1],
    [50, 1],
    [120, 3],
  ])("asks for %i guests with %i lists, the hosts, and the events", async (count, lists) => {
    const names = Array.from({ length: count }, (_, at) => `guest${at}`);
    const engine = await testEngine({ vms: names });
    const poller = await pollerOn(engine);
    for (const name of names) poller.follow(name);
    await poller.freshSnapshot("guest0", signal);
    engine.requests.length = 0;

    const { vms } = await poller.freshSnapshot("guest0", signal);

    expect(vms.map(({ name }) => name)).toHaveLength(count);
    const kinds = engine.requests.map(({ url }) => /\/api\/(\w+)/.exec(url)?.[1]);
    expect(kinds).toEqual(["events", ...Array.from({ length: lists }, () => "vms"), "hosts"]);
  });

  it("takes exactly the guest that is meant, though the engine's search finds others", async () => {
    const engine = await testEngine({ vms: ["WEB1", "web1", "web10"] });
    const poller = await pollerOn(engine);

    const { vms } = await poller.freshSnapshot("web1", signal);

    expect(vms.map(({ name }) => name)).toEqual(["web1"]);
  });

  it("finds a guest beyond the hundredth of an engine that cuts its lists", async () => {
    const names = Array.from({ length: 130 }, (_, at) => `guest${String(at).padStart(3, "0")}`);
    const engine = await testEngine({ release: "3.1", vms: names });
    const { reads } = await testClient(engine);

    expect(await reads.vmsNamed(["guest*"], signal)).toEqual([]);
    expect(await reads.vmsNamed(names, signal)).toHaveLength(130);
  });

  it("tells no OFFLINE while the engine is restarted", async () => {
    const engine = await testEngine({ vms: [] });
    engine.world.addVm("web1", { host: "host1" });
    const poller = await pollerOn(engine);
    expect(await told(poller)).toBe("ONLINE(100)");

    engine.world.restartEngine();
    expect(await errorOf(told(poller))).toMatchObject({ code: "PLATFORM_DOWN" });
    engine.world.clock.advance(engine.world.delays.engineRestartMs);
    await vi.waitFor(async () => expect(await told(poller)).toBe("UNKNOWN"), 60_000);
    const seen = new Set<string>();
    for (let step = 0; step < 30; step += 1) {
      seen.add(await told(poller));
      engine.world.clock.advance(engine.world.delays.engineSettlingMs / 10);
    }

    expect([...seen]).toEqual(["UNKNOWN", "ONLINE(100)"]);
  });

  it("tells nothing for sure while the engine has lost this host", async () => {
    const engine = await testEngine({ vms: [] });
    engine.world.addVm("web1", { host: "host1" });
    const poller = await pollerOn(engine);

    engine.world.loseHost("host1");
    expect(await told(poller)).toBe("UNKNOWN");
    engine.world.clock.advance(300_000);
    expect(await told(poller)).toBe("UNKNOWN");
    engine.world.recoverHost("host1");
    engine.world.clock.advance(60_000);
    expect(await told(poller)).toBe("ONLINE(100)");
  });

  it("follows a migration away, and tells that the guest left", async () => {
    const engine = await testEngine({ vms: [] });
    engine.world.addVm("web1", { host: "host1" });
    const poller = await pollerOn(engine);
    const hints: string[] = [];
    poller.events.on("changed", (guest) => hints.push(guest));
    await told(poller);

    engine.world.migrateVm("web1", "host2");
    expect(await told(poller)).toBe("INTENTIONAL OFFLINE");
    engine.world.clock.advance(600_000);
    expect(await told(poller)).toBe("INTENTIONAL OFFLINE");
    expect(await told(poller, false)).toBe("OFFLINE");
    expect(hints.length).toBeGreaterThanOrEqual(2);
  });

  it.each([
    ["powers itself off", (engine: RhevmSimulator) => engine.world.powerOffInside("web1"), "OFFLINE"],
    ["crashes", (engine: RhevmSimulator) => engine.world.crashVm("web1"), "OFFLINE"],
    ["hangs", (engine: RhevmSimulator) => engine.world.hangVm("web1"), "UNKNOWN"],
    ["loses its disk", (engine: RhevmSimulator) => engine.world.pauseVm("web1", "eio"), "ONLINE(20)"],
    ["is removed", (engine: RhevmSimulator) => engine.world.removeVm("web1"), "none"],
  ])("sees a guest that %s", async (_what, happen, state) => {
    const engine = await testEngine({ vms: [] });
    engine.world.addVm("web1", { host: "host1" });
    const poller = await pollerOn(engine);
    const hints: string[] = [];
    poller.events.on("changed", (guest) => hints.push(guest));
    await told(poller);

    happen(engine);
    engine.world.clock.advance(60_000);

    expect(await told(poller)).toBe(state);
    expect(hints).toEqual(["web1"]);
  });

  it("runs by itself and logs out at its end", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    const { session, reads, log } = await testClient(engine);
    const poller = new Poller({
      source: reads,
      identity: async () => HOST1,
      configuredHost: () => undefined,
      log,
    });
    const end = new AbortController();
    onTestFinished(() => end.abort());
    const connected = new Promise<void>((resolve) => {
      poller.events.once("connected", resolve);
    });
    poller.follow("web1");
    const running = poller.run(UNWATCHED, end.signal);
    await connected;

    end.abort();
    await running;
    await session.close(signal);

    expect(engine.logins.open).toBe(0);
  });
});

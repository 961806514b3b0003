import { getEventListeners, setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import { Poller } from "../../../src/rhev/poller.ts";
import { errorOf } from "../../support/error-of.ts";
import { FakeRhevm } from "../../support/fakes/fake-rhevm.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { hostFacts, vmFacts } from "../../support/rhev-facts.ts";

const never = new AbortController().signal;
setMaxListeners(0, never); // many ask at once here, each in the product with a signal of its own
const DOWN = new AgentError("PLATFORM_DOWN", "told to fail");

let engine: FakeRhevm;
let log: RecordingLog;
let poller: Poller;
let end: AbortController;
let running: Promise<void>;
/** What was published, in order. */
let told: string[];

beforeEach(() => {
  vi.useFakeTimers();
  engine = new FakeRhevm();
  log = new RecordingLog();
  poller = new Poller({
    source: engine,
    identity: () => Promise.resolve({ names: ["here"], addresses: [], hardwareUuids: [] }),
    configuredHost: () => undefined,
    log,
    random: () => 0,
  });
  told = [];
  poller.events.on("changed", (guest) => told.push(`changed ${guest}`));
  poller.events.on("started", (guest) => told.push(`started ${guest}`));
  poller.events.on("connected", () => told.push("connected"));
  poller.events.on("lost", (reason) => told.push(`lost ${reason}`));
  end = new AbortController();
  running = Promise.resolve();
});

afterEach(async () => {
  end.abort();
  await running;
  vi.useRealTimers();
});

/** Starts the loop with one guest that is up here. */
async function start(status = "up"): Promise<void> {
  engine.vms = [vmFacts({ name: "web1", status, hostId: "here", startTime: "a" })];
  poller.follow("web1");
  running = poller.run(UNWATCHED, end.signal);
  await vi.advanceTimersByTimeAsync(0);
}

/** RHEV-M's own high availability is switched on or off, and a cycle goes by. */
async function flag(isHighlyAvailable: boolean): Promise<void> {
  engine.vms = engine.vms.map((vm) => ({ ...vm, isHighlyAvailable }));
  await vi.advanceTimersByTimeAsync(10_000);
}

describe("the poller's cycles", () => {
  it("come every 10 s while nothing moves", async () => {
    await start();
    await vi.advanceTimersByTimeAsync(60_000);

    expect(engine.asked).toHaveLength(7);
  });

  it("come every 3 s while something moves", async () => {
    await start("migrating");
    await vi.advanceTimersByTimeAsync(60_000);

    expect(engine.asked).toHaveLength(21);
  });

  it("come every 3 s for half a minute after an operation, the first at once when it is due", async () => {
    await start();
    await vi.advanceTimersByTimeAsync(5000);
    poller.invalidate("web1");
    await vi.advanceTimersByTimeAsync(0);

    expect(engine.asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(engine.asked).toHaveLength(11);
  });

  it("ask for all guests at once, and for none when there is none", async () => {
    running = poller.run(UNWATCHED, end.signal);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(engine.asked).toEqual([]);

    poller.follow("web1");
    await vi.advanceTimersByTimeAsync(0);
    poller.follow("web2");
    await vi.advanceTimersByTimeAsync(10_000);
    poller.forget("web1");
    await vi.advanceTimersByTimeAsync(10_000);

    expect(engine.asked).toEqual([["web1"], ["web1", "web2"], ["web2"]]);
  });

  it("end with the signal", async () => {
    await start();
    end.abort();
    await running;
    await vi.advanceTimersByTimeAsync(1);

    expect(await errorOf(poller.freshSnapshot("web1", never))).toMatchObject({ code: "CANCELLED" });
  });
});

describe("RHEV-M's own high availability", () => {
  const ON = "RHEV-M's own high availability is on for a guest that the cluster keeps";

  it("is told each time it is switched on while the guest is followed, and once", async () => {
    await start();
    await flag(false);
    expect(log.messages("warn")).toEqual([]);

    await flag(true);
    await flag(true);
    expect(log.messages("warn")).toEqual([ON]);
    expect(log.entries.find(({ message }) => message === ON)?.fields).toMatchObject({ guest: "web1" });

    await flag(false);
    await flag(true);
    expect(log.messages("warn")).toEqual([ON, ON]);
  });

  it("is left to the look at each guest that follows a connection", async () => {
    await start();
    engine.vms = engine.vms.map((vm) => ({ ...vm, isHighlyAvailable: true }));
    engine.error = DOWN;
    await vi.advanceTimersByTimeAsync(10_000);
    engine.error = undefined;
    await vi.advanceTimersByTimeAsync(10_000);

    expect(told).toEqual(["connected", "lost told to fail", "connected"]);
    expect(log.messages("warn")).toEqual(["RHEV-M cannot be read"]);
  });
});

describe("a reading of the poller", () => {
  it("answers many monitors with one cycle", async () => {
    const names = Array.from({ length: 50 }, (_, at) => `web${at}`);
    for (const name of names) poller.follow(name);

    const asking = Promise.all(names.map((name) => poller.snapshot(name, never)));
    expect(getEventListeners(never, "abort")).toHaveLength(50);
    const snapshots = await asking;

    expect(getEventListeners(never, "abort")).toEqual([]);
    expect(engine.asked).toEqual([names]);
    expect(new Set(snapshots).size).toBe(1);
  });

  it("is at most 10 s old", async () => {
    const first = await poller.snapshot("web1", never);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await poller.snapshot("web1", never)).toBe(first);
    expect(poller.ageMs()).toBe(10_000);

    await vi.advanceTimersByTimeAsync(1);
    expect(await poller.snapshot("web1", never)).not.toBe(first);
    expect(poller.ageMs()).toBe(0);
  });

  it("is a new one after an operation of the guest, and not of another", async () => {
    poller.follow("web2");
    const first = await poller.snapshot("web1", never);
    await vi.advanceTimersByTimeAsync(1);
    poller.invalidate("web2");
    expect(await poller.snapshot("web1", never)).toBe(first);

    poller.invalidate("web1");
    expect(await poller.snapshot("web1", never)).not.toBe(first);
  });

  it("does not come from a cycle that began before the operation ended", async () => {
    const open = engine.hold();
    engine.vms = [vmFacts({ name: "web1", status: "up", hostId: "here" })];
    const early = poller.snapshot("web1", never);
    await vi.advanceTimersByTimeAsync(1);
    engine.vms = [vmFacts({ name: "web1", status: "down" })];
    poller.invalidate("web1");
    const late = poller.snapshot("web1", never);
    open();

    expect((await early).vms.map(({ status }) => status)).toEqual(["down"]);
    expect((await late).vms.map(({ status }) => status)).toEqual(["down"]);
    expect(engine.asked).toHaveLength(2);
  });

  it("holds a guest that was not followed before", async () => {
    await poller.snapshot("web1", never);
    await vi.advanceTimersByTimeAsync(1);

    expect((await poller.snapshot("web2", never)).names).toEqual(new Set(["web1", "web2"]));
  });

  it("begins after the call when it must be fresh", async () => {
    const first = await poller.snapshot("web1", never);
    await vi.advanceTimersByTimeAsync(1);

    expect(await poller.freshSnapshot("web1", never)).not.toBe(first);
  });

  it("says which host this system is", async () => {
    expect((await poller.snapshot("web1", never)).own).toMatchObject({ kind: "found", by: "name" });
  });

  it("fails with the engine's failure for all who wait, and is not asked again for a second", async () => {
    engine.error = DOWN;
    const failures = await Promise.all(["web1", "web1"].map((name) => errorOf(poller.snapshot(name, never))));
    const third = await errorOf(poller.snapshot("web1", never));
    expect([...failures, third]).toEqual([DOWN, DOWN, DOWN]);
    expect(engine.asked).toHaveLength(1);

    await vi.advanceTimersByTimeAsync(1000);
    engine.error = undefined;
    expect((await poller.snapshot("web1", never)).names.has("web1")).toBe(true);
  });

  it("is given up with its caller's signal, and goes on for the others", async () => {
    const open = engine.hold();
    const caller = new AbortController();
    const [given, kept] = [errorOf(poller.snapshot("web1", caller.signal)), poller.snapshot("web1", never)];
    caller.abort();

    expect(await given).toMatchObject({ code: "CANCELLED" });
    open();
    expect((await kept).names.has("web1")).toBe(true);
  });

  it("ends with a guest that is not kept any more", async () => {
    const open = engine.hold();
    const failed = errorOf(poller.snapshot("web1", never));
    poller.forget("web1");
    open();

    expect(await failed).toMatchObject({ code: "CANCELLED" });
  });
});

describe("the poller's hints", () => {
  it("tell that the engine is read, and then each change once", async () => {
    await start();
    expect(told).toEqual(["connected"]);

    engine.vms = [vmFacts({ name: "web1", status: "migrating", hostId: "here", startTime: "a" })];
    await vi.advanceTimersByTimeAsync(10_000);
    await vi.advanceTimersByTimeAsync(10_000);

    expect(told).toEqual(["connected", "changed web1"]);
  });

  it("tell a new start of a guest", async () => {
    await start();
    engine.vms = [vmFacts({ name: "web1", status: "up", hostId: "here", startTime: "b" })];
    await vi.advanceTimersByTimeAsync(10_000);

    expect(told).toEqual(["connected", "started web1"]);
  });

  it("tell a guest that an event is about, though it looks as before", async () => {
    await start();
    const { id } = vmFacts();
    engine.eventList = [
      { id: 3, code: 62, time: "", description: "", correlationId: undefined, vmId: id, hostId: "here" },
    ];
    await vi.advanceTimersByTimeAsync(10_000);

    expect(told).toEqual(["connected", "changed web1"]);
    expect(engine.cursors).toEqual([0]);
    await vi.advanceTimersByTimeAsync(3000);
    expect(engine.cursors).toEqual([0, 3]);
  });

  it("tell an outage once, in one line of the log, and its end", async () => {
    await start();
    engine.error = DOWN;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(told).toEqual(["connected", "lost told to fail"]);
    expect(log.messages("warn")).toEqual(["RHEV-M cannot be read"]);

    engine.error = undefined;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual(["connected", "lost told to fail", "connected"]);
    expect(log.messages("info")).toEqual(["RHEV-M is read", "RHEV-M is read"]);
  });

  it("tell what changed during an outage", async () => {
    await start();
    engine.error = DOWN;
    await vi.advanceTimersByTimeAsync(30_000);
    engine.error = undefined;
    engine.hostList = [hostFacts("here", { status: "connecting" }), hostFacts("there")];
    await vi.advanceTimersByTimeAsync(10_000);

    expect(told).toEqual(["connected", "lost told to fail", "connected", "changed web1"]);
  });

  it("come without events where the engine refuses them, which is logged once, and its end", async () => {
    engine.eventError = new AgentError("NOT_ALLOWED", "told to refuse");
    await start();
    engine.vms = [];
    await vi.advanceTimersByTimeAsync(60_000);

    expect(told).toEqual(["connected", "changed web1"]);
    expect(log.messages("warn")).toEqual(["events of RHEV-M cannot be read, states still are"]);
    engine.eventError = undefined;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(log.count("events of RHEV-M are read again")).toBe(1);
  });

  it("reach the others when one listener throws", async () => {
    poller.events.on("connected", () => {
      throw new Error("told to throw");
    });
    await start();
    await vi.advanceTimersByTimeAsync(20_000);

    expect(engine.asked).toHaveLength(3);
    expect(log.count("a listener to RHEV-M's changes failed")).toBe(1);
  });

  it("end a wait for the next change; so do its time and its signal", async () => {
    await start();
    const change = poller.nextChange("web1", 60_000, never);
    engine.vms = [vmFacts({ name: "web1", status: "down" })];
    await vi.advanceTimersByTimeAsync(10_000);
    await change;

    const timed = poller.nextChange("web1", 1000, never);
    await vi.advanceTimersByTimeAsync(1000);
    await timed;

    await poller.nextChange("web1", 60_000, AbortSignal.abort());
    expect(poller.events.listenerCount("changed")).toBe(1);
  });
});

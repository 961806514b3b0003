import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Follower } from "../../../daemon/follower.ts";
import { Prober } from "../../../daemon/prober.ts";
import { ResourceBook, type ResourceRecord } from "../../../daemon/resource-book.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, type ResourceState } from "../../../src/resource-state.ts";
import { factSources } from "../../support/fakes/fact-sources.ts";
import { FakeEngine } from "../../support/fakes/fake-engine.ts";
import { aReading, FakePlatform, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { MemoryStore } from "../../support/fakes/memory-store.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const CYCLE_MS = 5000;
let clock: VirtualClock;
let platform: FakePlatform;
let engine: FakeEngine;
let log: RecordingLog;
let book: ResourceBook;
let ending: AbortController;

beforeEach(() => {
  clock = new VirtualClock();
  platform = new FakePlatform();
  engine = new FakeEngine();
  log = new RecordingLog();
  book = new ResourceBook(new MemoryStore(), log);
  ending = new AbortController();
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

/** A watched resource of the guest web1 whose engine was told this last. */
function known(state: ResourceState | undefined, active = true): ResourceRecord {
  const record = book.open("web1_res", attributesOfGuest("web1"));
  if (state !== undefined) book.told(record, { state, active });
  return record;
}

async function follow(): Promise<Follower> {
  const prober = new Prober(engine, log, ending.signal);
  const facts = factSources({ engine, log, signal: ending.signal });
  const follower = new Follower({ platform, book, ...facts, prober, intervalMs: () => CYCLE_MS, log });
  void follower.run(UNWATCHED, ending.signal);
  await clock.settle();
  return follower;
}

async function changes(reading = platform.readings.get("web1") ?? STOPPED): Promise<void> {
  platform.readings.set("web1", reading);
  platform.events.emit("changed", "web1");
  await clock.settle();
}

describe("the follower", () => {
  it("asks for a probe at once when an event leads to another state", async () => {
    known(online(100));
    platform.readings.set("web1", RUNNING);
    await follow();
    expect(engine.probes).toEqual([]);
    await changes(STOPPED);

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("finds a difference without an event within a cycle", async () => {
    known(online(100));
    platform.readings.set("web1", RUNNING);
    await follow();
    platform.readings.set("web1", STOPPED);
    await clock.advance(CYCLE_MS);

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("publishes what showed a change: an event, or the reading of all guests alone", async () => {
    known(online(100));
    platform.readings.set("web1", RUNNING);
    const found: string[] = [];
    (await follow()).events.on("found", (by) => void found.push(by));
    await changes(STOPPED);
    expect(found).toEqual(["event"]);
    platform.readings.set("web1", RUNNING);
    await clock.advance(CYCLE_MS);
    await clock.advance(CYCLE_MS);

    expect(found).toEqual(["event", "reading"]);
  });

  it("asks for nothing while state and confidence are what the engine was told", async () => {
    known(online(100));
    platform.readings.set("web1", RUNNING);
    await follow();
    await changes();
    await clock.advance(60_000);

    expect(engine.probes).toEqual([]);
  });

  it("asks when only the confidence differs", async () => {
    known(online(100));
    platform.readings.set("web1", aReading({ state: online(20), active: true }));
    await follow();

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("asks when the engine was told UNKNOWN last and the state can be proved again", async () => {
    const record = known(online(100));
    book.told(record, { state: { kind: "UNKNOWN" }, active: false });
    platform.readings.set("web1", RUNNING);
    await follow();

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("asks once for an answer UNKNOWN, however long it lasts", async () => {
    const record = known(online(100));
    platform.readings.set("web1", aReading({ state: { kind: "UNKNOWN" }, active: undefined }));
    await follow();
    expect(engine.probes).toEqual(["web1_res"]);
    book.told(record, { state: { kind: "UNKNOWN" }, active: false });

    await clock.advance(10 * CYCLE_MS);

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("asks for nothing before the engine has looked at the resource itself", async () => {
    known(undefined);
    platform.readings.set("web1", RUNNING);
    await follow();

    expect(engine.probes).toEqual([]);
  });

  it("asks for nothing during an operation, and looks again when it has ended", async () => {
    const record = known(online(100));
    record.operation = "offline";
    platform.readings.set("web1", STOPPED);
    await follow();
    await changes();
    expect(engine.probes).toEqual([]);
    record.operation = undefined;
    await clock.advance(CYCLE_MS);

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("looks at no resource that is not watched", async () => {
    const record = known(online(100));
    await book.change(record, { watched: false });
    await follow();
    await changes(STOPPED);

    expect(platform.calls).toEqual([]);
  });

  it("reads all guests with one call a cycle, each guest once", async () => {
    known(online(100));
    book.open("web1_twin", attributesOfGuest("web1"));
    book.open("web2_res", attributesOfGuest("web2"));
    await follow();
    await clock.advance(2 * CYCLE_MS);

    expect(platform.calls).toEqual(["readAll web1 web2", "readAll web1 web2", "readAll web1 web2"]);
  });

  it("looks once more for all the hints that came while it looked", async () => {
    known(online(100));
    platform.readings.set("web1", RUNNING);
    await follow();
    platform.calls.length = 0;
    for (let count = 0; count < 10; count++) platform.events.emit("changed", "web1");
    await clock.settle();

    expect(platform.calls).toEqual(["read web1", "read web1"]);
  });

  it("makes every reading of before stale at an event and at a new connection", async () => {
    const record = known(online(100));
    await follow();
    const before = record.epoch;
    await changes();
    platform.events.emit("connected", "libvirt");

    expect(record.epoch).toBeGreaterThanOrEqual(before + 2);
  });

  it("reads everything at once after a new connection", async () => {
    known(online(100));
    platform.readings.set("web1", RUNNING);
    await follow();
    platform.readings.set("web1", STOPPED);
    await clock.advance(1000);
    platform.events.emit("connected", "libvirt");
    await clock.settle();

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("takes note of a stop that ended while nobody was at work", async () => {
    const record = known(online(10));
    await book.change(record, { stopping: true });
    await follow();

    expect(record.registration.stopping).toBe(false);
  });

  it("logs a change of state once, with both states", async () => {
    known(online(100));
    platform.readings.set("web1", RUNNING);
    await follow();
    await changes(aReading({ state: INTENTIONAL_OFFLINE, active: true, reason: "suspended" }));
    await changes();
    const lines = log.entries.filter(({ message }) => message === "guest changed state");

    expect(lines.map(({ fields }) => fields)).toEqual([
      {
        resource: "web1_res",
        guest: "web1",
        state: "INTENTIONAL OFFLINE",
        reason: "suspended",
        from: "ONLINE(100)",
      },
    ]);
  });
});

describe("the follower after an online", () => {
  it("does not ask for ONLINE, which the framework's own monitor will find", async () => {
    const record = known(OFFLINE, false);
    record.awaited = { online: true, until: performance.now() + 20_000 };
    platform.readings.set("web1", RUNNING);
    await follow();
    await clock.advance(15_000);
    expect(engine.probes).toEqual([]);
    await clock.advance(7000);

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("asks at once for another state than the one that the operation leads to", async () => {
    const record = known(online(100));
    record.awaited = { online: true, until: performance.now() + 20_000 };
    await follow();

    expect(engine.probes).toEqual(["web1_res"]);
  });

  it("takes the guest's end as a failed online, says so once, and has the engine look", async () => {
    const record = known(online(100));
    record.onlineUntil = performance.now() + 20_000;
    platform.readings.set("web1", RUNNING);
    await follow();
    await changes(STOPPED);
    await changes(STOPPED);

    expect(log.count("guest ended within DelayAfterGuestOnline, its online has failed")).toBe(1);
    expect(engine.probes).toEqual(["web1_res"]);
  });
});

describe("the follower of a platform that does not answer", () => {
  it("asks for nothing, and says once that it is blind and once that it sees", async () => {
    known(online(100));
    platform.readings.set("web1", RUNNING);
    platform.trouble = new AgentError("PLATFORM_DOWN", "libvirt cannot be asked");
    await follow();
    await changes();
    await clock.advance(3_600_000);
    platform.trouble = undefined;
    await clock.advance(CYCLE_MS);

    expect(engine.probes).toEqual([]);
    expect(log.messages("error")).toEqual(["guests cannot be read"]);
    expect(log.count("guests can be read again")).toBe(1);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Follower } from "../../../daemon/follower.ts";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { Prober } from "../../../daemon/prober.ts";
import { ResourceBook, type ResourceRecord } from "../../../daemon/resource-book.ts";
import { StalledGuests } from "../../../daemon/stalled-guests.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import { pause } from "../../../src/deadline.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online } from "../../../src/resource-state.ts";
import { factSources } from "../../support/fakes/fact-sources.ts";
import { FakeEngine } from "../../support/fakes/fake-engine.ts";
import { aReading, FakePlatform, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { MemoryStore } from "../../support/fakes/memory-store.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const STALLED = aReading({ state: online(20), active: true, stalled: true, reason: "a disk failed" });
const SUSPENDED = aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" });
const BEGIN = "guest is resumed again and again until its disk is back";
const END = "guest is not stalled any more";
const GUEST = "kvm:web1";

let clock: VirtualClock;
let platform: FakePlatform;
let engine: FakeEngine;
let log: RecordingLog;
let book: ResourceBook;
let queue: GuestQueue;
let ending: AbortController;
let facts: ReturnType<typeof factSources>;
let isWanted: boolean;
/** When resumes were asked, in seconds. */
let attempts: number[];

beforeEach(() => {
  clock = new VirtualClock();
  platform = new FakePlatform();
  engine = new FakeEngine();
  log = new RecordingLog();
  book = new ResourceBook(new MemoryStore(), log);
  queue = new GuestQueue();
  ending = new AbortController();
  isWanted = true;
  attempts = [];
  platform.deeds.resumeStalled = async () => {
    attempts.push(Math.round(clock.now / 1000));
    // the guest runs for a moment, and the disk fails again
    becomes(RUNNING);
    setTimeout(() => becomes(STALLED), 100);
    return true;
  };
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

function becomes(reading: typeof STALLED): void {
  platform.readings.set("web1", reading);
  platform.events.emit("changed", "web1");
}

/** A stalled guest that the engine knows as ONLINE, beside the follower. */
async function stalled(): Promise<ResourceRecord> {
  const record = book.open("web1_res", attributesOfGuest("web1"));
  book.told(record, { state: online(20), active: true });
  platform.readings.set("web1", STALLED);
  const prober = new Prober(engine, log, ending.signal);
  facts = factSources({ engine, log, signal: ending.signal });
  const follower = new Follower({ platform, book, ...facts, prober, intervalMs: () => 5000, log });
  void follower.run(UNWATCHED, ending.signal);
  const look = (guest: string) => void follower.look(guest, ending.signal);
  const guests = new StalledGuests({ platform, book, ...facts, queue, look, isWanted: () => isWanted, log });
  void guests.run(UNWATCHED, ending.signal);
  await clock.settle();
  return record;
}

describe("a stalled guest", () => {
  it("is resumed at growing distance until its disk is back", async () => {
    await stalled();
    await clock.advance(250_000);

    // 5, 10, 20, 40, 60, 60 seconds apart, with the time of the attempts themselves
    expect(attempts.map((at, index) => at - (attempts[index - 1] ?? 0))).toEqual([6, 11, 21, 41, 61, 61]);
  });

  it("is told of at the start and at the end, and not at each attempt, and the engine is not asked in between", async () => {
    await stalled();
    await clock.advance(250_000);
    expect(log.messages("info")).toEqual([BEGIN]);
    expect(engine.probes).toEqual([]);
    platform.deeds.resumeStalled = async () => {
      becomes(RUNNING);
      return true;
    };
    await clock.advance(65_000);

    const told = log.entries.filter(({ message }) => message === END).map(({ fields }) => fields);
    expect(told).toEqual([{ resource: "web1_res", guest: "web1", attempts: 7, reason: "told by the test" }]);
    expect(engine.probes.length).toBeGreaterThan(0);
    await clock.advance(600_000);
    expect(log.count(END)).toBe(1);
  });

  it("that runs on another system is not resumed, and that is told once", async () => {
    platform.deeds.refuseIfElsewhere = () => Promise.reject(new AgentError("REFUSED", "it runs on node2"));
    await stalled();
    await clock.advance(250_000);

    expect(attempts).toEqual([]);
    expect(log.messages("warn")).toEqual(["stalled guest could not be resumed"]);
  });

  it("tells nothing of a moment of running that is read late", async () => {
    platform.deeds.read = async (guest, signal) => {
      const reading = platform.readings.get(guest) ?? STOPPED;
      if (reading === RUNNING) await pause(500, signal);
      return reading;
    };
    await stalled();
    await clock.advance(250_000);

    expect(attempts).toHaveLength(6);
    expect(log.messages("info")).toEqual([BEGIN]);
    expect(engine.probes).toEqual([]);
  });

  it("goes on at the distance it had when it stalls again soon, and anew after a minute", async () => {
    await stalled();
    await clock.advance(40_000);
    expect(attempts).toHaveLength(3);
    becomes(RUNNING);
    await clock.advance(30_000);
    becomes(STALLED);
    await clock.advance(39_000);
    expect(attempts).toHaveLength(3);
    await clock.advance(4000);
    expect(attempts).toHaveLength(4);

    becomes(RUNNING);
    await clock.advance(65_000);
    becomes(STALLED);
    await clock.advance(8000);
    expect(attempts).toHaveLength(5);
  });

  it.each<[string, (record: ResourceRecord) => void]>([
    ["the configuration does not want it", () => void (isWanted = false)],
    ["an entry point works on it", (record) => void (record.operation = "offline")],
    ["it is being stopped", (record) => void book.change(record, { stopping: true })],
    ["the engine was told OFFLINE", (record) => void book.told(record, { state: OFFLINE, active: true })],
    ["the engine was told nothing", (record) => void book.change(record, { lastAnswer: undefined })],
    ["it is not watched", (record) => void book.change(record, { watched: false })],
    ["a migration of it is under way", () => void facts.migrations.begin("web1", "u", "node2", 60_000)],
    ["it was suspended", () => becomes(SUSPENDED)],
    ["it runs again", () => becomes(RUNNING)],
    ["it is gone", () => becomes(STOPPED)],
    [
      "an operation runs or waits",
      () => void queue.run(GUEST, { name: "clean", takesOver: true, work: forever }, ending.signal),
    ],
  ])("is left alone when %s", async (_what, happen) => {
    happen(await stalled());
    await clock.advance(300_000);

    expect(attempts).toEqual([]);
  });

  it("is not resumed by an attempt whose turn a stop overtook", async () => {
    const record = await stalled();
    platform.deeds.resumeStalled = async (_guest, signal) => {
      await pause(2000, signal);
      return !signal.aborted;
    };
    await clock.advance(6500);
    expect(record.operation).toBe("resume");
    const cleaned = queue.run(
      GUEST,
      { name: "clean", takesOver: true, work: async () => "cleaned" },
      ending.signal,
    );

    expect(await clock.until(cleaned)).toBe("cleaned");
    expect(log.count(END)).toBe(0);
  });

  it("holds up an entry point no longer than one attempt", async () => {
    await stalled();
    platform.deeds.resumeStalled = async (_guest, signal) => {
      await pause(1_000_000, signal);
      throw new AgentError("TIMED_OUT", "libvirt hangs");
    };
    await clock.advance(6500);
    const before = clock.now;
    await clock.until(
      queue.run(GUEST, { name: "offline", takesOver: false, work: async () => undefined }, ending.signal),
    );

    expect(clock.now - before).toBeLessThanOrEqual(5000);
  });
});

async function forever(): Promise<void> {
  await pause(1_000_000, ending.signal);
}

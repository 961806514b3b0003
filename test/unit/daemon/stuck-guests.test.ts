import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FactSources } from "../../../daemon/answer-facts.ts";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { decideMigrations } from "../../../daemon/migration-decider.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { answerOf } from "../../../src/answer.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import { OFFLINE, online } from "../../../src/resource-state.ts";
import { factSources } from "../../support/fakes/fact-sources.ts";
import { FakeEngine } from "../../support/fakes/fake-engine.ts";
import { aReading, FakePlatform, RUNNING } from "../../support/fakes/fake-platform.ts";
import { MemoryMigrations } from "../../support/fakes/memory-migrations.ts";
import { MemoryStore } from "../../support/fakes/memory-store.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const CYCLE_MS = 5000;
const STUCK = aReading({ state: online(20), active: true, moved: "stuck", uuid: "u1" });
const GONE = aReading({ state: OFFLINE, active: false, uuid: "u1" });

let clock: VirtualClock;
let platform: FakePlatform;
let engine: FakeEngine;
let log: RecordingLog;
let store: MemoryMigrations;
let facts: FactSources;
let ending: AbortController;
let looked: string[];

beforeEach(() => {
  clock = new VirtualClock();
  platform = new FakePlatform();
  engine = new FakeEngine();
  log = new RecordingLog();
  store = new MemoryMigrations();
  ending = new AbortController();
  looked = [];
  facts = factSources({ engine, log, store, signal: ending.signal });
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

/** The decider beside a guest that the follower has read as stuck. */
function decide(): void {
  const book = new ResourceBook(new MemoryStore(), log);
  book.open("web1_res", attributesOfGuest("web1")).lastReading = { reading: STUCK, at: new Date() };
  const parts = { ...facts, platform, book, queue: new GuestQueue(), intervalMs: () => CYCLE_MS, log };
  void decideMigrations({ ...parts, look: (guest) => void looked.push(guest) }, UNWATCHED, ending.signal);
}

/** What the engine would be told. */
function answerTo(reading = STUCK) {
  const migration = facts.migrations.get("web1");
  return answerOf(reading, { stopping: false, migration, lastAnswer: { state: online(100), active: true } });
}

describe("a guest that stands still since a hand-over of which nothing is recorded", () => {
  it("is looked for on the peers, and has left when it is found there", async () => {
    platform.readings.set("web1", STUCK);
    platform.deeds.whereIs = async () => ({ kind: "moved", why: "it runs on node2", peer: "node2" });

    decide();
    await clock.settle();

    expect(facts.migrations.get("web1")).toMatchObject({ kind: "left", peer: "node2", uuid: "u1" });
    expect(looked).toEqual(["web1"]);
    expect(log.messages("error")).toEqual([]);
  });

  it("stays what it seems to be while it is found nowhere, and nobody is alarmed", async () => {
    platform.readings.set("web1", STUCK);
    platform.deeds.whereIs = async () => ({ kind: "doubtful", why: "node2: not defined" });

    decide();
    await clock.advance(10 * CYCLE_MS);

    expect(facts.migrations.get("web1")).toMatchObject({ kind: "stuck" });
    expect(answerTo()).toMatchObject({ state: online(20) });
    expect(log.messages("error")).toEqual([]);
    expect(log.count("migration recorded")).toBe(1);
  });

  it("is none when it was only the last moment of a good migration", async () => {
    platform.readings.set("web1", RUNNING);

    decide();
    await clock.advance(10 * CYCLE_MS);

    expect(facts.migrations.get("web1")).toBeUndefined();
    expect(platform.count("whereIs")).toBe(0);
  });
});

describe("the record of a guest that stands still", () => {
  beforeEach(() => facts.migrations.suspect("web1", "u1"));

  it("is on disk", () => {
    expect(store.saved.get("web1")).toMatchObject({ kind: "stuck", uuid: "u1" });
  });

  it("keeps its end from being a fault before the peers were asked", () => {
    expect(answerTo(GONE)).toMatchObject({ state: { kind: "UNKNOWN" } });
  });

  it("stays while it stands still, and goes when it runs again", async () => {
    await facts.migrations.note("web1", STUCK);
    expect(facts.migrations.get("web1")).toMatchObject({ kind: "stuck" });

    await facts.migrations.note("web1", { ...RUNNING, uuid: "u1" });
    expect(facts.migrations.get("web1")).toBeUndefined();
  });

  it("becomes that of one that left when libvirt says so, and a doubt when its emulator was killed", async () => {
    await facts.migrations.note("web1", { ...GONE, moved: "unclear" });
    expect(facts.migrations.get("web1")).toMatchObject({ kind: "doubtful" });

    await facts.migrations.suspect("web1", "u1");
    await facts.migrations.note("web1", { ...GONE, moved: "away" });
    expect(facts.migrations.get("web1")).toMatchObject({ kind: "left" });
  });
});

describe("a guest that stands still on the host to which it comes", () => {
  it("is arriving: in a moment it may run, while the source is still ONLINE", async () => {
    engine.elsewhere.set("web1_res", ["node1"]);
    const was = { state: OFFLINE, active: false };
    facts.arrivals.note("web1_res", STUCK, was);

    expect(facts.arrivals.isArriving("web1_res", STUCK, was)).toBe(true);
    await clock.advance(1000);
    expect(facts.arrivals.isArriving("web1_res", STUCK, was)).toBe(true);
  });

  it("is not, where the engine knows it as ONLINE", () => {
    const was = { state: online(100), active: true };

    expect(facts.arrivals.isArriving("web1_res", STUCK, was)).toBe(false);
  });

  it("is told with the systems that were ONLINE when last they were heard of", async () => {
    engine.elsewhere.set("web1_res", ["node1"]);
    facts.arrivals.note("web1_res", STUCK, { state: OFFLINE, active: false });
    await clock.advance(5000);
    engine.trouble = new AgentError("TIMED_OUT", "hares did not answer");
    await clock.advance(6000);

    expect(log.entries.at(-1)?.fields).toMatchObject({ resource: "web1_res", others: ["node1"] });
  });
});

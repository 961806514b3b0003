import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answerFacts, lastAnswerOf, lastBeforeArrival } from "../../../daemon/answer-facts.ts";
import { Arrivals } from "../../../daemon/arrivals.ts";
import { MigrationBook } from "../../../daemon/migration-book.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { answerOf } from "../../../src/answer.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online } from "../../../src/resource-state.ts";
import { FakeEngine } from "../../support/fakes/fake-engine.ts";
import { aReading } from "../../support/fakes/fake-platform.ts";
import { MemoryMigrations } from "../../support/fakes/memory-migrations.ts";
import { MemoryStore } from "../../support/fakes/memory-store.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const ARRIVED = aReading({ state: online(100), active: true, moved: "here" });
const RECEIVES = aReading({ state: OFFLINE, active: true, migrating: true });
const WAS_OFF = { state: OFFLINE, active: false } as const;

let clock: VirtualClock;
let engine: FakeEngine;
let log: RecordingLog;
let over: string[];
let ending: AbortController;
let arrivals: Arrivals;

beforeEach(() => {
  clock = new VirtualClock();
  engine = new FakeEngine();
  log = new RecordingLog();
  over = [];
  ending = new AbortController();
  arrivals = new Arrivals(
    { engine, atMostMs: () => 10_000, onOver: (resource) => void over.push(resource), log },
    ending.signal,
  );
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

/** Whether a guest is held back of which this is the reading at hand. */
function isArriving(resource = "vm1", reading = ARRIVED): boolean {
  arrivals.note(resource, reading, WAS_OFF);
  return arrivals.isArriving(resource, reading, WAS_OFF);
}

describe("a guest that comes by migration", () => {
  it("arrives until the engine has no other system ONLINE", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    expect(isArriving()).toBe(true);
    await clock.advance(2000);
    expect(isArriving()).toBe(true);
    expect(over).toEqual([]);

    engine.elsewhere.delete("vm1");
    await clock.advance(1000);

    expect(over).toEqual(["vm1"]);
    expect(isArriving()).toBe(false);
    expect(log.messages("warn")).toEqual([]);
  });

  it("is told by a monitor that asks by itself, as soon as the engine has no other system ONLINE", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    isArriving();
    await clock.advance(500);
    await arrivals.hasten("vm1");
    expect(isArriving()).toBe(true);

    engine.elsewhere.delete("vm1");
    const before = clock.now;
    await arrivals.hasten("vm1");

    expect(isArriving()).toBe(false);
    expect(clock.now).toBe(before);
    await clock.advance(1000);
    expect(over).toEqual(["vm1"]);
    expect(log.messages("warn")).toEqual([]);
  });

  it("keeps a monitor for a second at most when the engine hangs", async () => {
    engine.hangs = true;
    isArriving();
    await clock.until(arrivals.hasten("vm1"));

    expect(clock.now).toBe(1000);
    expect(isArriving()).toBe(true);
  });

  it("asks nothing for a monitor of a guest that is not arriving", async () => {
    await arrivals.hasten("vm1");
    isArriving();
    await clock.settle();
    expect(engine.asked).toBe(1);
    await arrivals.hasten("vm1");

    expect(engine.asked).toBe(1);
  });

  it("is asked for at once, so that a source that was told first costs no time", async () => {
    expect(isArriving()).toBe(true);
    await clock.settle();

    expect(over).toEqual(["vm1"]);
    expect(clock.now).toBe(0);
  });

  it.each([
    ["still has another system ONLINE", (): void => void engine.elsewhere.set("vm1", ["node1"]), ["node1"]],
    [
      "is down",
      (): void => void (engine.trouble = new AgentError("PLATFORM_DOWN", "had is down")),
      "unknown",
    ],
    ["hangs", (): void => void (engine.hangs = true), "unknown"],
  ] as const)("is told as ONLINE after 10 s when the engine %s", async (_what, happen, others) => {
    happen();
    isArriving();
    await clock.advance(9900);
    expect(over).toEqual([]);
    await clock.advance(100);

    expect(over).toEqual(["vm1"]);
    expect(isArriving()).toBe(false);
    expect(log.entries.at(-1)).toMatchObject({
      level: "warn",
      message: "engine still knows the guest as online elsewhere, it is told as online here too",
      fields: { resource: "vm1", others },
    });
  });

  it("asks again after 100 ms, and then every 200 ms", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    isArriving();
    await clock.advance(10_000);

    // at 0, 0.1, 0.3, 0.5, ... 9.9 and at 10 s
    expect(engine.asked).toBe(52);
  });

  it("is waited for once, however often it is read meanwhile", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    for (let time = 0; time < 5; time++) isArriving();
    await clock.settle();

    expect(engine.asked).toBe(1);
    expect(log.count("guest has arrived by migration, online once the system it left is told")).toBe(1);
  });

  it("is held back by an answer before anything is noted of it, and looks at nothing for that", async () => {
    expect(arrivals.isArriving("vm1", ARRIVED, WAS_OFF)).toBe(true);
    await clock.settle();

    expect(engine.asked).toBe(0);
  });

  it("arrives apart for each of its resources", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    expect(isArriving("vm1")).toBe(true);
    expect(isArriving("vm2")).toBe(true);
    await clock.settle();

    expect(isArriving("vm1")).toBe(true);
    expect(isArriving("vm2")).toBe(false);
    expect(over).toEqual(["vm2"]);
  });

  it("arrives anew when it has gone and comes again", async () => {
    isArriving();
    await clock.settle();
    expect(isArriving()).toBe(false);
    isArriving("vm1", aReading({ moved: "away" }));
    engine.elsewhere.set("vm1", ["node1"]);

    expect(isArriving()).toBe(true);
  });

  it("is not told of when it goes while it is waited for", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    isArriving();
    isArriving("vm1", aReading({ moved: "away" }));
    await clock.advance(20_000);

    expect(over).toEqual([]);
    expect(log.messages("warn")).toEqual([]);
  });
});

describe("a guest that stands still in the moment before it runs here", () => {
  it("arrives already", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    const stands = aReading({ state: online(20), active: true, moved: "stuck" });
    expect(isArriving("vm1", stands)).toBe(true);
    await clock.settle();
    expect(isArriving()).toBe(true);

    expect(engine.asked).toBe(1);
  });
});

describe("a guest that goes on before the engine was told that it had come", () => {
  it("is not told as ONLINE in the moment in which it stands still for that", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    const leaves = aReading({ state: online(100), active: true, migrating: true });
    isArriving();
    expect(isArriving("vm1", leaves)).toBe(true);
    await clock.advance(10_000);

    expect(over).toEqual(["vm1"]);
    expect(log.count("guest has arrived by migration, online once the system it left is told")).toBe(1);
  });
});

describe("a guest that did not come since the engine was told of it", () => {
  it.each([
    ["is known as ONLINE here", { state: online(100), active: true }],
    ["is known as ONLINE here with a doubt", { state: online(10), active: true }],
    ["was never told of", undefined],
    ["is faulted here by a policy, for instance by a lost heartbeat", { state: OFFLINE, active: true }],
  ] as const)("does not arrive when it %s", async (_what, last) => {
    arrivals.note("vm1", ARRIVED, last);
    expect(arrivals.isArriving("vm1", ARRIVED, last)).toBe(false);
    await clock.settle();

    expect(engine.asked).toBe(0);
  });

  it("arrives after it had left on purpose", () => {
    const left = { state: INTENTIONAL_OFFLINE, active: false } as const;

    expect(arrivals.isArriving("vm1", ARRIVED, left)).toBe(true);
  });

  it.each([
    ["was started here", aReading({ state: online(100), active: true })],
    ["receives yet", RECEIVES],
    [
      "is suspended on its arrival",
      aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" }),
    ],
  ])("does not arrive when it %s", (_what, reading) => {
    expect(isArriving("vm1", reading)).toBe(false);
  });
});

describe("a guest that the engine itself brought online here", () => {
  it.each([
    ["has come", ARRIVED],
    [
      "goes already before its first monitor",
      aReading({ state: online(100), active: true, migrating: true }),
    ],
  ])("did not come since, though it %s", (_what, reading) => {
    const { record } = brought(15_000);
    arrivals.note("vm1", reading, lastBeforeArrival(record));

    expect(arrivals.isArriving("vm1", reading, lastBeforeArrival(record))).toBe(false);
  });

  it("is not waited for any longer, and nobody is warned", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    isArriving();
    await clock.settle();
    arrivals.forget("vm1");
    await clock.advance(20_000);

    expect(log.messages("warn")).toEqual([]);
    expect(over).toEqual([]);
  });

  it("may come since when its monitor has told of it, or never came", async () => {
    const { book, record } = brought(15_000);
    book.told(record, WAS_OFF);
    expect(lastBeforeArrival(record)).toEqual(WAS_OFF);
    const late = brought(15_000).record;
    await clock.advance(15_000);

    expect(lastBeforeArrival(late)).toEqual(WAS_OFF);
  });
});

describe("arrivals", () => {
  it("forget a resource that is closed", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    isArriving();
    arrivals.forget("vm1");
    await clock.advance(20_000);

    expect(over).toEqual([]);
  });

  it("end with the daemon", async () => {
    engine.elsewhere.set("vm1", ["node1"]);
    isArriving();
    ending.abort(new Error("the daemon ends"));
    await clock.advance(20_000);

    expect(over).toEqual([]);
    expect(log.messages("warn")).toEqual([]);
  });
});

describe("what is remembered of an answer", () => {
  it("is no active guest while that receives or arrives, so that its coming is seen", () => {
    const book = new ResourceBook(new MemoryStore(), log);
    const record = book.open("vm1", attributesOfGuest("web1"));
    const sources = { migrations: new MigrationBook(new MemoryMigrations(), "boot", log), arrivals };
    engine.elsewhere.set("vm1", ["node1"]);

    for (const reading of [aReading(), RECEIVES, ARRIVED]) {
      const answer = answerOf(reading, answerFacts(sources, record, reading));
      book.told(record, lastAnswerOf(record, answer, reading));

      expect(record.registration.lastAnswer).toEqual({ state: OFFLINE, active: false });
    }
  });
});

function brought(untilMs: number) {
  const book = new ResourceBook(new MemoryStore(), log);
  const record = book.open("vm1", attributesOfGuest("web1"));
  book.told(record, WAS_OFF);
  record.awaited = { online: true, until: performance.now() + untilMs };
  return { book, record };
}

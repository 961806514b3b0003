import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Follower } from "../../../daemon/follower.ts";
import { Prober } from "../../../daemon/prober.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import type { Reading } from "../../../src/platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, type ResourceState } from "../../../src/resource-state.ts";
import { factSources } from "../../support/fakes/fact-sources.ts";
import { FakeEngine } from "../../support/fakes/fake-engine.ts";
import { aReading, FakePlatform, RUNNING } from "../../support/fakes/fake-platform.ts";
import { MemoryMigrations } from "../../support/fakes/memory-migrations.ts";
import { MemoryStore } from "../../support/fakes/memory-store.ts";
import { type LogEntry, RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const CYCLE_MS = 5000;
const LEFT = aReading({ state: INTENTIONAL_OFFLINE, moved: "away" });
const UNCLEAR = aReading({ moved: "unclear" });
const ARRIVED = aReading({ ...RUNNING, moved: "here" });

let clock: VirtualClock;
let platform: FakePlatform;
let engine: FakeEngine;
let log: RecordingLog;
let book: ResourceBook;
let store: MemoryMigrations;
let ending: AbortController;
let migrations: ReturnType<typeof factSources>["migrations"];

beforeEach(async () => {
  clock = new VirtualClock();
  platform = new FakePlatform();
  engine = new FakeEngine();
  log = new RecordingLog();
  book = new ResourceBook(new MemoryStore(), log);
  store = new MemoryMigrations();
  ending = new AbortController();
  const prober = new Prober(engine, log, ending.signal);
  const { signal } = ending;
  const facts = factSources({ engine, log, store, signal, onOver: () => void follower.look("web1", signal) });
  const follower: Follower = new Follower({
    platform,
    book,
    ...facts,
    prober,
    intervalMs: () => CYCLE_MS,
    log,
  });
  migrations = facts.migrations;
  void follower.run(UNWATCHED, signal);
  await clock.settle();
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

function known(state: ResourceState, resource = "web1_res"): void {
  const active = state.kind === "ONLINE";
  book.told(book.open(resource, attributesOfGuest("web1")), { state, active });
}

/** A reading of all guests, in which it runs, that is under way; ends when it is told to. */
async function slowReading(): Promise<() => Promise<void>> {
  const slow: (() => void)[] = [];
  platform.deeds.readAll = async (guests) => {
    const before = new Map(guests.map((guest) => [guest, RUNNING]));
    await new Promise<void>((resolve) => slow.push(resolve));
    return before;
  };
  await clock.advance(CYCLE_MS);
  return async () => {
    slow[0]?.();
    await clock.settle();
  };
}

async function changes(reading: Reading): Promise<void> {
  platform.readings.set("web1", reading);
  platform.events.emit("changed", "web1");
  await clock.settle();
}

/** What the engine was asked to look for. */
function news(): unknown[] {
  return log.entries.filter(isProbe).map(({ fields }) => fields["code"]);
}

function isProbe({ message }: LogEntry): boolean {
  return message === "engine asked to probe";
}

describe("the follower of a guest that migrates away and runs here still", () => {
  const MIGRATES = aReading({ ...RUNNING, state: INTENTIONAL_OFFLINE, migrating: true });

  it("leaves the engine with ONLINE, so that an end on the way is a fault", async () => {
    known(online(100));
    await changes(MIGRATES);
    await clock.advance(CYCLE_MS);
    expect(news()).toEqual([]);
    await changes(aReading());

    expect(news()).toEqual([100]);
  });

  it("has the engine hear that it left as soon as that shows", async () => {
    known(online(100));
    await changes(MIGRATES);
    await changes(LEFT);

    expect(news()).toEqual([200]);
  });

  it.each([
    ["in post-copy", { runsOnTarget: true }],
    ["whose post-copy broke", { moved: "split" }],
  ] as const)("has the engine hear at once of one %s", async (_, more) => {
    known(online(100));
    await changes({ ...MIGRATES, ...more });

    expect(news()).toEqual([200]);
  });
});

describe("the follower of a guest that leaves", () => {
  it("has the record on disk before the engine is asked to look", async () => {
    known(online(100));
    const resolvers: (() => void)[] = [];
    store.onWrite = () => new Promise((resolve) => resolvers.push(resolve));
    await changes(LEFT);
    expect(store.writes).toEqual(["web1 left"]);
    expect(engine.probes).toEqual([]);
    resolvers[0]?.();
    await clock.settle();

    expect(store.saved.get("web1")).toMatchObject({ kind: "left" });
    expect(news()).toEqual([200]);
  });

  it("does not have the engine wait for a disk that hangs", async () => {
    known(online(100));
    store.onWrite = () => new Promise(() => undefined);
    await changes(LEFT);
    await clock.advance(1000);

    expect(news()).toEqual([200]);
  });

  it("asks for both of its resources, and records once", async () => {
    known(online(100));
    known(online(100), "web1_again");
    await changes(LEFT);

    expect(engine.probes.toSorted()).toEqual(["web1_again", "web1_res"]);
    expect(store.writes).toEqual(["web1 left"]);
  });

  it("has the engine hear of a doubt, not of a fault, when it ended in the moment of the hand-over", async () => {
    known(online(100));
    await changes(UNCLEAR);

    expect(migrations.get("web1")).toMatchObject({ kind: "doubtful" });
    expect(news()).toEqual([99]);
  });

  it("does not take a reading of all guests that its end overtook for its return", async () => {
    known(online(100));
    const goOn = await slowReading();
    await changes(LEFT);
    await goOn();

    expect(migrations.get("web1")).toMatchObject({ kind: "left" });
    expect(store.writes).toEqual(["web1 left"]);
  });

  it("does not take one for its return either that began before its end was found out on the other host", async () => {
    known(online(100));
    const goOn = await slowReading();
    await migrations.end("web1", RUNNING.uuid, "node2", { kind: "moved", why: "it runs there" });
    await goOn();

    expect(migrations.get("web1")).toMatchObject({ kind: "left", peer: "node2" });
  });

  it("records nothing of a guest whose resource was closed while it was read", async () => {
    known(online(100));
    platform.deeds.read = async () => {
      await book.remove("web1_res");
      return LEFT;
    };
    await changes(LEFT);

    expect(store.writes).toEqual([]);
  });
});

describe("the follower of a guest that comes", () => {
  it("asks for nothing before the system it left is told, then at once", async () => {
    known(OFFLINE);
    engine.elsewhere.set("web1_res", ["node1"]);
    await changes(ARRIVED);
    await clock.advance(2000);
    expect(news()).toEqual([]);
    engine.elsewhere.delete("web1_res");
    await clock.advance(1000);

    expect(news()).toEqual([110]);
  });

  it("drops what was recorded when it had left", async () => {
    known(online(100));
    await changes(LEFT);
    await changes(ARRIVED);

    expect(migrations.get("web1")).toBeUndefined();
    expect(store.saved.size).toBe(0);
  });
});

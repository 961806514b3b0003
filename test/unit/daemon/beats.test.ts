import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Follower } from "../../../daemon/follower.ts";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { Heartbeats } from "../../../daemon/heartbeats.ts";
import { LoopWatch } from "../../../daemon/loop-watch.ts";
import { decideMigrations } from "../../../daemon/migration-decider.ts";
import { Prober } from "../../../daemon/prober.ts";
import { StalledGuests } from "../../../daemon/stalled-guests.ts";
import type { Beats } from "../../../src/beat.ts";
import { Lane } from "../../../src/kvm/lane.ts";
import { online } from "../../../src/resource-state.ts";
import type { OwnIdentity } from "../../../src/rhev/own-host.ts";
import { Poller } from "../../../src/rhev/poller.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { FakeRhevm } from "../../support/fakes/fake-rhevm.ts";
import { RecordedBeats } from "../../support/fakes/recorded-beats.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const HOUR_MS = 3_600_000;

/** Everything that goes on without end takes so long between two looks. */
const intervalMs = () => 5000;

const settings = () => ({ intervalMs: 20_000, timeoutS: 5, misses: 3, lossMs: 60_000 });

let clock: VirtualClock;
let host: DispatcherHost;
let ending: AbortController;

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  ending = new AbortController();
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function follower(): Follower {
  const { platform, book, facts, engine, log } = host;
  const record = book.open("web1_res", attributesOfGuest("web1"));
  book.told(record, { state: online(100), active: true });
  const prober = new Prober(engine, log, ending.signal);
  return new Follower({ platform, book, ...facts, prober, intervalMs, log });
}

function lane(open: () => Promise<never> | ReturnType<FakeLibvirtd["open"]>): Lane {
  return new Lane({ name: "watch", speaks: true, open, log: host.log });
}

function identity(): Promise<OwnIdentity> {
  return Promise.resolve({ names: ["here"], addresses: [], hardwareUuids: [] });
}

function poller(source: FakeRhevm): Poller {
  return new Poller({ source, identity, configuredHost: () => undefined, log: host.log, random: () => 0 });
}

/** Which loops stand still after an hour. */
async function lateOf(run: (beats: Beats) => Promise<void>): Promise<readonly string[]> {
  const watch = new LoopWatch();
  void run(watch.beats);
  await clock.advance(HOUR_MS);
  return watch.late().map(({ loop }) => loop);
}

describe("a loop that stands still is noticed:", () => {
  it("a follower whose reading never ends", async () => {
    host.platform.deeds.readAll = never;

    expect(await lateOf((beats) => follower().run(beats, ending.signal))).toEqual(["follower"]);
  });

  it("a lane whose opening never ends", async () => {
    expect(await lateOf((beats) => lane(never).run(beats, ending.signal))).toEqual(["lane watch"]);
  });

  it("a poller whose cycle never ends", async () => {
    const engine = new FakeRhevm();
    engine.hosts = never;
    const stuck = poller(engine);
    stuck.follow("web1");

    expect(await lateOf((beats) => stuck.run(beats, ending.signal))).toEqual(["poller"]);
  });
});

describe("a loop that goes on is not:", () => {
  it("a follower", async () => {
    expect(await lateOf((beats) => follower().run(beats, ending.signal))).toEqual([]);
  });

  it("a lane that is connected and hears nothing for an hour", async () => {
    const libvirtd = new FakeLibvirtd();
    const open = () => libvirtd.open(ending.signal);

    expect(await lateOf((beats) => lane(open).run(beats, ending.signal))).toEqual([]);
  });

  it("a poller without guests", async () => {
    expect(await lateOf((beats) => poller(new FakeRhevm()).run(beats, ending.signal))).toEqual([]);
  });
});

describe("a loop says within what time it comes back:", () => {
  it("heartbeats, stalled guests and the migration decider, until they end", async () => {
    const { platform, book, facts, log } = host;
    const parts = {
      platform,
      book,
      migrations: facts.migrations,
      queue: new GuestQueue(),
      look: () => undefined,
      log,
    };
    const recorded = new RecordedBeats();

    void new Heartbeats({ ...parts, settings }).run(recorded.beats, ending.signal);
    void new StalledGuests({ ...parts, isWanted: () => true }).run(recorded.beats, ending.signal);
    void decideMigrations({ ...parts, intervalMs }, recorded.beats, ending.signal);
    await clock.settle();
    ending.abort();
    await clock.settle();

    expect(recorded.said).toEqual([
      "heartbeats within 61000",
      "stalled guests within 61000",
      "migration decider within 65000",
      "heartbeats end",
      "stalled guests end",
      "migration decider end",
    ]);
  });

  it("a lane, a poller and the follower, until they end", async () => {
    const libvirtd = new FakeLibvirtd();
    const recorded = new RecordedBeats();

    void lane(() => libvirtd.open(ending.signal)).run(recorded.beats, ending.signal);
    await clock.settle();
    void poller(new FakeRhevm()).run(recorded.beats, ending.signal);
    void follower().run(recorded.beats, ending.signal);
    await clock.settle();
    ending.abort();
    await clock.settle();

    expect(recorded.said.toSorted()).toEqual([
      "follower end",
      "follower within 108000",
      "follower within 65000",
      "lane watch end",
      "lane watch rest",
      "lane watch within 130000",
      "lane watch within 60000",
      "lane watch within 70000",
      "poller end",
      "poller rest",
    ]);
  });
});

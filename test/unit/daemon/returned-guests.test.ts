import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { decideMigrations } from "../../../daemon/migration-decider.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import type { MigrationEnd, Whereabouts } from "../../../src/migration.ts";
import type { Reading } from "../../../src/platform.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, STOPPED } from "../../support/fakes/fake-platform.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const INTERVAL_MS = 5000;
const CRASHED = aReading({ uuid: UUID, endedHere: "shut off (crashed)" });

let clock: VirtualClock;
let host: DispatcherHost;
let ending: AbortController;
let looked: string[];
let sought: Whereabouts | undefined;

beforeEach(async () => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  ending = new AbortController();
  looked = [];
  host.book.open("web1_res", attributesOfGuest("web1"));
  await host.facts.migrations.end("web1", UUID, "node2", { kind: "moved", why: "" });
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

/** The decider at work; the follower has read the guest before. */
async function decide(reading: Reading, end: MigrationEnd | undefined): Promise<void> {
  const { book, facts, platform, log } = host;
  reads(reading);
  platform.deeds.whereIs = async (_guest, known) => {
    sought = known;
    return end;
  };
  const parts = { platform, book, migrations: facts.migrations, queue: new GuestQueue(), log };
  void decideMigrations(
    { ...parts, intervalMs: () => INTERVAL_MS, look: (guest) => void looked.push(guest) },
    UNWATCHED,
    ending.signal,
  );
  await clock.settle();
}

function reads(reading: Reading): void {
  host.platform.readings.set("web1", reading);
  for (const record of host.book.all()) record.lastReading = { reading, at: new Date() };
}

function record() {
  return host.facts.migrations.get("web1");
}

describe("a guest that left, and of which an emulator ended here since", () => {
  it("has come back and ended here when all hosts are read and none has it", async () => {
    await decide(CRASHED, { kind: "lost", why: "not active on any peer" });

    // with nothing else said, a target that is no peer would leave a doubt
    expect(sought).toEqual({ uuid: UUID, peer: undefined, endedHere: true });
    expect(record()).toBeUndefined();
    expect(host.migrations.saved.get("web1")).toBeUndefined();
    expect(looked).toEqual(["web1"]);
    expect(host.log.count("guest came back and ended here, its migration record is dropped")).toBe(1);
  });

  it.each([
    { kind: "moved", why: "node2 runs it", peer: "node2" },
    { kind: "lost", why: "not active on any peer", endedOn: "node2" },
  ] as const)("has left when another host has it, or says that it ended there: %j", async (end) => {
    await decide(CRASHED, end);
    await clock.advance(20 * INTERVAL_MS);

    expect(record()).toMatchObject({ kind: "left", peer: "node2", despite: "shut off (crashed)" });
    expect(host.platform.count("whereIs")).toBe(1);
    expect(looked).toEqual(["web1"]);
    expect(host.migrations.writes).toEqual(["web1 left"]);
  });

  it("is looked for again when one ends here in another way", async () => {
    await decide(CRASHED, { kind: "moved", why: "node2 runs it", peer: "node2" });
    reads(aReading({ uuid: UUID, endedHere: "shut off (shutdown)" }));
    host.platform.deeds.whereIs = async () => ({ kind: "lost", why: "nowhere" });
    await clock.advance(INTERVAL_MS);

    expect(record()).toBeUndefined();
  });

  it.each([{ kind: "doubtful", why: "node2 is silent" } as const, undefined])(
    "keeps its record while nothing is proved, and is looked for again: %j",
    async (end) => {
      await decide(CRASHED, end);
      await clock.advance(3 * INTERVAL_MS);

      expect(record()).toMatchObject({ kind: "left" });
      expect(record()).not.toHaveProperty("despite");
      expect(host.platform.count("whereIs")).toBe(4);
      expect(looked).toEqual([]);
    },
  );

  it("is not looked for when it runs by now", async () => {
    await decide(CRASHED, undefined);
    const before = host.platform.count("whereIs");
    host.platform.readings.set("web1", aReading({ active: true, uuid: UUID }));
    await clock.advance(INTERVAL_MS);

    expect(host.platform.count("whereIs")).toBe(before);
  });
});

describe("a guest that left", () => {
  it("is not looked for while nothing contradicts it", async () => {
    await decide(STOPPED, { kind: "lost", why: "nowhere" });
    await clock.advance(20 * INTERVAL_MS);

    expect(host.platform.count("whereIs")).toBe(0);
    expect(record()).toMatchObject({ kind: "left" });
  });
});

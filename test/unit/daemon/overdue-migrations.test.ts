import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { decideMigrations } from "../../../daemon/migration-decider.ts";
import { operate } from "../../../daemon/operations.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { pause } from "../../../src/deadline.ts";
import type { MigrationEnd } from "../../../src/migration.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const never = new AbortController().signal;
const INTERVAL_MS = 5000;

let clock: VirtualClock;
let host: DispatcherHost;
let queue: GuestQueue;
let ending: AbortController;
let looked: string[];

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  queue = new GuestQueue();
  ending = new AbortController();
  looked = [];
  host.book.open("web1_res", attributesOfGuest("web1"));
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

async function decide(): Promise<void> {
  const { book, facts, platform, log } = host;
  void decideMigrations(
    {
      platform,
      book,
      migrations: facts.migrations,
      queue,
      intervalMs: () => INTERVAL_MS,
      look: (guest) => void looked.push(guest),
      log,
    },
    ending.signal,
  );
  await clock.settle();
}

function answers(...ends: (MigrationEnd | undefined)[]): void {
  host.platform.deeds.whereIs = async () => (ends.length > 1 ? ends.shift() : ends[0]);
}

function record() {
  return host.migrations.saved.get("web1");
}

const DOUBT: MigrationEnd = { kind: "doubtful", why: "node2 is silent" };

describe("a migration of this agent that runs when its time is over", () => {
  const MINUTE = 60_000;
  let aborts: unknown[];

  beforeEach(async () => {
    aborts = [];
    await host.facts.migrations.begin("web1", UUID, "node2", MINUTE);
    host.platform.deeds.abortOverdue = async (_guest, known) => aborts.push(known) > 0;
  });

  it("is aborted, not before, and its end is awaited", async () => {
    answers(undefined);
    await host.restart();
    await decide();
    await clock.advance(MINUTE - INTERVAL_MS);
    expect(aborts).toEqual([]);
    await clock.advance(INTERVAL_MS);

    expect(aborts).toEqual([
      {
        uuid: UUID,
        peer: "node2",
        asked: { at: "2026-01-01T00:00:00.000Z", abortAt: "2026-01-01T00:01:00.000Z" },
      },
    ]);
    expect(record()).toMatchObject({ kind: "moving" });
    answers({ kind: "stayed", why: "" });
    await clock.advance(INTERVAL_MS);
    expect(record()).toBeUndefined();
    expect(looked).toEqual(["web1"]);
    expect(host.log.messages("warn")).toEqual(["migration is aborted"]);
  });

  it("is aborted though its end was a doubt meanwhile", async () => {
    answers(DOUBT, undefined);
    await decide();
    expect(record()).toMatchObject({ kind: "doubtful" });
    await clock.advance(MINUTE);

    expect(aborts).toHaveLength(1);
  });

  it("is tried to be aborted at each look, and told once", async () => {
    answers(undefined);
    host.platform.deeds.abortOverdue = async () => {
      aborts.push("tried");
      throw new AgentError("TIMED_OUT", "the emulator does not answer");
    };
    await decide();
    await clock.advance(MINUTE + 3 * INTERVAL_MS);

    expect(aborts).toHaveLength(4);
    expect(host.log.messages("warn")).toEqual(["migration could not be aborted"]);
  });

  it("is not told of where the hypervisor has none that is this agent's", async () => {
    answers(undefined);
    host.platform.deeds.abortOverdue = async () => false;
    await decide();
    await clock.advance(2 * MINUTE);

    expect(host.log.messages("warn")).toEqual([]);
  });

  it("is left to its own request while that lives", async () => {
    answers(undefined);
    const [resource] = host.book.ofGuest("web1");
    const attributes = attributesOfGuest("web1");
    void (
      resource &&
      operate({ queue }, { record: resource, attributes }, "migrate", never, () => pause(3_600_000, never))
    );
    await decide();
    await clock.advance(2 * MINUTE);

    expect(aborts).toEqual([]);
  });
});

describe("a migration that nobody has asked of this agent", () => {
  it("is never aborted", async () => {
    answers(undefined);
    await host.facts.migrations.suspect("web1", UUID);
    await decide();
    await clock.advance(3_600_000);

    expect(host.platform.count("abortOverdue")).toBe(0);
  });
});

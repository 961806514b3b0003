import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { decideMigrations } from "../../../daemon/migration-decider.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import type { MigrationEnd } from "../../../src/migration.ts";
import type { Reading } from "../../../src/platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE } from "../../../src/resource-state.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";
import { attributesOfGuest, requestArguments } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const SPLIT = aReading({
  state: INTENTIONAL_OFFLINE,
  active: true,
  migrating: true,
  moved: "split",
  uuid: UUID,
});
const POST_COPY = aReading({ ...SPLIT, moved: undefined, runsOnTarget: true });
const DOUBT = { kind: "doubtful", why: "node2 is silent" } as const;
const NOWHERE = { kind: "doubtful", why: "not active on any peer", isNowhere: true } as const;

let clock: VirtualClock;
let host: DispatcherHost;
let ending: AbortController;

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  ending = new AbortController();
  host.book.open("web1_res", attributesOfGuest("web1"));
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

function reads(reading: Reading, end: MigrationEnd | undefined): void {
  host.platform.readings.set("web1", reading);
  host.platform.deeds.whereIs = async () => end;
  for (const record of host.book.all()) record.lastReading = { reading, at: new Date() };
}

async function decide(): Promise<void> {
  const { book, facts, platform, log } = host;
  const parts = { platform, book, migrations: facts.migrations, queue: new GuestQueue(), log };
  void decideMigrations(
    { ...parts, intervalMs: () => 5000, look: () => undefined },
    UNWATCHED,
    ending.signal,
  );
  await clock.settle();
}

function record() {
  return host.migrations.saved.get("web1");
}

/** @returns the exit code */
function clean(): Promise<number> {
  const args = ["web1_res", "5", ...requestArguments("web1_res", { GuestName: "web1" }).slice(1)];
  return clock.until(host.raw("clean", [...args, "AEPTimeout", "1", "60"]));
}

describe("a guest that somebody's post-copy split", () => {
  it("stays as libvirt says while a peer has it or cannot be read", async () => {
    reads(SPLIT, DOUBT);
    await decide();
    await clock.advance(20_000);

    expect(record()).toMatchObject({ kind: "stuck" });
  });

  it("is a doubt when no peer has the rest of it: its target may be no peer", async () => {
    reads(SPLIT, NOWHERE);
    await decide();

    expect(record()).toMatchObject({ kind: "doubtful", why: "not active on any peer" });
  });
});

describe("a clean of a guest that needs both hosts", () => {
  it.each([
    ["in post-copy", POST_COPY, undefined, /runs on the target of its migration/],
    [
      "in post-copy, which the configuration answers with OFFLINE",
      { ...POST_COPY, state: OFFLINE },
      undefined,
      /runs on the target of its migration/,
    ],
    ["split, the target silent", SPLIT, DOUBT, /is not ended here: node2 is silent/],
  ])("fails while the target may have it: %s", async (_what, reading, end, words) => {
    reads(reading, end);

    expect(await clean()).toBe(1);
    expect(host.platform.count("destroy")).toBe(0);
    expect(String(host.log.entries.at(-1)?.fields["err"])).toMatch(words);
  });

  it("records the doubt, so that nothing else is told of it", async () => {
    reads(SPLIT, DOUBT);
    await clean();

    expect(record()).toMatchObject({ kind: "doubtful", why: "node2 is silent" });
  });

  it("asks the target that is recorded", async () => {
    await host.facts.migrations.begin("web1", UUID, "node2", 60_000);
    reads(SPLIT, { kind: "lost", why: "on neither" });

    expect(await clean()).toBe(0);
    expect(host.platform.calls).toContain("whereIs web1 node2");
    expect(host.platform.count("destroy")).toBe(1);
    expect(record()).toMatchObject({ kind: "lost", peer: "node2" });
  });

  it("fails too while the hypervisor is silent that said so last", async () => {
    reads(SPLIT, DOUBT);
    host.platform.trouble = new AgentError("PLATFORM_DOWN", "libvirt is away");

    expect(await clean()).toBe(1);
    expect(host.platform.count("destroy")).toBe(0);
  });

  it("looks at a guest with a record that nobody has looked at yet, and at no other", async () => {
    await host.facts.migrations.begin("web1", UUID, "node2", 60_000);
    host.platform.readings.set("web1", SPLIT);
    host.platform.deeds.whereIs = async () => DOUBT;
    expect(await clean()).toBe(1);
    reads(RUNNING, DOUBT);
    const before = host.platform.count("read");

    expect(await clean()).toBe(0);
    expect(host.platform.count("read")).toBe(before);
  });

  it("asks nobody for a guest that only runs here", async () => {
    reads(RUNNING, undefined);

    expect(await clean()).toBe(0);
    expect(host.platform.count("whereIs")).toBe(0);
  });
});

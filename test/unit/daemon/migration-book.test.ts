import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MigrationBook } from "../../../daemon/migration-book.ts";
import { online } from "../../../src/resource-state.ts";
import { aReading, STOPPED } from "../../support/fakes/fake-platform.ts";
import { MemoryMigrations } from "../../support/fakes/memory-migrations.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";
import { matching } from "../../support/matching.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
const OTHER = "5c1b8d3c-0000-4000-8000-000000000002";
const LEFT = aReading({ moved: "away", uuid: UUID });
const UNCLEAR = aReading({ moved: "unclear", uuid: UUID });
const RUNS = aReading({ state: online(100), active: true, uuid: UUID });

let clock: VirtualClock;
let store: MemoryMigrations;
let log: RecordingLog;
let book: MigrationBook;

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryMigrations();
  log = new RecordingLog();
  book = new MigrationBook(store, "boot 2", log);
});

afterEach(() => {
  clock.stop();
});

/** Lets a disk hang; the function lets it go on. */
function hang(): () => void {
  const resolvers: (() => void)[] = [];
  const over = new Promise<void>((resolve) => resolvers.push(resolve));
  store.onWrite = () => over;
  return () => {
    store.onWrite = () => Promise.resolve();
    resolvers[0]?.();
  };
}

describe("a reading", () => {
  it("records a guest that left without us, on disk before it returns", async () => {
    await book.note("web1", LEFT);

    expect(store.saved.get("web1")).toEqual({
      guest: "web1",
      uuid: UUID,
      kind: "left",
      at: "2026-01-01T00:00:00.000Z",
      peer: undefined,
      bootId: "boot 2",
      why: undefined,
    });
    expect(book.get("web1")).toEqual(store.saved.get("web1"));
  });

  it("records a doubt when the emulator ended in the moment of the hand-over", async () => {
    await book.note("web1", UNCLEAR);

    expect(store.saved.get("web1")).toMatchObject({
      kind: "doubtful",
      why: matching(/in the moment of a migration/),
    });
    expect(log.messages("error")).toEqual([
      "nobody knows where the guest lives, nothing is destroyed or started",
    ]);
  });

  it.each([
    ["runs", RUNS],
    ["is off", STOPPED],
    ["came", aReading({ ...RUNS, moved: "here" })],
  ])("records nothing of a guest that %s", async (_what, reading) => {
    await book.note("web1", reading);

    expect(store.writes).toEqual([]);
  });

  it("writes a record once, however often it is read", async () => {
    for (let time = 0; time < 5; time++) await book.note("web1", LEFT);

    expect(store.writes).toEqual(["web1 left"]);
  });

  it("lets no second reading go on before the record of the first is on disk", async () => {
    const goOn = hang();
    const order: string[] = [];
    const first = book.note("web1", LEFT).then(() => order.push("first"));
    const second = book.note("web1", LEFT).then(() => order.push("second"));
    await clock.settle();
    expect(order).toEqual([]);
    goOn();
    await clock.until(Promise.all([first, second]));

    expect(store.saved.has("web1")).toBe(true);
  });

  it.each(["left", "lost"] as const)("of a guest that runs here drops a record '%s'", async (kind) => {
    await book.end("web1", UUID, "node2", kind === "left" ? { kind: "moved", why: "" } : { kind, why: "" });
    await book.note("web1", RUNS);

    expect(book.get("web1")).toBeUndefined();
    expect(store.saved.has("web1")).toBe(false);
    expect(log.count("guest runs here again, its migration record is dropped")).toBe(1);
  });

  it("of a guest defined anew with another UUID drops the old record when it runs", async () => {
    await book.note("web1", LEFT);
    await book.note("web1", { ...RUNS, uuid: OTHER });

    expect(book.get("web1")).toBeUndefined();
  });

  it("of a guest defined anew that left too takes the old record's place", async () => {
    await book.note("web1", LEFT);
    await book.note("web1", { ...LEFT, uuid: OTHER });

    expect(book.get("web1")).toMatchObject({ kind: "left", uuid: OTHER });
  });

  it.each([
    ["that stands still keeps", aReading({ ...RUNS, moved: "stuck" }), "stuck"],
    ["that is off, nobody saw how, keeps", STOPPED, "stuck"],
    ["that ended then turns", UNCLEAR, "doubtful"],
    ["that left after all turns", LEFT, "left"],
    ["that goes on drops", RUNS, undefined],
  ])("of a guest %s what is recorded of its standing still: %#", async (_what, reading, kind) => {
    await book.suspect("web1", UUID);
    await book.note("web1", reading);

    expect(store.saved.get("web1")?.kind).toBe(kind);
  });

  it.each(["moving", "doubtful"] as const)("leaves a record '%s' to those who decide it", async (kind) => {
    await (kind === "moving"
      ? book.begin("web1", UUID, "node2", 60_000)
      : book.end("web1", UUID, "node2", { kind, why: "both are silent" }));
    for (const reading of [RUNS, STOPPED, LEFT, UNCLEAR]) await book.note("web1", reading);

    expect(book.get("web1")).toMatchObject({ kind, peer: "node2" });
  });

  it("keeps the system it went to, which a later reading does not know", async () => {
    await book.end("web1", UUID, "node2", { kind: "moved", why: "" });
    await book.note("web1", LEFT);

    expect(book.get("web1")).toMatchObject({ kind: "left", peer: "node2" });
  });

  it("keeps up with a guest that goes there and back twice", async () => {
    for (const reading of [LEFT, RUNS, LEFT, RUNS]) await book.note("web1", reading);

    expect(store.writes).toEqual(["web1 left", "web1 gone", "web1 left", "web1 gone"]);
    expect(book.all()).toEqual([]);
  });
});

describe("a migration of ours", () => {
  it("is on disk before it is asked for", async () => {
    await book.begin("web1", UUID, "node2", 60_000);

    expect(store.saved.get("web1")).toMatchObject({ kind: "moving", uuid: UUID, peer: "node2" });
  });

  it("has its deadline on disk too, which a doubt over its end keeps and the end drops", async () => {
    const before = Date.now();
    await book.begin("web1", UUID, "node2", 60_000);
    const asked = store.saved.get("web1")?.asked;
    expect(Date.parse(asked?.at ?? "")).toBeGreaterThanOrEqual(before);
    expect(Date.parse(asked?.abortAt ?? "") - Date.parse(asked?.at ?? "")).toBe(60_000);

    await book.end("web1", UUID, "node2", { kind: "doubtful", why: "libvirt is away" });
    expect(store.saved.get("web1")?.asked).toEqual(asked);
    await book.end("web1", UUID, "node2", { kind: "moved", why: "" });
    expect(store.saved.get("web1")?.asked).toBeUndefined();
  });

  it.each([
    [
      { kind: "moved", why: "" },
      { kind: "left", peer: "node2", why: undefined },
    ],
    [
      { kind: "moved", why: "", peer: "node3" },
      { kind: "left", peer: "node3" },
    ],
    [
      { kind: "lost", why: "" },
      { kind: "lost", peer: "node2" },
    ],
    [
      { kind: "doubtful", why: "both are silent" },
      { kind: "doubtful", peer: "node2", why: "both are silent" },
    ],
  ] as const)("that ended as %j is recorded as %j", async (end, record) => {
    await book.begin("web1", UUID, "node2", 60_000);
    await book.end("web1", UUID, "node2", end);

    expect(store.saved.get("web1")).toMatchObject({ guest: "web1", uuid: UUID, ...record });
  });

  it("that stayed leaves nothing", async () => {
    await book.begin("web1", UUID, "node2", 60_000);
    await book.end("web1", UUID, "node2", { kind: "stayed", why: "" });

    expect(store.saved.size).toBe(0);
    expect(book.all()).toEqual([]);
  });

  it("whose doubt lasts is told of once", async () => {
    const doubt = { kind: "doubtful", why: "both are silent" } as const;
    for (let time = 0; time < 3; time++) await book.end("web1", UUID, "node2", doubt);
    await book.end("web1", UUID, "node2", { kind: "doubtful", why: "node2 is silent" });

    expect(log.messages("error")).toHaveLength(2);
  });
});

describe("a disk", () => {
  it("that hangs is waited for a second, and the record is in force at once", async () => {
    hang();
    const noted = book.note("web1", LEFT);
    expect(book.get("web1")).toMatchObject({ kind: "left" });
    await clock.until(noted);

    expect(clock.now).toBe(1000);
  });

  it("that hangs keeps one write waiting for each guest, and has the last word in the end", async () => {
    const goOn = hang();
    for (let time = 0; time < 100; time++) {
      void book.note("web1", LEFT);
      void book.note("web1", RUNS);
    }
    void book.begin("web1", UUID, "node3", 60_000);
    await clock.advance(5000);
    goOn();
    await clock.until(book.flush());

    expect(store.writes).toEqual(["web1 left", "web1 moving"]);
    expect(store.saved.get("web1")).toMatchObject({ kind: "moving", peer: "node3" });
  });

  it("that is full is two lines, and the record is written when there is room again", async () => {
    store.trouble = new Error("ENOSPC: no space left on device");
    for (let time = 0; time < 3; time++) await book.note("web1", LEFT);
    expect(book.get("web1")).toMatchObject({ kind: "left" });
    expect(log.messages("error")).toEqual(["migration record cannot be written, a restart would lose it"]);
    store.trouble = undefined;
    await book.note("web1", LEFT);

    expect(store.saved.get("web1")).toMatchObject({ kind: "left" });
    expect(log.messages()).toEqual([
      "migration recorded",
      "migration record cannot be written, a restart would lose it",
      "migration record is written again",
    ]);
  });

  it("takes a change that comes in the moment in which the last write ends", async () => {
    let count = 0;
    store.onWrite = async () => {
      count += 1;
      if (count === 1) queueMicrotask(() => void book.forget("web1"));
    };
    await book.note("web1", LEFT);
    await clock.settle();
    await book.flush();

    expect(store.saved.size).toBe(0);
  });
});

describe("a later process", () => {
  it("goes on with the records of the one before, also after a reboot of the host", async () => {
    await book.begin("web1", UUID, "node2", 60_000);
    await book.note("web2", LEFT);
    const next = new MigrationBook(store, "boot 3", log);
    await next.load();

    expect(next.get("web1")).toMatchObject({ kind: "moving", bootId: "boot 2" });
    expect(next.get("web2")).toMatchObject({ kind: "left" });
    expect(log.entries.filter(({ message }) => message === "migration record is in force")).toMatchObject([
      { fields: { guest: "web1", kind: "moving", peer: "node2", earlierBoot: true } },
      { fields: { guest: "web2", kind: "left", earlierBoot: true } },
    ]);
  });

  it("has nothing of what was dropped", async () => {
    await book.note("web1", LEFT);
    await book.forget("web1");
    await book.forget("web1");
    const next = new MigrationBook(store, "boot 2", log);
    await next.load();

    expect(next.all()).toEqual([]);
    expect(store.writes).toEqual(["web1 left", "web1 gone"]);
  });
});

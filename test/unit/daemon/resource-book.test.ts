import { beforeEach, describe, expect, it } from "vitest";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, UNKNOWN } from "../../../src/resource-state.ts";
import { aReading, RUNNING } from "../../support/fakes/fake-platform.ts";
import { MemoryStore } from "../../support/fakes/memory-store.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const UUID = "5c1b8d3c-0000-4000-8000-000000000001";
let store: MemoryStore;
let book: ResourceBook;

beforeEach(() => {
  store = new MemoryStore();
  book = new ResourceBook(store, new RecordingLog());
});

describe("what the engine was told", () => {
  it("is news when state or confidence change, and says what was told before", () => {
    const record = book.open("r", attributesOfGuest("web1"));

    expect(book.told(record, { state: online(100), active: true })).toEqual({
      isNews: true,
      before: "nothing",
    });
    expect(book.told(record, { state: online(100), active: true })).toEqual({
      isNews: false,
      before: "ONLINE(100)",
    });
    expect(book.told(record, { state: online(20), active: true })).toEqual({
      isNews: true,
      before: "ONLINE(100)",
    });
    expect(book.told(record, { state: OFFLINE, active: false })).toEqual({
      isNews: true,
      before: "ONLINE(20)",
    });
  });

  it("keeps the last proved answer while UNKNOWN is told, as the engine does", () => {
    const record = book.open("r", attributesOfGuest("web1"));
    book.told(record, { state: online(100), active: true });

    expect(book.told(record, { state: UNKNOWN, active: false }).isNews).toBe(true);
    expect(book.told(record, { state: UNKNOWN, active: false }).isNews).toBe(false);
    expect(record.registration.lastAnswer).toEqual({ state: online(100), active: true });
    expect(book.told(record, { state: online(100), active: true })).toEqual({
      isNews: true,
      before: "UNKNOWN",
    });
  });

  it("costs a write only when it changes", async () => {
    const record = book.open("r", attributesOfGuest("web1"));
    book.told(record, { state: online(100), active: true });
    await book.flush();
    const writes = store.saves.length;
    for (let count = 0; count < 10; count++) book.told(record, { state: online(100), active: true });
    await book.flush();

    expect(store.saves.length).toBe(writes);
  });
});

describe("what a reading teaches", () => {
  it("is the guest's UUID, once", async () => {
    const record = book.open("r", attributesOfGuest("web1"));
    await book.flush();
    const writes = store.saves.length;
    book.learn(record, { ...RUNNING, uuid: UUID });
    book.learn(record, { ...RUNNING, uuid: UUID });
    book.learn(record, { ...RUNNING, uuid: undefined });
    await book.flush();

    expect(record.registration.uuid).toBe(UUID);
    expect(store.saves.length).toBe(writes + 1);
  });

  it("is the guest's emulator, until another one or the end of a stop takes its place", async () => {
    const emulator = { pid: 7, startTicks: "100", bootId: "this boot" };
    const record = book.open("r", attributesOfGuest("web1"));
    await book.flush();
    const writes = store.saves.length;
    book.learn(record, { ...RUNNING, emulator });
    book.learn(record, { ...RUNNING, emulator: { ...emulator } });
    book.learn(record, RUNNING);
    book.learn(record, aReading());
    await book.flush();
    expect(record.registration.emulator).toEqual(emulator);
    expect(store.saves.length).toBe(writes + 1);
    book.learn(record, { ...RUNNING, emulator: { ...emulator, pid: 8 } });

    expect(record.registration.emulator).toMatchObject({ pid: 8 });
  });

  it("is that a post-copy took its run away, until the hypervisor shows it otherwise", async () => {
    const gaveAway = { run: 7, bootId: "this boot", isBroken: false };
    const record = book.open("r", attributesOfGuest("web1"));
    await book.flush();
    const writes = store.saves.length;
    book.learn(record, { ...RUNNING, gaveAway });
    book.learn(record, { ...RUNNING, gaveAway: { ...gaveAway } });
    book.learn(record, { ...RUNNING, source: "emulator" });
    book.learn(record, { ...RUNNING, active: undefined });
    await book.flush();
    expect(record.registration.gaveAway).toEqual(gaveAway);
    expect(store.saves.length).toBe(writes + 1);
    book.learn(record, { ...RUNNING, gaveAway: { ...gaveAway, isBroken: true } });
    expect(record.registration.gaveAway).toMatchObject({ isBroken: true });
    book.learn(record, RUNNING);

    expect(record.registration.gaveAway).toBeUndefined();
  });

  it("is that an unanswered start has happened, unless an operation is at work", async () => {
    const record = book.open("r", attributesOfGuest("web1"));
    await book.change(record, { starting: true });
    record.operation = "online";
    book.learn(record, RUNNING);
    expect(record.registration.starting).toBe(true);
    record.operation = undefined;
    book.learn(record, aReading());
    expect(record.registration.starting).toBe(true);
    book.learn(record, RUNNING);

    expect(record.registration.starting).toBe(false);
  });
});

describe("attributes", () => {
  it("are written when they change, and not when every request repeats them", async () => {
    book.refresh("r", attributesOfGuest("web1"));
    await book.flush();
    for (let count = 0; count < 5; count++) book.refresh("r", attributesOfGuest("web1"));
    await book.flush();
    expect(store.saves).toHaveLength(1);
    book.refresh("r", attributesOfGuest("web1", { delayAfterGuestOnlineS: 9 }));
    await book.flush();

    expect(store.saves).toHaveLength(2);
  });

  it("of another guest end what was known of the first", () => {
    const record = book.open("r", attributesOfGuest("web1"));
    book.told(record, { state: INTENTIONAL_OFFLINE, active: true });
    book.learn(record, { ...RUNNING, uuid: UUID });
    book.refresh("r", attributesOfGuest("web2"));

    expect(record.registration).toEqual({
      resource: "r",
      attributes: attributesOfGuest("web2"),
      watched: true,
      stopping: false,
      starting: false,
    });
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RegistrationStore } from "../../../daemon/registration-store.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import { parseAttributes } from "../../../src/attributes.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";

const attributes = parseAttributes("r1", new Map([["GuestName", ["web1"]]]));

/** A disk that takes what it is given, fails, or never ends. */
class FakeStore implements RegistrationStore {
  mood: "works" | "fails" | "hangs" = "works";
  saves = 0;

  async load(): Promise<[]> {
    return [];
  }

  async save(): Promise<void> {
    this.saves += 1;
    return this.#do();
  }

  async remove(): Promise<void> {
    return this.#do();
  }

  async #do(): Promise<void> {
    if (this.mood === "fails") throw new Error("ENOSPC: told to fail");
    if (this.mood === "hangs") await new Promise(() => {});
  }
}

describe("ResourceBook on a disk that", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it("hangs waits for it a second and no longer: the guest comes first", async () => {
    const { book } = bookOn("hangs");
    const record = book.open("r1", attributes);
    let changed = false;
    const change = async () => {
      await book.change(record, { stopping: true });
      changed = true;
    };

    void change();
    await vi.advanceTimersByTimeAsync(990);
    expect([record.registration.stopping, changed]).toEqual([true, false]);
    await vi.advanceTimersByTimeAsync(20);

    expect(changed).toBe(true);
  });

  it("is full is complained of once, and once more said to work again", async () => {
    const { book, store, log } = bookOn("fails");
    const record = book.open("r1", attributes);

    await book.change(record, { stopping: true });
    await book.change(record, { stopping: false });
    store.mood = "works";
    await book.change(record, { stopping: true });
    await book.change(record, { stopping: false });

    expect(log.entries.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      "error: registration cannot be written, a restart would lose it",
      "info: registration is written again",
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is tried again after a failure when the engine is told the same again", async () => {
    const { book, store, log } = bookOn("fails");
    const record = book.open("r1", attributes);
    const answer = { state: { kind: "OFFLINE" }, active: false } as const;
    book.told(record, answer);
    await book.flush();

    store.mood = "works";
    book.told(record, answer);
    await book.flush();

    expect(log.entries.at(-1)?.message).toBe("registration is written again");
  });

  it("is read-only lets a resource go, and says that it would come back", async () => {
    const { book, log } = bookOn("fails");
    book.open("r1", attributes);

    await book.remove("r1");

    expect(book.get("r1")).toBeUndefined();
    expect(log.entries.at(-1)).toMatchObject({
      level: "error",
      message: "registration cannot be removed, a restart would bring it back",
    });
  });
});

function bookOn(mood: FakeStore["mood"]) {
  const store = new FakeStore();
  store.mood = mood;
  const log = new RecordingLog();
  return { store, log, book: new ResourceBook(store, log) };
}

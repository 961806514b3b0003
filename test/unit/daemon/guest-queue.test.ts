import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GuestQueue, type Operation } from "../../../daemon/guest-queue.ts";
import { orAbort, pause, withDeadline } from "../../../src/deadline.ts";
import { errorOf } from "../../support/error-of.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

/** A signal that nobody aborts; each its own, so that no warning of many listeners comes. */
function never(): AbortSignal {
  return new AbortController().signal;
}

let clock: VirtualClock;
let queue: GuestQueue;
let events: string[];

beforeEach(() => {
  clock = new VirtualClock();
  queue = new GuestQueue();
  events = [];
});

afterEach(() => {
  clock.stop();
});

/** An operation that takes its time and ends early when it is cancelled. */
function operation(name: string, ms: number, takesOver = false): Operation<string> {
  return {
    name,
    takesOver,
    work: async (signal) => {
      events.push(`${name} begins`);
      await pause(ms, signal);
      events.push(signal.aborted ? `${name} is cancelled` : `${name} ends`);
      return orAbort(Promise.resolve(name), signal);
    },
  };
}

describe("the queue of one guest", () => {
  it("runs one operation at a time, in the order in which they came", async () => {
    const all = ["online", "offline", "attr_changed"].map((name) =>
      queue.run("web1", operation(name, 100), never()),
    );

    expect(await clock.until(Promise.all(all))).toEqual(["online", "offline", "attr_changed"]);
    expect(events).toEqual([
      "online begins",
      "online ends",
      "offline begins",
      "offline ends",
      "attr_changed begins",
      "attr_changed ends",
    ]);
  });

  it("tells how many operations wait, over all guests", async () => {
    const all = ["web1", "web1", "web1", "web2", "web2"].map((guest) =>
      queue.run(guest, operation("online", 100), never()),
    );
    expect(queue.waiting).toBe(3);

    await clock.until(Promise.all(all));
    expect(queue.waiting).toBe(0);
  });

  it("goes on after an operation that throws", async () => {
    const broken = { name: "online", takesOver: false, work: () => Promise.reject(new Error("no")) };
    const failed = errorOf(queue.run("web1", broken, never()));

    expect(await queue.run("web1", operation("offline", 0), AbortSignal.abort()).catch(() => "aborted")).toBe(
      "aborted",
    );
    expect(await clock.until(queue.run("web1", operation("offline", 100), never()))).toBe("offline");
    expect(await failed).toMatchObject({ message: "no" });
  });

  it("ends the waiting of an operation whose deadline passes, and that operation never begins", async () => {
    const first = queue.run("web1", operation("online", 1000), never());
    const late = withDeadline(300, "offline of web1", [], (signal) =>
      queue.run("web1", operation("offline", 100), signal),
    );
    const error = errorOf(late);
    await clock.advance(300);

    expect(await error).toMatchObject({ code: "TIMED_OUT" });
    await clock.until(first);
    expect(events).toEqual(["online begins", "online ends"]);
  });

  it("refuses the eighteenth operation: one runs and sixteen wait", async () => {
    const seventeen = Array.from({ length: 17 }, () => queue.run("web1", operation("offline", 1), never()));

    expect(await errorOf(queue.run("web1", operation("online", 1), never()))).toMatchObject({
      code: "REFUSED",
      message: "online of web1: 16 operations wait for this guest already",
    });
    await clock.until(Promise.all(seventeen));
    expect(await clock.until(queue.run("web1", operation("online", 1), never()))).toBe("online");
  });
});

describe("clean in the queue", () => {
  it("cancels what runs and what waits, and begins as soon as they have left", async () => {
    const running = errorOf(queue.run("web1", operation("online", 10_000), never()));
    const waiting = errorOf(queue.run("web1", operation("offline", 100), never()));
    await clock.advance(50);
    const clean = queue.run("web1", operation("clean", 100, true), never());

    expect(await running).toMatchObject({
      code: "CANCELLED",
      message: "online: clean of the same guest took over",
    });
    expect(await waiting).toMatchObject({
      code: "CANCELLED",
      message: "offline: clean of the same guest took over",
    });
    expect(await clock.until(clean)).toBe("clean");
    expect(events).toEqual(["online begins", "online is cancelled", "clean begins", "clean ends"]);
    expect(clock.now).toBeLessThan(200);
  });

  it("waits for an operation that cannot be cancelled, it never runs beside it", async () => {
    const stubborn = {
      name: "online",
      takesOver: false,
      work: async () => {
        events.push("online begins");
        await pause(500, never());
        events.push("online ends");
      },
    };
    const running = queue.run("web1", stubborn, never());
    await clock.settle();
    const clean = queue.run("web1", operation("clean", 100, true), never());
    await clock.until(Promise.all([running, clean]));

    expect(events).toEqual(["online begins", "online ends", "clean begins", "clean ends"]);
  });

  it("is not cancelled by another clean, which follows it", async () => {
    const first = queue.run("web1", operation("clean", 100, true), never());
    const second = queue.run("web1", operation("clean", 100, true), never());
    await clock.until(Promise.all([first, second]));

    expect(events).toEqual(["clean begins", "clean ends", "clean begins", "clean ends"]);
  });

  it("is taken however many wait: it is what ends them", async () => {
    const all = Array.from({ length: 17 }, () =>
      errorOf(queue.run("web1", operation("offline", 1000), never())),
    );
    const clean = queue.run("web1", operation("clean", 100, true), never());

    expect(await clock.until(clean)).toBe("clean");
    expect(new Set((await Promise.all(all)).map(String))).toEqual(
      new Set(["AgentError: offline: clean of the same guest took over"]),
    );
  });
});

it("runs operations of different guests beside each other", async () => {
  const hung = queue.run("web1", operation("web1", 10_000), never());
  await clock.until(queue.run("web2", operation("web2", 10), never()));

  expect(clock.now).toBeLessThan(100);
  await clock.until(hung);
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UNWATCHED } from "../../../src/beat.ts";
import type { Hypervisor } from "../../../src/kvm/hypervisor.ts";
import { Lane, type LaneOptions } from "../../../src/kvm/lane.ts";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { errorOf } from "../../support/error-of.ts";
import { FakeLibvirtd } from "../../support/fakes/fake-libvirtd.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const never = new AbortController().signal;
let clock: VirtualClock;
let libvirtd: FakeLibvirtd;
let log: RecordingLog;
let ending: AbortController;

beforeEach(() => {
  clock = new VirtualClock();
  libvirtd = new FakeLibvirtd();
  log = new RecordingLog();
  ending = new AbortController();
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
  vi.restoreAllMocks();
});

async function runLane(options: Partial<LaneOptions> = {}): Promise<Lane> {
  const lane = new Lane({
    name: "watch",
    open: (signal) => libvirtd.open(signal),
    speaks: true,
    log,
    ...options,
  });
  void lane.run(UNWATCHED, ending.signal);
  await clock.settle();
  return lane;
}

/** A call that libvirtd answers when it goes on. */
function ask(session: Hypervisor): Promise<unknown> {
  return session.lookupByName("web1");
}

/** When each attempt was made, in milliseconds, with a jitter of this share of its range. */
async function attempts(random: number, forMs: number): Promise<number[]> {
  vi.spyOn(Math, "random").mockReturnValue(random);
  const at: number[] = [];
  await runLane({
    open: () => {
      at.push(Math.round(clock.now));
      return Promise.reject(new LibvirtCallError("no socket", "connect ECONNREFUSED"));
    },
  });
  await clock.advance(forMs);
  return at;
}

describe("a lane that cannot connect", () => {
  it("tries again after pauses that double up to five seconds", async () => {
    expect(await attempts(0.5, 30_000)).toEqual([
      0, 100, 300, 700, 1500, 3100, 6300, 11_300, 16_300, 21_300, 26_300,
    ]);
  });

  it("shortens and lengthens its pauses by a quarter at most, by chance", async () => {
    expect(await attempts(0, 1000)).toEqual([0, 75, 225, 525]);
    expect(await attempts(1, 1000)).toEqual([1000, 1125, 1375, 1875]);
  });

  it("says so once, and once that it is over", async () => {
    libvirtd.stop();
    await runLane();
    await clock.advance(600_000);
    libvirtd.start();
    await clock.advance(10_000);

    expect(log.messages()).toEqual(["libvirt cannot be reached", "libvirt is reached again"]);
  });
});

describe("a lane whose session connects and dies at once", () => {
  it("does not spin", async () => {
    let opened = 0;
    await runLane({
      open: async (signal) => {
        opened += 1;
        const session = await libvirtd.open(signal);
        setTimeout(() => session.lose("end of file", "libvirtd closed the connection"), 1);
        return session;
      },
    });
    await clock.advance(60_000);

    expect(opened).toBeLessThan(20);
    expect(opened).toBeGreaterThan(10);
  });

  it("starts with short pauses again after a steady session", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    libvirtd.stop();
    const lane = await runLane();
    await clock.advance(20_000);
    libvirtd.start();
    await clock.advance(5000);
    expect(lane.connected).toBe(true);
    await clock.advance(11_000);
    libvirtd.stop();
    libvirtd.start();
    await clock.advance(150);

    expect(lane.connected).toBe(true);
  });

  it("ends a session that cannot be prepared and tells nobody of it", async () => {
    const ready = vi.fn<() => void>();
    const lane = await runLane({ prepare: () => Promise.reject(new Error("no events")), onReady: ready });
    await clock.advance(1000);

    expect(lane.connected).toBe(false);
    expect(lane.lastError).toBe("preparing the watch connection: no events");
    expect(ready).not.toHaveBeenCalled();
    expect(libvirtd.sessions).toBe(0);
  });
});

describe("a lane in use", () => {
  it("lets four calls at once through, whoever comes at the same moment", async () => {
    const lane = await runLane();
    libvirtd.define("web1");
    libvirtd.hang();
    libvirtd.calls.length = 0;
    const works = Array.from({ length: 10 }, () => lane.use(15_000, never, ask));
    await clock.advance(1000);
    expect(libvirtd.calls).toHaveLength(4);

    libvirtd.goOn();
    await clock.until(Promise.all(works));

    expect(libvirtd.calls).toHaveLength(10);
  });

  it("replaces a connection on which nothing but given-up calls is left", async () => {
    const next = new FakeLibvirtd();
    next.define("web1");
    const opens = [libvirtd, next];
    const lane = await runLane({ open: (signal) => (opens.shift() ?? next).open(signal) });
    libvirtd.define("web1");
    libvirtd.hang();
    const given = new AbortController();
    const gone = Array.from({ length: 4 }, () =>
      errorOf(lane.use(5000, never, (session) => session.lookupByName("web1", { signal: given.signal }))),
    );
    await clock.settle();
    given.abort();
    await Promise.all(gone);

    expect(await clock.until(lane.use(1000, never, ask))).toMatchObject({ name: "web1" });
    expect(libvirtd.sessions).toBe(0);
    expect(next.calls).toEqual(["lookupByName"]);
  });

  it("lets a call through as soon as another has ended", async () => {
    const lane = await runLane();
    const ends: (() => void)[] = [];
    const held = () => new Promise<void>((resolve) => ends.push(resolve));
    const four = Array.from({ length: 4 }, () => lane.use(1000, never, held));
    await clock.settle();
    const since = clock.now;
    const fifth = lane.use(1000, never, () => Promise.resolve(clock.now - since));
    ends[0]?.();

    expect(await clock.until(fifth)).toBe(0);
    for (const end of ends) end();
    await Promise.all(four);
  });

  it("waits for a session as long as its caller has patience", async () => {
    libvirtd.stop();
    const lane = await runLane();
    const waiting = lane.use(5000, never, () => Promise.resolve("asked"));
    await clock.advance(2000);
    libvirtd.start();

    expect(await clock.until(waiting)).toBe("asked");
  });

  it("says why there is no session when the patience is over", async () => {
    libvirtd.stop();
    const lane = await runLane();
    const failed = errorOf(lane.use(1000, never, ask));

    expect(await clock.until(failed)).toMatchObject({
      code: "PLATFORM_DOWN",
      message:
        "libvirt cannot be asked: opening the watch connection: connect ECONNREFUSED /run/libvirt/libvirt-sock",
    });
  });

  it("stops waiting when its caller goes away", async () => {
    libvirtd.stop();
    const lane = await runLane();
    const gone = new AbortController();
    const failed = errorOf(lane.use(60_000, gone.signal, ask));
    gone.abort(new Error("gone"));

    expect(await failed).toMatchObject({ code: "CANCELLED" });
  });

  it("fails the calls of a session that is lost, and serves on the next", async () => {
    const lost: string[] = [];
    const lane = await runLane({ onLost: ({ kind }) => lost.push(kind) });
    libvirtd.define("web1");
    libvirtd.hang();
    const failed = errorOf(lane.use(1000, never, ask));
    await clock.settle();
    libvirtd.stop();
    expect(await failed).toMatchObject({ kind: "closed" });
    libvirtd.goOn();
    libvirtd.start();

    expect(await clock.until(lane.use(1000, never, ask))).toMatchObject({ name: "web1" });
    expect(lost).toEqual(["end of file"]);
    expect(libvirtd.sessions).toBe(1);
  });

  it("closes its session when the daemon ends", async () => {
    await runLane();
    expect(libvirtd.sessions).toBe(1);
    ending.abort();
    await clock.settle();

    expect(libvirtd.sessions).toBe(0);
    expect(log.messages("warn")).toEqual([]);
  });
});

it("tells the operator of one lane only", async () => {
  libvirtd.stop();
  await runLane({ name: "control", speaks: false });
  await clock.advance(1000);

  expect(log.messages()).toEqual(["libvirt cannot be reached"]);
  expect(log.messages("debug")).toEqual(["libvirt cannot be reached"]);
});

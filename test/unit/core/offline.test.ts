import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { orAbort, pause } from "../../../src/deadline.ts";
import type { StopResult } from "../../../src/entry-points/context.ts";
import { offline } from "../../../src/entry-points/offline.ts";
import { INTENTIONAL_OFFLINE, online } from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { aReading, FakePlatform, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

let clock: VirtualClock;
let platform: FakePlatform;
let log: RecordingLog;
let undecided: () => Promise<void>;

beforeEach(() => {
  undecided = () => Promise.resolve();
  clock = new VirtualClock();
  platform = new FakePlatform();
  platform.readings.set("web1", RUNNING);
  log = new RecordingLog();
});

afterEach(() => {
  clock.stop();
});

function refuseIfUndecided(): Promise<void> {
  return undecided();
}

function takeOffline(
  delayAfterGuestOfflineS = 30,
  signal = new AbortController().signal,
): Promise<StopResult> {
  const attributes = attributesOfGuest("web1", { delayAfterGuestOfflineS });
  return clock.until(offline({ resource: "web1_res", attributes, platform, log, refuseIfUndecided }, signal));
}

/** The guest obeys a shutdown request after this time. */
function obeysAfter(ms: number): void {
  platform.deeds.requestShutdown = async () => {
    setTimeout(() => {
      platform.readings.set("web1", STOPPED);
      platform.events.emit("changed", "web1");
    }, ms);
  };
}

describe("offline", () => {
  it("asks nothing of a guest that is proved stopped", async () => {
    platform.readings.set("web1", STOPPED);

    expect(await takeOffline()).toEqual({ stopped: true });
    expect(platform.calls).toEqual(["read web1", "proveStopped web1"]);
  });

  it("does not take the hypervisor's word for a guest whose emulator lives", async () => {
    platform.readings.set("web1", STOPPED);
    platform.deeds.proveStopped = () => Promise.reject(new AgentError("STILL_RUNNING", "its emulator lives"));

    expect(await errorOf(takeOffline())).toMatchObject({ code: "STILL_RUNNING" });
  });

  it("asks once and returns as soon as the guest is proved gone", async () => {
    obeysAfter(1500);

    expect(await takeOffline()).toEqual({ stopped: true });
    expect(platform.count("requestShutdown")).toBe(1);
    expect(platform.calls.at(-1)).toBe("proveStopped web1");
    expect(clock.now).toBe(1500);
  });

  it("waits on while the emulator outlives the hypervisor's word", async () => {
    obeysAfter(1000);
    platform.deeds.proveStopped = async () => {
      if (clock.now < 5000) throw new AgentError("STILL_RUNNING", "its emulator lives");
    };

    expect(await takeOffline()).toEqual({ stopped: true });
    expect(clock.now).toBeGreaterThanOrEqual(5000);
  });

  it("repeats the request at growing distance, since a booting guest loses it", async () => {
    const at: number[] = [];
    platform.deeds.requestShutdown = async () => void at.push(Math.round(clock.now / 1000));

    expect(await takeOffline(100)).toEqual({ stopped: false });
    expect(at).toEqual([0, 2, 5, 10, 18, 31, 52, 73, 94]);
  });

  it("does not press the button again of a guest that is on its way down", async () => {
    platform.deeds.requestShutdown = async () =>
      void platform.readings.set("web1", aReading({ state: online(40), active: true }));

    expect(await takeOffline(30)).toEqual({ stopped: false });
    expect(platform.count("requestShutdown")).toBe(1);
  });

  it("ends after DelayAfterGuestOffline and leaves the guest to the engine's clean", async () => {
    expect(await takeOffline(30)).toEqual({ stopped: false });
    expect(clock.now).toBe(30_000);
    expect(platform.count("destroy")).toBe(0);
    expect(log.messages("warn")).toEqual(["guest did not stop in time, the engine will call clean"]);
  });

  it("waits for nothing when the delay is 0", async () => {
    expect(await takeOffline(0)).toEqual({ stopped: false });
    expect(clock.now).toBe(0);
    expect(platform.count("requestShutdown")).toBe(1);
  });

  it("gives RHEV-M, which is read before, ten seconds to take the request where nothing is waited for", async () => {
    const { rhevmInfo } = attributesOfGuest("web1");
    const attributes = attributesOfGuest("web1", {
      delayAfterGuestOfflineS: 0,
      rhevmInfo: { ...rhevmInfo, enabled: true },
    });
    const context = { resource: "web1_res", attributes, platform, log, refuseIfUndecided };
    const signal = new AbortController().signal;
    platform.deeds.requestShutdown = (_guest, bounded) => pause(6000, bounded);

    expect(await clock.until(offline(context, signal))).toEqual({ stopped: false });
    expect(clock.now).toBe(6000);
    expect(log.messages()).toEqual(["shutdown requested, nothing is waited for"]);

    platform.deeds.requestShutdown = (_guest, bounded) => orAbort(new Promise(() => {}), bounded);
    expect(await clock.until(offline(context, signal))).toEqual({ stopped: false });
    expect(clock.now).toBe(16_000);
  });

  it.each([
    [0, 1000],
    [2, 2000],
  ])(
    "keeps its bound of %s s though a frozen emulator leaves the request without an answer",
    async (s, ms) => {
      platform.deeds.requestShutdown = (_guest, signal) => orAbort(new Promise(() => {}), signal);

      expect(await takeOffline(s)).toEqual({ stopped: false });
      expect(clock.now).toBe(ms);
      expect(log.messages("warn")).toContain("shutdown could not be requested");
    },
  );

  it.each(["paused", "asleep"] as const)(
    "brings back a guest that is %s, then shuts it down",
    async (suspended) => {
      platform.readings.set("web1", aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended }));
      obeysAfter(1000);

      expect(await takeOffline()).toEqual({ stopped: true });
      expect(platform.calls.slice(0, 4)).toEqual([
        "read web1",
        "refuseIfElsewhere web1",
        `wake web1 ${suspended}`,
        "requestShutdown web1",
      ]);
    },
  );

  it.each([
    [
      "runs on another system",
      () => {
        platform.deeds.refuseIfElsewhere = () =>
          Promise.reject(new AgentError("REFUSED", "it runs on node2"));
      },
    ],
    [
      "may live on another system",
      () => {
        undecided = () => Promise.reject(new AgentError("REFUSED", "it may live on node2"));
      },
    ],
  ])("never resumes a suspended copy of a guest that %s", async (_where, arrange) => {
    platform.readings.set(
      "web1",
      aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" }),
    );
    arrange();

    expect(await takeOffline()).toEqual({ stopped: false });
    expect(platform.calls).not.toContain("wake web1 paused");
    expect(log.messages("warn")).toEqual([
      "suspended guest cannot be brought back, the engine will call clean",
    ]);
  });

  it("leaves a suspended guest that cannot be brought back to the engine's clean", async () => {
    platform.readings.set(
      "web1",
      aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" }),
    );
    platform.deeds.wake = () => Promise.reject(new AgentError("REFUSED", "no"));

    expect(await takeOffline()).toEqual({ stopped: false });
    expect(platform.count("requestShutdown")).toBe(0);
  });

  it("survives requests and readings that fail while libvirtd is being restarted", async () => {
    platform.deeds.requestShutdown = () => Promise.reject(new AgentError("PLATFORM_DOWN", "away"));
    const stopping = takeOffline();
    await clock.settle();
    platform.trouble = new AgentError("PLATFORM_DOWN", "away");
    setTimeout(() => {
      platform.trouble = undefined;
      obeysAfter(1000);
    }, 5000);

    expect(await stopping).toEqual({ stopped: true });
  });

  it("fails when the guest cannot be read at all, and when its caller gives up", async () => {
    platform.trouble = new AgentError("PLATFORM_DOWN", "away");
    expect(await errorOf(takeOffline())).toMatchObject({ code: "PLATFORM_DOWN" });
    platform.trouble = undefined;
    const gone = new AbortController();
    setTimeout(() => gone.abort(new AgentError("CANCELLED", "clean took over")), 3000);

    expect(await errorOf(takeOffline(30, gone.signal))).toMatchObject({ code: "CANCELLED" });
    expect(clock.now).toBe(3000);
  });
});

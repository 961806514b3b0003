import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { online as runOnline } from "../../../src/entry-points/online.ts";
import {
  INTENTIONAL_OFFLINE,
  OFFLINE,
  online,
  type ResourceState,
  UNKNOWN,
} from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { aReading, FakePlatform, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

let clock: VirtualClock;
let platform: FakePlatform;
let log: RecordingLog;

beforeEach(() => {
  clock = new VirtualClock();
  platform = new FakePlatform();
  log = new RecordingLog();
});

afterEach(() => {
  clock.stop();
});

function bringOnline(delayAfterGuestOnlineS = 5, signal = new AbortController().signal): Promise<number> {
  return runOnline(
    {
      resource: "web1_res",
      attributes: attributesOfGuest("web1", { delayAfterGuestOnlineS }),
      platform,
      log,
      site: undefined,
      onStarting: async () => void platform.calls.push("noted as starting"),
      onResynced: () => void platform.calls.push("noted as resynced"),
      savedRecord: undefined,
      lastOnline: async () => ({ kind: "here" }),
    },
    signal,
  );
}

function fail(): Promise<never> {
  return Promise.reject(new AgentError("REFUSED", "told to fail"));
}

describe("online of a stopped guest", () => {
  it("prepares, proves that nothing is left, looks at other systems, notes the start, starts once, and claims", async () => {
    expect(await bringOnline()).toBe(5);
    expect(platform.calls).toEqual([
      "read web1",
      "prepare web1",
      "proveStopped web1",
      "refuseIfElsewhere web1",
      "setPayload web1 none",
      "noted as starting",
      "start web1",
      "claim web1",
    ]);
  });

  it("hands the delay to the framework as its exit code", async () => {
    expect(await bringOnline(0)).toBe(0);
    expect(await bringOnline(255)).toBe(255);
  });

  it("waits here for what an exit code cannot carry", async () => {
    platform.deeds.start = async () => void platform.readings.set("web1", RUNNING);

    expect(await clock.until(bringOnline(300))).toBe(255);
    expect(clock.now).toBe(45_000);
  });

  it("needs no patience with a guest that ends during the delay", async () => {
    platform.deeds.start = async () => void platform.readings.set("web1", RUNNING);
    const waiting = bringOnline(300);
    await clock.advance(10_000);
    platform.readings.set("web1", STOPPED);
    platform.events.emit("changed", "web1");

    expect(await clock.until(waiting)).toBe(0);
    expect(clock.now).toBe(10_000);
  });

  it("hands on what is left of the delay at its deadline, and nothing when clean takes over", async () => {
    platform.deeds.start = async () => void platform.readings.set("web1", RUNNING);
    const [late, cleaned] = [new AbortController(), new AbortController()];
    const first = bringOnline(300, late.signal);
    await clock.advance(20_000);
    late.abort(new AgentError("TIMED_OUT", "the deadline passed"));
    expect(await clock.until(first)).toBe(255);
    platform.readings.set("web1", STOPPED);
    const second = errorOf(bringOnline(300, cleaned.signal));
    await clock.settle();
    cleaned.abort(new AgentError("CANCELLED", "clean took over"));

    expect(await clock.until(second)).toMatchObject({ code: "CANCELLED" });
  });

  it.each(["prepare", "proveStopped", "refuseIfElsewhere", "start"] as const)(
    "fails when %s does",
    async (deed) => {
      platform.deeds[deed] = fail;

      expect(await errorOf(bringOnline())).toMatchObject({ code: "REFUSED", message: "told to fail" });
      expect(platform.count("claim")).toBe(0);
      expect(platform.count("start")).toBe(deed === "start" ? 1 : 0);
    },
  );

  it("starts nothing when the guest cannot be read", async () => {
    platform.trouble = new AgentError("PLATFORM_DOWN", "libvirt is away");

    expect(await errorOf(bringOnline())).toMatchObject({ code: "PLATFORM_DOWN" });
    expect(platform.calls).toEqual(["read web1"]);
  });
});

describe("online of a guest that is active here", () => {
  it("leaves a running one as it is", async () => {
    platform.readings.set("web1", RUNNING);

    expect(await bringOnline()).toBe(0);
    expect(platform.calls).toEqual(["read web1"]);
  });

  it.each(["paused", "asleep"] as const)("brings back one that is %s", async (suspended) => {
    platform.readings.set("web1", aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended }));

    expect(await bringOnline()).toBe(0);
    expect(platform.calls).toEqual(["read web1", "refuseIfElsewhere web1", `wake web1 ${suspended}`]);
  });

  it("leaves a suspended one asleep that is active on another system", async () => {
    platform.readings.set(
      "web1",
      aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" }),
    );
    platform.deeds.refuseIfElsewhere = () => Promise.reject(new AgentError("REFUSED", "active on node2"));

    expect(await errorOf(bringOnline())).toMatchObject({ code: "REFUSED", message: "active on node2" });
    expect(platform.count("wake")).toBe(0);
  });

  it.each([
    [
      "is migrating",
      aReading({ state: online(100), active: true, migrating: true }),
      /is migrating: .*left alone$/,
    ],
    ["has left something behind", aReading({ state: OFFLINE, active: true }), /clean removes it$/],
  ])("refuses one that %s", async (_what, reading, message) => {
    platform.readings.set("web1", reading);
    const error = await errorOf(bringOnline());

    expect(error).toMatchObject({ code: "REFUSED" });
    expect(String(error)).toMatch(message);
    expect(platform.calls).toEqual(["read web1"]);
  });

  it.each([
    ["starts one that was coming by a migration which broke", STOPPED, 1],
    ["leaves one as it is that was coming by a migration and runs", RUNNING, 0],
    ["waits for one that the configuration answers otherwise, and starts it", STOPPED, 1, UNKNOWN],
  ] as const)("%s", async (_what, after, starts, state: ResourceState = OFFLINE) => {
    platform.readings.set("web1", aReading({ state, active: true, migrating: true, incoming: true }));

    const done = bringOnline();
    await clock.advance(11_000);
    expect(platform.count("start")).toBe(0);
    platform.readings.set("web1", after);
    await clock.until(done);

    expect(platform.count("start")).toBe(starts);
    expect(log.messages("warn")).toEqual(["guest is on its way to another state, which is waited for"]);
  });

  it("gives up one that still comes by a migration at the deadline", async () => {
    platform.readings.set(
      "web1",
      aReading({ state: OFFLINE, active: true, migrating: true, incoming: true }),
    );
    const deadline = new AbortController();

    const done = errorOf(bringOnline(5, deadline.signal));
    await clock.advance(5000);
    deadline.abort(new AgentError("TIMED_OUT", "online did not end"));

    expect(await clock.until(done)).toMatchObject({ code: "TIMED_OUT" });
    expect(platform.count("start")).toBe(0);
  });

  it("starts nothing that an emulator out of the hypervisor's sight still holds", async () => {
    platform.deeds.proveStopped = () => Promise.reject(new AgentError("STILL_RUNNING", "its emulator lives"));

    expect(await errorOf(bringOnline())).toMatchObject({ code: "STILL_RUNNING" });
    expect(platform.count("start")).toBe(0);
  });
});

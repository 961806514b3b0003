import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online } from "../../../src/resource-state.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { aReading, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { requestArguments } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
});

afterEach(() => {
  clock.stop();
});

/** A promise that nothing settles but the signal. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new AgentError("CANCELLED", "given up")), { once: true });
  });
}

describe("monitor", () => {
  it.each([
    [RUNNING, 110],
    [STOPPED, 100],
    [aReading({ state: INTENTIONAL_OFFLINE }), 200],
    [aReading({ state: online(40), active: true }), 104],
  ])("answers %j with exit code %i", async (reading, code) => {
    host.platform.readings.set("web1", reading);

    expect(await host.ask("monitor")).toBe(code);
    expect(host.told).toEqual([`web1_res ${code}`]);
  });

  it("is UNKNOWN at its deadline, however long the platform hangs", async () => {
    host.platform.deeds.read = () => new Promise(() => undefined);

    expect(await clock.until(host.ask("monitor", { timeoutS: 60 }))).toBe(99);
    expect(clock.now).toBeLessThanOrEqual(55_000);
  });

  it("is given up when its shim goes away, and nobody counts as told then", async () => {
    host.platform.deeds.read = (_guest, signal) => untilAborted(signal);
    const shim = new AbortController();
    const answer = host.ask("monitor", { signal: shim.signal });
    await clock.settle();
    shim.abort(new Error("CLIENT_GONE"));

    expect(await answer).toBe(99);
    expect(host.told).toEqual([]);
    expect(host.book.get("web1_res")?.unknownTold).toBe(false);
  });

  it("that an operator asks for tells the engine nothing: what it knows stays, and it is asked to probe all the same", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor");
    host.platform.readings.set("web1", STOPPED);

    expect(await host.ask("monitor", { isByHand: true })).toBe(100);
    expect(host.told).toEqual(["web1_res 110"]);
    expect(host.book.get("web1_res")?.registration.lastAnswer?.state).toEqual(online(100));
    expect(host.book.get("web1_res")?.lastTold?.answer.state).toEqual(online(100));
  });

  it("of the framework is awaited after an operation, and of nobody after an operator's", async () => {
    await host.ask("online", { isByHand: true });
    expect(host.book.get("web1_res")?.awaited).toBeUndefined();

    await host.ask("offline");
    expect(host.book.get("web1_res")?.awaited).toMatchObject({ online: false });
  });

  it("says once what the engine is told, and once that it cannot be told", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor");
    await host.ask("monitor");
    host.platform.trouble = new AgentError("PLATFORM_DOWN", "libvirt is away");
    await host.ask("monitor");
    await host.ask("monitor");

    expect(host.log.count("engine is told a new state")).toBe(1);
    expect(host.log.count("guest state cannot be determined")).toBe(1);
  });

  it("keeps a policy's OFFLINE from a live guest while it is being stopped, and after a restart meanwhile", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor");
    host.platform.readings.set("web1", aReading({ state: OFFLINE, active: true }));
    expect(await host.ask("monitor")).toBe(100);
    host.platform.deeds.destroy = () => Promise.reject(new AgentError("STILL_RUNNING", "no"));
    expect(await host.ask("clean", { reason: 4 })).toBe(1);
    expect(await host.ask("monitor")).toBe(101);
    await host.restart();

    expect(await host.ask("monitor")).toBe(101);
  });

  it("complains once of arguments that stay broken, and again when they are broken anew", async () => {
    const broken = ["web1_res", "GuestName", "x"];
    expect(await host.raw("monitor", broken)).toBe(99);
    expect(await host.raw("monitor", broken)).toBe(99);
    expect(host.log.count("entry point failed")).toBe(1);
    await host.ask("monitor");
    await host.ask("monitor");
    expect(host.log.count("monitor works again")).toBe(1);
    await host.raw("monitor", broken);

    expect(host.log.count("entry point failed")).toBe(2);
  });
});

describe("operations", () => {
  it("run online with its delay for exit code, and note the start before it is asked", async () => {
    const seen: unknown[] = [];
    host.platform.deeds.start = async () => void seen.push(host.book.get("web1_res")?.registration.starting);

    expect(await host.ask("online", { more: { DelayAfterGuestOnline: "7" } })).toBe(7);
    expect(seen).toEqual([true]);
    expect(host.book.get("web1_res")?.registration.starting).toBe(false);
  });

  it("remember a start without an answer across a restart, and tell clean", async () => {
    host.platform.deeds.start = () => Promise.reject(new AgentError("TIMED_OUT", "libvirt is silent"));
    expect(await host.ask("online")).toBe(0);
    await host.restart();
    const budgets: unknown[] = [];
    host.platform.deeds.destroy = async (_guest, budget) => void budgets.push(budget.startMayBePending);
    await host.ask("clean", { reason: 2 });
    await host.ask("clean", { reason: 2 });

    expect(budgets).toEqual([true, false]);
  });

  it.each([
    ["online", 0],
    ["offline", 0],
    ["clean", 1],
    ["monitor", 99],
    ["open", 0],
    ["attr_changed", 0],
  ] as const)("answer a failed %s with %i", async (name, code) => {
    host.platform.trouble = new AgentError("PLATFORM_DOWN", "away");
    host.platform.deeds.destroy = () => Promise.reject(new AgentError("STILL_RUNNING", "no"));

    expect(await clock.until(host.ask(name, { reason: 1 }))).toBe(code);
  });

  it("let clean cancel an online, whose own words say why", async () => {
    host.platform.deeds.start = (_guest, signal) => untilAborted(signal);
    const started = host.ask("online");
    await clock.settle();

    expect(await host.ask("clean", { reason: 2, timeoutS: 60 })).toBe(0);
    expect(await started).toBe(0);
    expect(host.platform.calls.at(-1)).toBe("destroy web1 27000");
    expect(host.log.count("entry point failed")).toBe(1);
  });

  it("go on when their shim is killed", async () => {
    const shim = new AbortController();
    host.platform.deeds.start = async () => shim.abort(new Error("killed"));
    await host.ask("online", { signal: shim.signal });

    expect(host.log.messages()).toContain("guest started");
  });

  it("end at their deadline though the work does not heed it", async () => {
    host.platform.deeds.destroy = () => new Promise(() => undefined);

    expect(await clock.until(host.ask("clean", { reason: 0, timeoutS: 30 }))).toBe(1);
    expect(clock.now).toBeLessThan(28_000);
  });

  it("call a guest that is being stopped stopping until it is proved gone", async () => {
    host.platform.readings.set("web1", RUNNING);
    await clock.until(host.ask("offline", { more: { DelayAfterGuestOffline: "1" } }));
    expect(host.book.get("web1_res")?.registration.stopping).toBe(true);
    await host.ask("clean", { reason: 1 });

    expect(host.book.get("web1_res")?.registration.stopping).toBe(false);
  });

  it("stop a guest by its last good attributes when the new ones are spoilt", async () => {
    await host.ask("monitor");
    const spoilt = { more: { DelayAfterGuestOnline: "soon" } };

    expect(await host.ask("clean", { ...spoilt, reason: 4 })).toBe(0);
    expect(host.platform.count("destroy web1")).toBe(1);
    expect(await host.ask("online", spoilt)).toBe(0);
    expect(host.platform.count("start")).toBe(0);
  });

  it("are the same for a guest of RHEV-M: the platform knows which it is", async () => {
    const rhev = ["web1_res", "GuestName", "1", "web1", "RHEVMInfo", "2", "Enabled", "1"];

    expect(await host.raw("monitor", rhev)).toBe(100);
    expect(await host.raw("clean", ["web1_res", "4", ...rhev.slice(1)])).toBe(0);
    expect(host.platform.count("destroy web1")).toBe(1);
  });
});

describe("the life of a resource", () => {
  it("begins with open: it is watched, and the first answer shows a live guest", async () => {
    host.platform.readings.set(
      "web1",
      aReading({ state: INTENTIONAL_OFFLINE, active: true, suspended: "paused" }),
    );
    expect(await host.ask("open")).toBe(0);
    await clock.settle();
    expect(host.platform.calls).toEqual(["claim web1"]);
    expect(await host.ask("monitor")).toBe(101);
    expect(await host.ask("monitor")).toBe(200);
    await host.ask("open");

    expect(await host.ask("monitor")).toBe(101);
  });

  it("is on disk when open has ended, and gone after close", async () => {
    await host.ask("open");
    expect([...host.store.saved.keys()]).toEqual(["web1_res"]);
    expect(await host.ask("close")).toBe(0);

    expect([...host.store.saved.keys()]).toEqual([]);
    expect(host.platform.calls.at(-1)).toBe("forget web1");
  });

  it("drops what is known of a guest when its resource comes with another one, and no other has it", async () => {
    await host.ask("open");
    await host.facts.migrations.end("web1", undefined, "node2", { kind: "moved", why: "both ends say so" });
    await host.raw("monitor", requestArguments("web1_res", { GuestName: "db1" }));

    expect(host.facts.migrations.get("web1")).toBeUndefined();
    expect(host.platform.calls).toContain("forget web1");
  });

  it("keeps what is known of a guest that another resource names too", async () => {
    await host.ask("open");
    await host.raw("open", requestArguments("twin_res", { GuestName: "web1" }));
    await host.ask("close");

    expect(host.platform.count("forget")).toBe(0);
  });

  it("pauses with the agent's shutdown, until the next open", async () => {
    await host.ask("open");
    expect(await host.raw("shutdown", [])).toBe(0);
    expect(host.book.get("web1_res")?.registration.watched).toBe(false);
    await host.ask("open");

    expect(host.book.get("web1_res")?.registration.watched).toBe(true);
  });

  it("takes another guest over with nothing of the first one's past", async () => {
    host.platform.readings.set("web1", RUNNING);
    await host.ask("monitor");
    await host.ask("monitor", { guest: "web2" });

    expect(host.book.get("web1_res")?.registration).toMatchObject({
      attributes: { guestName: "web2" },
      lastAnswer: { state: OFFLINE, active: false },
    });
  });

  it("keeps a resource's guest while an operation on it runs", async () => {
    host.platform.deeds.start = (_guest, signal) => untilAborted(signal);
    const started = host.ask("online");
    await clock.settle();
    await host.ask("clean", { guest: "web2", reason: 2 });
    await started;

    expect(host.platform.count("destroy web1")).toBe(1);
    expect(host.platform.count("destroy web2")).toBe(0);
  });
});

describe("what this version does not have", () => {
  it("is refused in words: migrate", async () => {
    expect(await host.raw("migrate", ["web1_res", "GuestName", "1", "web1"])).toBe(0);
    expect(host.log.count("entry point failed")).toBe(1);
    expect(host.platform.calls).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Heartbeat } from "../../../src/heartbeat.ts";
import { DispatcherHost } from "../../support/fakes/dispatcher-host.ts";
import { RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const LOST: Heartbeat = { phase: "lost", run: 7, misses: 3, silentMs: 60_000 };
const ONLINE_100 = 110;
const ONLINE_50 = 105;
const ONLINE_10 = 101;
const OFFLINE = 100;

let clock: VirtualClock;
let host: DispatcherHost;

beforeEach(() => {
  clock = new VirtualClock();
  host = new DispatcherHost();
  host.platform.readings.set("web1", RUNNING);
  host.platform.deeds.destroy = async () => void host.platform.readings.set("web1", STOPPED);
  host.platform.deeds.start = async () => void host.platform.readings.set("web1", RUNNING);
});

afterEach(() => clock.stop());

const ceInfo = (faultOnHbLoss: 0 | 1) => ({
  CEInfo: ["Enabled", "1", "FaultOnHBLoss", String(faultOnHbLoss)],
});
const ask = (name: "open" | "monitor" | "clean" | "online", faultOnHbLoss: 0 | 1 = 1) =>
  clock.until(host.ask(name, { more: { ...ceInfo(faultOnHbLoss), DelayAfterGuestOnline: "0" } }));

function lose(): void {
  const record = host.book.get("web1_res");
  if (record !== undefined) record.heartbeat = LOST;
}

describe("monitor of a guest whose heartbeat is lost", () => {
  it("is OFFLINE, again and again, until clean has removed the guest", async () => {
    await ask("monitor");
    expect(await ask("monitor")).toBe(ONLINE_100);
    lose();

    expect(await ask("monitor")).toBe(OFFLINE);
    expect(await ask("monitor")).toBe(OFFLINE);
    expect(await ask("clean")).toBe(0);
    expect(await ask("monitor")).toBe(OFFLINE);
  });

  it("is ONLINE 50 without FaultOnHBLoss", async () => {
    await ask("monitor", 0);
    lose();

    expect(await ask("monitor", 0)).toBe(ONLINE_50);
  });

  it("hides no live guest at the first look after open, and tells the fault at the next", async () => {
    await ask("open");
    lose();

    expect(await ask("monitor")).toBe(ONLINE_10);
    expect(await ask("monitor")).toBe(OFFLINE);
  });

  it("shows the guest while a clean that failed has not removed it", async () => {
    await ask("monitor");
    lose();
    await ask("monitor");
    host.platform.deeds.destroy = () => Promise.reject(new Error("it hangs"));

    expect(await ask("clean")).toBe(1);
    expect(await ask("monitor")).toBe(ONLINE_10);
  });
});

describe("a loss", () => {
  it("ends with the guest: the next start owes it nothing, though no monitor came in between", async () => {
    await ask("monitor");
    lose();
    await ask("monitor");
    expect(await ask("clean")).toBe(0);
    expect(await ask("online")).toBe(0);

    expect(await ask("monitor")).toBe(ONLINE_100);
  });

  it("ends with a guest that is found stopped, or is started", async () => {
    await ask("monitor");
    lose();
    host.platform.readings.set("web1", STOPPED);
    expect(await ask("monitor")).toBe(OFFLINE);
    expect(host.book.get("web1_res")?.heartbeat.phase).toBe("unarmed");

    lose();
    expect(await ask("online")).toBe(0);
    expect(host.book.get("web1_res")?.heartbeat.phase).toBe("unarmed");
  });

  it("that was told as OFFLINE is known to the next process", async () => {
    await ask("monitor");
    lose();
    await ask("monitor");
    expect(host.store.saved.get("web1_res")?.lastAnswer).toEqual({
      state: { kind: "OFFLINE" },
      active: true,
      lostRun: 7,
    });
    await clock.until(host.restart());

    expect(await ask("monitor")).toBe(OFFLINE);
  });

  it("that is no fault is not kept", async () => {
    await ask("monitor", 0);
    lose();
    await ask("monitor", 0);
    await clock.until(host.restart());

    expect(await ask("monitor", 0)).toBe(ONLINE_100);
  });
});

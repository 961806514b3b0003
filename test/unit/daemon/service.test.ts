import { EventEmitter } from "eventemitter3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Service } from "../../../daemon/service.ts";
import { sourceStates } from "../../../daemon/source-states.ts";
import type { PlatformEvents } from "../../../src/platform.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

let clock: VirtualClock;
let log: RecordingLog;
let told: string[];
let events: EventEmitter<PlatformEvents>;
let ending: AbortController;
let resources: number;

beforeEach(() => {
  clock = new VirtualClock();
  log = new RecordingLog();
  told = [];
  events = new EventEmitter<PlatformEvents>();
  ending = new AbortController();
  resources = 1;
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

/** Each message in one line, and the clock's reading, which no test can know, left out. */
function tell(...lines: readonly string[]): void {
  told.push(lines.join(" ").replace(/MONOTONIC_USEC=\d+$/, "MONOTONIC_USEC"));
}

function makeService(watchdogMs?: number): Service {
  return new Service({ tell, watchdogMs }, log);
}

function serve(service: Service): void {
  service.serves({ events }, sourceStates({ events }), () => resources);
}

/** What is told from now on. */
function news(): readonly string[] {
  return told.splice(0);
}

describe("the service", () => {
  it("is ready whatever is connected, and the status says what is", () => {
    const service = makeService();

    serve(service);
    events.emit("connected", "libvirt");
    events.emit("connected", "https://rhevm1");
    events.emit("lost", "libvirt", "it hangs");
    events.emit("lost", "libvirt", "it hangs");
    events.emit("dropped", "https://rhevm1");

    expect(told).toEqual([
      "READY=1 STATUS=1 resource; libvirt not connected",
      "STATUS=1 resource; libvirt connected",
      "STATUS=1 resource; libvirt connected; https://rhevm1 connected",
      "STATUS=1 resource; libvirt lost: it hangs; https://rhevm1 connected",
      "STATUS=1 resource; libvirt lost: it hangs",
    ]);
  });

  it("shows a reload from its beginning to its end", () => {
    const service = makeService();
    serve(service);
    news();

    service.reload(() => void told.push("reloaded"));

    expect(told).toEqual(["RELOADING=1 MONOTONIC_USEC", "reloaded", "READY=1"]);
  });

  it("is not made ready by a reload before it serves", () => {
    makeService().reload(() => void told.push("reloaded"));

    expect(told).toEqual(["reloaded"]);
  });

  it("asks for the time that its stop may take", () => {
    makeService().stops(60_000);

    expect(told).toEqual([
      "STOPPING=1 STATUS=stopping, guests are left as they are EXTEND_TIMEOUT_USEC=80000000",
    ]);
  });

  it("keeps the number of resources in the status up to date", async () => {
    const service = makeService();
    serve(service);
    void service.run(ending.signal);
    news();

    resources = 2;
    await clock.advance(10_000);

    expect(news()).toEqual(["WATCHDOG=1 STATUS=2 resources; libvirt not connected"]);
  });
});

describe("the watchdog", () => {
  it("is told three times within its limit that the daemon lives", async () => {
    const service = makeService(6000);
    serve(service);
    void service.run(ending.signal);
    news();

    await clock.advance(6000);

    expect(told).toEqual(["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
  });

  it("hears nothing while a loop stands still, and the log says which", async () => {
    const service = makeService(3000);
    serve(service);
    const [follower, lane] = [service.beats("follower"), service.beats("lane watch")];
    lane.rest();
    follower.within(1500);
    void service.run(ending.signal);
    news();

    await clock.advance(3000);
    const whileItStood = news();
    follower.within(60_000);
    await clock.advance(1000);

    expect(whileItStood).toEqual(["WATCHDOG=1"]);
    expect(news()).toEqual(["WATCHDOG=1"]);
    expect(log.entries).toEqual([
      {
        level: "error",
        message: "loop stands still, systemd is not told any more that the daemon lives",
        fields: { loop: "follower", limitMs: 1500, ms: 2000 },
      },
      { level: "info", message: "loop goes on again", fields: { loop: "follower" } },
    ]);
  });

  it("does not wait for loops that have ended or wait for an event", async () => {
    const service = makeService(3000);
    const [ended, resting] = [service.beats("poller"), service.beats("lane slow")];
    ended.within(500);
    resting.within(500);
    void service.run(ending.signal);
    news();

    ended.end();
    resting.rest();
    await clock.advance(2000);

    expect(told).toEqual(["WATCHDOG=1", "WATCHDOG=1"]);
  });
});

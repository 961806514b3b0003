import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ResourceRecord } from "../../../daemon/resource-book.ts";
import { abortError, pause } from "../../../src/deadline.ts";
import { UNARMED } from "../../../src/heartbeat.ts";
import { RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { ANSWERED, HeartbeatHost, INTERVAL_MS, SILENT } from "../../support/fakes/heartbeat-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

let host: HeartbeatHost;

beforeEach(() => {
  host = new HeartbeatHost();
});

afterEach(async () => {
  await host.end();
  host.clock.stop();
});

describe("heartbeats", () => {
  it("ask each guest once an interval, and none at the same moment as all others", async () => {
    const moments: number[] = [];
    host.platform.deeds.askAgent = async () => {
      moments.push(Math.round(host.clock.now));
      return ANSWERED;
    };
    for (let at = 0; at < 20; at++) host.open(`web${at}`);
    await host.ask();
    await host.clock.advance(INTERVAL_MS);

    expect(moments).toHaveLength(20);
    expect(new Set(moments).size).toBe(20);
    await host.clock.advance(INTERVAL_MS);
    expect(moments).toHaveLength(40);
  });

  it("ask no guest without CEInfo.Enabled, none that is off here, and none that is not watched", async () => {
    host.book.open("plain_res", attributesOfGuest("plain"));
    host.open("standby").lastReading = { reading: STOPPED, at: new Date() };
    await host.book.change(host.open("closed"), { watched: false });
    await host.ask();
    await host.clock.advance(3 * INTERVAL_MS);

    expect(host.platform.calls).toEqual([]);
  });

  it("declare a loss after three misses over sixty seconds, and have the guest looked at at once", async () => {
    const record = await host.silenced();
    await host.clock.advance(2 * INTERVAL_MS + 500);
    expect(record.heartbeat.phase).toBe("armed");
    expect(host.looks).toEqual([]);
    await host.clock.advance(INTERVAL_MS);

    expect(record.heartbeat).toMatchObject({ phase: "lost", misses: 3 });
    expect(host.looks).toEqual(["web1"]);
    await host.clock.advance(600_000);
    expect(host.looks).toEqual(["web1"]);
    expect(
      host.log.entries
        .filter(({ level }) => level === "warn")
        .map(({ message, fields }) => ({ message, fields })),
    ).toEqual([
      {
        message: "guest heartbeat is lost",
        fields: { resource: "web1_res", guest: "web1", misses: 3, silentS: 60, isFault: true },
      },
    ]);
  });

  it("end a loss when the agent answers, say so, and stay armed", async () => {
    const record = await host.silenced();
    await host.clock.advance(4 * INTERVAL_MS);
    host.answers.set("web1", ANSWERED);
    await host.clock.advance(INTERVAL_MS);

    expect(record.heartbeat.phase).toBe("armed");
    expect(host.looks).toEqual(["web1", "web1"]);
    expect(host.log.count("guest heartbeat is not lost any more")).toBe(1);
    await host.clock.advance(INTERVAL_MS);
    expect(host.log.count("guest heartbeat is armed")).toBe(1);
  });

  it.each<[string, (record: ResourceRecord) => void]>([
    ["an event of the guest, or the end of an operation", (record) => void (record.epoch += 1)],
    ["an operation that works on it", (record) => void (record.operation = "migrate")],
    ["a stop that has begun", (record) => void host.book.change(record, { stopping: true })],
    [
      "a migration",
      (record) => void (record.lastReading = { reading: { ...RUNNING, migrating: true }, at: new Date() }),
    ],
    ["a new start or a reboot", () => void host.platform.events.emit("started", "web1")],
    ["a start anew", () => void host.answers.set("web1", { ...SILENT, run: 2 })],
    ["a pause", () => void host.answers.set("web1", { kind: "held up", reason: "paused" })],
    ["a freeze for a snapshot", () => void host.answers.set("web1", { ...ANSWERED, frozen: true })],
    ["its end", () => void host.answers.set("web1", { kind: "off" })],
  ])("are disarmed by %s, and armed again by the next answer alone", async (_what, happen) => {
    const record = await host.silenced();
    await host.clock.advance(2 * INTERVAL_MS + 500);
    happen(record);
    await host.clock.advance(INTERVAL_MS);
    expect(record.heartbeat.phase).toBe("unarmed");

    record.operation = undefined;
    await host.book.change(record, { stopping: false });
    record.lastReading = { reading: RUNNING, at: new Date() };
    host.answers.set("web1", { ...SILENT, run: 2 });
    await host.clock.advance(10 * INTERVAL_MS);
    expect(record.heartbeat.phase).toBe("unarmed");
    host.answers.set("web1", { ...ANSWERED, run: 2 });
    await host.clock.advance(2 * INTERVAL_MS);
    expect(record.heartbeat.phase).toBe("armed");
    expect(host.log.count("guest heartbeat is lost")).toBe(0);
  });

  it("ask nothing during an operation or a stop", async () => {
    const record = host.open("web1");
    record.operation = "offline";
    await host.ask();
    await host.clock.advance(2 * INTERVAL_MS);
    record.operation = undefined;
    await host.book.change(record, { stopping: true });
    await host.clock.advance(2 * INTERVAL_MS);

    expect(host.platform.calls).toEqual([]);
  });

  it("take a hypervisor that does not answer for no silence of the guest", async () => {
    const record = await host.silenced();
    host.answers.set("web1", { kind: "unreadable", reason: "libvirt cannot be asked" });
    await host.clock.advance(600_000);

    expect(record.heartbeat).toMatchObject({ phase: "armed", misses: 0 });
    expect(host.log.messages("warn")).toEqual([]);
  });

  it("count no silence that an event overtook", async () => {
    const record = await host.silenced();
    host.platform.deeds.askAgent = async (_guest, _question, signal) => {
      await pause(5000, signal);
      record.epoch += 1;
      return SILENT;
    };
    await host.clock.advance(20 * INTERVAL_MS);

    expect(record.heartbeat.phase).toBe("unarmed");
    expect(host.looks).toEqual([]);
  });

  it("warn once of an agent that never answers, ask it more seldom, and are armed when it comes", async () => {
    host.answers.set("web1", SILENT);
    const record = host.open("web1");
    await host.ask();
    await host.clock.advance(330_000);
    expect(host.log.messages("warn")).toEqual([
      "guest agent is not heard, libvirt alone tells the state of its guest",
    ]);
    const before = host.asked("web1");
    await host.clock.advance(600_000);
    expect(host.asked("web1") - before).toBe(10);
    expect(host.log.messages("warn")).toHaveLength(1);
    expect(host.looks).toEqual([]);

    host.answers.set("web1", ANSWERED);
    await host.clock.advance(60_000);
    expect(record.heartbeat.phase).toBe("armed");
  });

  it("warn once of a guest without a channel to an agent", async () => {
    host.answers.set("web1", { kind: "no channel", run: 1 });
    host.open("web1");
    await host.ask();
    await host.clock.advance(600_000);

    expect(host.log.messages("warn")).toEqual([
      "guest has no channel to an agent, libvirt alone tells its state",
    ]);
  });

  it("say nothing on a platform that knows no agents", async () => {
    host.answers.set("web1", { kind: "not available" });
    host.open("web1");
    await host.ask();
    await host.clock.advance(600_000);

    expect(host.log.entries).toEqual([]);
  });

  it("forget all when CEInfo is switched off", async () => {
    const record = await host.silenced();
    await host.clock.advance(4 * INTERVAL_MS);
    await host.book.change(record, { attributes: attributesOfGuest("web1") });
    await host.clock.advance(1000);

    expect(record.heartbeat.phase).toBe("unarmed");
    const before = host.asked("web1");
    await host.clock.advance(10 * INTERVAL_MS);
    expect(host.asked("web1")).toBe(before);
  });

  it("tell of a loss that an operation has ended with the guest", async () => {
    const record = await host.silenced();
    await host.clock.advance(4 * INTERVAL_MS);
    record.heartbeat = UNARMED;
    await host.clock.advance(1000);

    expect(host.log.count("guest heartbeat is not lost any more")).toBe(1);
  });

  it("go on when a question fails in a way nobody foresaw", async () => {
    const record = host.open("web1");
    host.platform.deeds.askAgent = () => Promise.reject(new Error("a defect"));
    await host.ask();
    await host.clock.advance(INTERVAL_MS);
    expect(host.log.messages("error")).toEqual(["heartbeat failed in a way nobody foresaw"]);
    host.platform.deeds.askAgent = async () => ANSWERED;
    await host.clock.advance(INTERVAL_MS);

    expect(record.heartbeat.phase).toBe("armed");
  });
});

describe("heartbeats of many guests", () => {
  it("ask four at a time, and a healthy guest in its turn among a hundred silent ones", async () => {
    let underWay = 0;
    let most = 0;
    host.platform.deeds.askAgent = async (guest, _question, signal) => {
      underWay += 1;
      most = Math.max(most, underWay);
      if (guest !== "web50") await pause(5000, signal);
      underWay -= 1;
      return guest === "web50" ? ANSWERED : SILENT;
    };
    for (let at = 0; at < 100; at++) host.open(`web${at}`);
    await host.ask();
    await host.clock.advance(600_000);

    expect(most).toBe(4);
    const counts = Array.from({ length: 100 }, (_, at) => host.asked(`web${at}`));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(3);
    expect(host.asked("web50")).toBeGreaterThanOrEqual(3);
  });

  it("end at once with the daemon, whatever they wait for", async () => {
    host.platform.deeds.askAgent = async (_guest, _question, signal) => {
      await pause(1_000_000, signal);
      throw abortError(signal);
    };
    host.open("web1");
    await host.ask();
    await host.clock.advance(INTERVAL_MS);

    await host.end();
    expect(host.log.entries).toEqual([]);
  });
});

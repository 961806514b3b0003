import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Heartbeats } from "../../../daemon/heartbeats.ts";
import { ResourceBook, type ResourceRecord } from "../../../daemon/resource-book.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { abortError, pause } from "../../../src/deadline.ts";
import { UNARMED } from "../../../src/heartbeat.ts";
import type { AgentAnswer } from "../../../src/platform.ts";
import { OFFLINE } from "../../../src/resource-state.ts";
import { FakePlatform, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { MemoryStore } from "../../support/fakes/memory-store.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const INTERVAL_MS = 20_000;
const ANSWERED: AgentAnswer = { kind: "answered", run: 1, frozen: false, hostName: undefined };
const SILENT: AgentAnswer = { kind: "silent", run: 1, reason: "not connected" };

let clock: VirtualClock;
let platform: FakePlatform;
let log: RecordingLog;
let store: MemoryStore;
let book: ResourceBook;
let ending: AbortController;
/** What each guest's agent answers now. */
let answers: Map<string, AgentAnswer>;
let looks: string[];

beforeEach(() => {
  clock = new VirtualClock();
  platform = new FakePlatform();
  log = new RecordingLog();
  store = new MemoryStore();
  book = new ResourceBook(store, log);
  ending = new AbortController();
  answers = new Map();
  looks = [];
  platform.deeds.askAgent = async (guest) => answers.get(guest) ?? ANSWERED;
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

function open(
  guest: string,
  ceInfo: Partial<{ ceSystem: string; faultOnHbLoss: boolean }> = {},
): ResourceRecord {
  const attributes = attributesOfGuest(guest, { ceInfo: { enabled: true, faultOnHbLoss: true, ...ceInfo } });
  const record = book.open(`${guest}_res`, attributes);
  record.lastReading = { reading: RUNNING, at: new Date() };
  return record;
}

async function ask(): Promise<void> {
  const look = (guest: string) => {
    looks.push(guest);
    for (const record of book.ofGuest(guest)) record.epoch += 1; // as the follower does
  };
  const settings = () => ({ intervalMs: INTERVAL_MS, timeoutS: 5, misses: 3, lossMs: 60_000 });
  void new Heartbeats({ platform, book, look, settings, log }).run(ending.signal);
  await clock.settle();
}

/** An armed heartbeat of a guest that then falls silent. */
async function silenced(ceInfo: Parameters<typeof open>[1] = {}): Promise<ResourceRecord> {
  const record = open("web1", ceInfo);
  await ask();
  await clock.advance(INTERVAL_MS);
  expect(record.heartbeat.phase).toBe("armed");
  answers.set("web1", SILENT);
  return record;
}

const asked = (guest: string) => platform.count(`askAgent ${guest}`);

describe("heartbeats", () => {
  it("ask each guest once an interval, and none at the same moment as all others", async () => {
    const moments: number[] = [];
    platform.deeds.askAgent = async () => {
      moments.push(Math.round(clock.now));
      return ANSWERED;
    };
    for (let at = 0; at < 20; at++) open(`web${at}`);
    await ask();
    await clock.advance(INTERVAL_MS);

    expect(moments).toHaveLength(20);
    expect(new Set(moments).size).toBe(20);
    await clock.advance(INTERVAL_MS);
    expect(moments).toHaveLength(40);
  });

  it("ask no guest without CEInfo.Enabled, none that is off here, and none that is not watched", async () => {
    book.open("plain_res", attributesOfGuest("plain"));
    open("standby").lastReading = { reading: STOPPED, at: new Date() };
    await book.change(open("closed"), { watched: false });
    await ask();
    await clock.advance(3 * INTERVAL_MS);

    expect(platform.calls).toEqual([]);
  });

  it("declare a loss after three misses over sixty seconds, and have the guest looked at at once", async () => {
    const record = await silenced();
    await clock.advance(2 * INTERVAL_MS + 500);
    expect(record.heartbeat.phase).toBe("armed");
    expect(looks).toEqual([]);
    await clock.advance(INTERVAL_MS);

    expect(record.heartbeat).toMatchObject({ phase: "lost", misses: 3 });
    expect(looks).toEqual(["web1"]);
    await clock.advance(600_000);
    expect(looks).toEqual(["web1"]);
    expect(
      log.entries.filter(({ level }) => level === "warn").map(({ message, fields }) => ({ message, fields })),
    ).toEqual([
      {
        message: "guest heartbeat is lost",
        fields: { resource: "web1_res", guest: "web1", misses: 3, silentS: 60, isFault: true },
      },
    ]);
  });

  it("end a loss when the agent answers, say so, and stay armed", async () => {
    const record = await silenced();
    await clock.advance(4 * INTERVAL_MS);
    answers.set("web1", ANSWERED);
    await clock.advance(INTERVAL_MS);

    expect(record.heartbeat.phase).toBe("armed");
    expect(looks).toEqual(["web1", "web1"]);
    expect(log.count("guest heartbeat is not lost any more")).toBe(1);
    await clock.advance(INTERVAL_MS);
    expect(log.count("guest heartbeat is armed")).toBe(1);
  });

  it.each<[string, (record: ResourceRecord) => void]>([
    ["an event of the guest, or the end of an operation", (record) => void (record.epoch += 1)],
    ["an operation that works on it", (record) => void (record.operation = "migrate")],
    ["a stop that has begun", (record) => void book.change(record, { stopping: true })],
    [
      "a migration",
      (record) => void (record.lastReading = { reading: { ...RUNNING, migrating: true }, at: new Date() }),
    ],
    ["a new start or a reboot", () => void platform.events.emit("started", "web1")],
    ["a start anew", () => void answers.set("web1", { ...SILENT, run: 2 })],
    ["a pause", () => void answers.set("web1", { kind: "held up", reason: "paused" })],
    ["a freeze for a snapshot", () => void answers.set("web1", { ...ANSWERED, frozen: true })],
    ["its end", () => void answers.set("web1", { kind: "off" })],
  ])("are disarmed by %s, and armed again by the next answer alone", async (_what, happen) => {
    const record = await silenced();
    await clock.advance(2 * INTERVAL_MS + 500);
    happen(record);
    await clock.advance(INTERVAL_MS);
    expect(record.heartbeat.phase).toBe("unarmed");

    record.operation = undefined;
    await book.change(record, { stopping: false });
    record.lastReading = { reading: RUNNING, at: new Date() };
    answers.set("web1", { ...SILENT, run: 2 });
    await clock.advance(10 * INTERVAL_MS);
    expect(record.heartbeat.phase).toBe("unarmed");
    answers.set("web1", { ...ANSWERED, run: 2 });
    await clock.advance(2 * INTERVAL_MS);
    expect(record.heartbeat.phase).toBe("armed");
    expect(log.count("guest heartbeat is lost")).toBe(0);
  });

  it("ask nothing during an operation or a stop", async () => {
    const record = open("web1");
    record.operation = "offline";
    await ask();
    await clock.advance(2 * INTERVAL_MS);
    record.operation = undefined;
    await book.change(record, { stopping: true });
    await clock.advance(2 * INTERVAL_MS);

    expect(platform.calls).toEqual([]);
  });

  it("take a hypervisor that does not answer for no silence of the guest", async () => {
    const record = await silenced();
    answers.set("web1", { kind: "unreadable", reason: "libvirt cannot be asked" });
    await clock.advance(600_000);

    expect(record.heartbeat).toMatchObject({ phase: "armed", misses: 0 });
    expect(log.messages("warn")).toEqual([]);
  });

  it("count no silence that an event overtook", async () => {
    const record = await silenced();
    platform.deeds.askAgent = async (_guest, _question, signal) => {
      await pause(5000, signal);
      record.epoch += 1;
      return SILENT;
    };
    await clock.advance(20 * INTERVAL_MS);

    expect(record.heartbeat.phase).toBe("unarmed");
    expect(looks).toEqual([]);
  });

  it("warn once of an agent that never answers, ask it more seldom, and are armed when it comes", async () => {
    answers.set("web1", SILENT);
    const record = open("web1");
    await ask();
    await clock.advance(330_000);
    expect(log.messages("warn")).toEqual([
      "guest agent is not heard, libvirt alone tells the state of its guest",
    ]);
    const before = asked("web1");
    await clock.advance(600_000);
    expect(asked("web1") - before).toBe(10);
    expect(log.messages("warn")).toHaveLength(1);
    expect(looks).toEqual([]);

    answers.set("web1", ANSWERED);
    await clock.advance(60_000);
    expect(record.heartbeat.phase).toBe("armed");
  });

  it("warn once of a guest without a channel to an agent", async () => {
    answers.set("web1", { kind: "no channel", run: 1 });
    open("web1");
    await ask();
    await clock.advance(600_000);

    expect(log.messages("warn")).toEqual(["guest has no channel to an agent, libvirt alone tells its state"]);
  });

  it("say nothing on a platform that knows no agents", async () => {
    answers.set("web1", { kind: "not available" });
    open("web1");
    await ask();
    await clock.advance(600_000);

    expect(log.entries).toEqual([]);
  });

  it("forget all when CEInfo is switched off", async () => {
    const record = await silenced();
    await clock.advance(4 * INTERVAL_MS);
    await book.change(record, { attributes: attributesOfGuest("web1") });
    await clock.advance(1000);

    expect(record.heartbeat.phase).toBe("unarmed");
    const before = asked("web1");
    await clock.advance(10 * INTERVAL_MS);
    expect(asked("web1")).toBe(before);
  });

  it("tell of a loss that an operation has ended with the guest", async () => {
    const record = await silenced();
    await clock.advance(4 * INTERVAL_MS);
    record.heartbeat = UNARMED;
    await clock.advance(1000);

    expect(log.count("guest heartbeat is not lost any more")).toBe(1);
  });

  it("go on when a question fails in a way nobody foresaw", async () => {
    const record = open("web1");
    platform.deeds.askAgent = () => Promise.reject(new Error("a defect"));
    await ask();
    await clock.advance(INTERVAL_MS);
    expect(log.messages("error")).toEqual(["heartbeat failed in a way nobody foresaw"]);
    platform.deeds.askAgent = async () => ANSWERED;
    await clock.advance(INTERVAL_MS);

    expect(record.heartbeat.phase).toBe("armed");
  });
});

describe("heartbeats of many guests", () => {
  it("ask four at a time, and a healthy guest in its turn among a hundred silent ones", async () => {
    let underWay = 0;
    let most = 0;
    platform.deeds.askAgent = async (guest, _question, signal) => {
      underWay += 1;
      most = Math.max(most, underWay);
      if (guest !== "web50") await pause(5000, signal);
      underWay -= 1;
      return guest === "web50" ? ANSWERED : SILENT;
    };
    for (let at = 0; at < 100; at++) open(`web${at}`);
    await ask();
    await clock.advance(600_000);

    expect(most).toBe(4);
    const counts = Array.from({ length: 100 }, (_, at) => asked(`web${at}`));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(3);
    expect(asked("web50")).toBeGreaterThanOrEqual(3);
  });

  it("end at once with the daemon, whatever they wait for", async () => {
    platform.deeds.askAgent = async (_guest, _question, signal) => {
      await pause(1_000_000, signal);
      throw abortError(signal);
    };
    open("web1");
    const settings = () => ({ intervalMs: INTERVAL_MS, timeoutS: 5, misses: 3, lossMs: 60_000 });
    const running = new Heartbeats({ platform, book, look: () => undefined, settings, log }).run(
      ending.signal,
    );
    await clock.advance(INTERVAL_MS);
    ending.abort(new AgentError("CANCELLED", "the daemon ends"));

    await running;
    await clock.settle();
    expect(log.entries).toEqual([]);
  });
});

describe("the name that a guest gives itself", () => {
  const named = (hostName: string | undefined): AgentAnswer => ({ ...ANSWERED, hostName });
  const WRONG = "guest does not give itself the name in CESystem";

  it("is asked for until it is right, and after each new start", async () => {
    answers.set("web1", named("web1.example.com"));
    open("web1", { ceSystem: "web1" });
    await ask();
    await clock.advance(5 * INTERVAL_MS);
    expect(platform.count("askAgent web1 for its name")).toBe(1);
    platform.events.emit("started", "web1");
    await clock.advance(5 * INTERVAL_MS);

    expect(platform.count("askAgent web1 for its name")).toBe(2);
    expect(log.messages("warn")).toEqual([]);
  });

  it("is told of once when it stays wrong, and once when it is right again; it is never a loss", async () => {
    answers.set("web1", named("other"));
    const record = open("web1", { ceSystem: "web1" });
    await ask();
    await clock.advance(20 * INTERVAL_MS);
    expect(log.entries.filter(({ message }) => message === WRONG).map(({ fields }) => fields)).toEqual([
      { resource: "web1_res", guest: "web1", ceSystem: "web1", hostName: "other" },
    ]);
    expect(record.heartbeat.phase).toBe("armed");

    answers.set("web1", named("web1"));
    await clock.advance(INTERVAL_MS);
    expect(log.count("guest gives itself the name in CESystem")).toBe(1);
    expect(looks).toEqual([]);
  });

  it("may come late, but an agent that cannot tell it is told of", async () => {
    answers.set("web1", named("localhost"));
    open("web1", { ceSystem: "web1" });
    await ask();
    await clock.advance(2 * INTERVAL_MS);
    answers.set("web1", named("web1"));
    await clock.advance(5 * INTERVAL_MS);
    expect(log.count(WRONG)).toBe(0);

    answers.set("web2", named(undefined));
    open("web2", { ceSystem: "web2" });
    await clock.advance(10 * INTERVAL_MS);
    expect(
      log.entries.filter(({ message }) => message === WRONG).map(({ fields }) => fields["hostName"]),
    ).toEqual(["not told"]);
  });

  it("is not asked for without CESystem", async () => {
    answers.set("web1", named("other"));
    open("web1");
    await ask();
    await clock.advance(10 * INTERVAL_MS);

    expect(platform.count("askAgent web1 for its name")).toBe(0);
    expect(log.messages("warn")).toEqual([]);
  });
});

describe("a loss that made the resource OFFLINE", () => {
  it("stands in the next process, which asks at once", async () => {
    const record = await silenced();
    await clock.advance(4 * INTERVAL_MS);
    book.told(record, { state: OFFLINE, active: true, lostRun: 1 });
    await book.flush();
    ending.abort();
    await clock.settle();

    ending = new AbortController();
    book = new ResourceBook(store, log);
    await book.load();
    const restored = book.get("web1_res");
    expect(restored?.heartbeat.phase).toBe("lost");
    const before = asked("web1");
    await ask();
    expect(asked("web1")).toBe(before + 1);
    expect(restored?.heartbeat.phase).toBe("lost");
    answers.set("web1", ANSWERED);
    await clock.advance(INTERVAL_MS);
    expect(restored?.heartbeat.phase).toBe("armed");
  });

  it("is forgotten in the next process when the guest was started anew", async () => {
    await store.save({
      resource: "web1_res",
      attributes: attributesOfGuest("web1", { ceInfo: { enabled: true, faultOnHbLoss: true } }),
      watched: true,
      stopping: false,
      starting: false,
      lastAnswer: { state: OFFLINE, active: true, lostRun: 1 },
    });
    await book.load();
    answers.set("web1", { ...SILENT, run: 2 });
    await ask();

    expect(book.get("web1_res")?.heartbeat.phase).toBe("unarmed");
    expect(looks).toEqual(["web1"]);
  });
});

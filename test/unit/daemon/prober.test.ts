import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Prober } from "../../../daemon/prober.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { pause } from "../../../src/deadline.ts";
import { FakeEngine } from "../../support/fakes/fake-engine.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { VirtualClock } from "../../support/fakes/virtual-clock.ts";

const OFFLINE = 100;
const ONLINE = 110;
let clock: VirtualClock;
let engine: FakeEngine;
let log: RecordingLog;
let ending: AbortController;
let prober: Prober;

beforeEach(() => {
  clock = new VirtualClock();
  engine = new FakeEngine();
  log = new RecordingLog();
  ending = new AbortController();
  prober = new Prober(engine, log, ending.signal);
});

afterEach(async () => {
  ending.abort();
  await clock.settle();
  clock.stop();
});

/** The follower's cycle: every five seconds the same news, until the engine's monitor has come. */
async function followFor(ms: number, news = OFFLINE): Promise<number[]> {
  const at: number[] = [];
  engine.onProbe = async () => {
    at.push(clock.now);
  };
  for (const end = clock.now + ms; clock.now < end; ) {
    prober.request("r", news);
    await clock.advance(5000);
  }
  return at;
}

describe("the prober", () => {
  it("asks at once for news, then for the same news at growing distance, a minute at most", async () => {
    expect(await followFor(300_000)).toEqual([0, 5000, 15_000, 35_000, 75_000, 135_000, 195_000, 255_000]);
  });

  it("asks at once for other news, however short before it asked", async () => {
    prober.request("r", OFFLINE);
    await clock.advance(10);
    prober.request("r", ONLINE);
    await clock.advance(10);

    expect(engine.probes).toEqual(["r", "r"]);
  });

  it("asks at once for the same news after the engine had been told otherwise", async () => {
    prober.request("r", OFFLINE);
    await clock.advance(10);
    prober.settled("r");
    prober.request("r", OFFLINE);
    await clock.advance(10);

    expect(engine.probes).toEqual(["r", "r"]);
  });

  it("tells which request waits for its monitor, until that came", async () => {
    expect(prober.pending("r")).toBeUndefined();
    prober.request("r", OFFLINE);
    await clock.advance(10);
    expect(prober.pending("r")).toEqual({ code: 100, inMs: 4990, isFailing: false });

    prober.told("r", OFFLINE);
    expect(prober.pending("r")).toBeUndefined();
  });

  it("tells that the engine does not take its requests", async () => {
    engine.onProbe = () => Promise.reject(new AgentError("PLATFORM_DOWN", "no engine"));
    prober.request("r", OFFLINE);
    await clock.advance(10);

    expect(prober.pending("r")).toMatchObject({ isFailing: true });
  });

  it("runs one request at a time for a resource, and one more for all that came meanwhile", async () => {
    let atOnce = 0;
    let most = 0;
    engine.onProbe = async (_resource, signal) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await pause(1000, signal);
      atOnce -= 1;
    };
    for (const news of [OFFLINE, ONLINE, 102, 200, OFFLINE]) {
      prober.request("r", news);
      await clock.advance(10);
    }
    await clock.advance(10_000);

    expect(most).toBe(1);
    expect(engine.probes).toEqual(["r", "r"]);
  });

  it("runs four requests at once for all resources, the others follow", async () => {
    let atOnce = 0;
    let most = 0;
    engine.onProbe = async (_resource, signal) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await pause(1000, signal);
      atOnce -= 1;
    };
    for (let number = 1; number <= 10; number++) prober.request(`r${number}`, OFFLINE);
    await clock.settle();
    expect(engine.probes).toHaveLength(4);
    await clock.advance(3000);

    expect(engine.probes).toHaveLength(10);
    expect(most).toBe(4);
  });
});

describe("the prober of an engine that is down", () => {
  it("says so once, asks on at growing distance, and says when it answers again", async () => {
    engine.trouble = new AgentError("PLATFORM_DOWN", "hares: no such file");
    await followFor(60_000);
    expect(engine.probes).toHaveLength(4);
    engine.trouble = undefined;
    await followFor(60_000);

    expect(log.messages()).toEqual([
      "engine cannot be asked to probe",
      "engine asked to probe",
      "engine answers again",
    ]);
  });

  it("asks for nothing any more when the daemon ends", async () => {
    engine.onProbe = (_resource, signal) => pause(10_000, signal);
    for (let number = 1; number <= 6; number++) prober.request(`r${number}`, OFFLINE);
    await clock.settle();
    ending.abort();
    await clock.advance(20_000);

    expect(engine.probes).toHaveLength(4);
  });
});

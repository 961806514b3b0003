import { beforeEach, describe, expect, it } from "vitest";
import { AgentError, type ErrorCode } from "../../../src/agent-error.ts";
import type { AnswerFacts } from "../../../src/answer.ts";
import { clean } from "../../../src/entry-points/clean.ts";
import { monitor } from "../../../src/entry-points/monitor.ts";
import { OFFLINE, online, UNKNOWN } from "../../../src/resource-state.ts";
import { errorOf } from "../../support/error-of.ts";
import { aReading, FakePlatform, RUNNING, STOPPED } from "../../support/fakes/fake-platform.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
const KNOWN: AnswerFacts = { stopping: false, lastAnswer: { state: online(100), active: true } };
let platform: FakePlatform;
let log: RecordingLog;
let epoch: number;
let onRefresh: () => void;

beforeEach(() => {
  platform = new FakePlatform();
  log = new RecordingLog();
  epoch = 0;
  onRefresh = () => undefined;
});

function ask(facts: AnswerFacts | (() => AnswerFacts) = KNOWN) {
  return monitor(
    {
      resource: "web1_res",
      attributes: attributesOfGuest("web1"),
      platform,
      log,
      facts: typeof facts === "function" ? facts : () => facts,
      refresh: async () => onRefresh(),
      note: () => Promise.resolve(),
      epoch: () => epoch,
      patienceMs: 30_000,
    },
    never,
  );
}

describe("monitor", () => {
  it("answers what the platform reads", async () => {
    platform.readings.set("web1", RUNNING);
    expect(await ask()).toEqual({
      answer: { state: online(100), reason: "told by the test" },
      reading: RUNNING,
    });
    platform.readings.set("web1", STOPPED);

    expect((await ask()).answer.state).toEqual(OFFLINE);
  });

  it.each([
    "PLATFORM_DOWN",
    "NOT_ALLOWED",
    "TIMED_OUT",
    "CANCELLED",
    "PROTOCOL",
    "GUEST_NOT_FOUND",
  ] as ErrorCode[])("is UNKNOWN with the error's words on %s, and never throws", async (code) => {
    platform.trouble = new AgentError(code, "libvirt's own words");

    expect(await ask()).toEqual({
      answer: { state: UNKNOWN, reason: "libvirt's own words" },
      reading: undefined,
    });
  });

  it("is UNKNOWN after a defect, which is logged with its stack", async () => {
    platform.deeds.read = () => Promise.reject(new TypeError("undefined is no function"));

    expect((await ask()).answer.state).toEqual(UNKNOWN);
    expect(log.messages("error")).toEqual(["monitor failed in a way nobody foresaw"]);
  });

  it("reads again what was overtaken while the facts were brought up to date", async () => {
    platform.readings.set("web1", RUNNING);
    onRefresh = () => {
      if (epoch > 0) return;
      epoch += 1;
      platform.readings.set("web1", STOPPED);
    };

    expect((await ask()).reading).toEqual(STOPPED);
  });

  it("reads again what an event or the end of an operation has overtaken", async () => {
    let readings = 0;
    platform.deeds.read = async () => {
      readings += 1;
      if (readings < 3) epoch += 1;
      return readings < 3 ? RUNNING : STOPPED;
    };

    expect((await ask()).answer.state).toEqual(OFFLINE);
    expect(readings).toBe(3);
  });

  it("answers from the fifth reading of a guest whose events never pause", async () => {
    platform.deeds.read = async () => {
      epoch += 1;
      return RUNNING;
    };

    expect((await ask()).answer.state).toEqual(online(100));
    expect(platform.count("read")).toBe(5);
  });

  it.each<[string, AnswerFacts]>([
    ["during a stop", { ...KNOWN, stopping: true }],
    ["at the first look", { stopping: false }],
  ])("shows an emulator that the hypervisor has lost sight of %s", async (_when, facts) => {
    platform.deeds.proveStopped = () => Promise.reject(new AgentError("STILL_RUNNING", "its emulator lives"));
    const { answer } = await ask(facts);

    expect(answer.state).toEqual(online(10));
    expect(answer.reason).toBe("told by the test, but its emulator lives");
  });

  it("reads again what an event overtook while the proof was looked for", async () => {
    platform.deeds.proveStopped = async () => {
      epoch += 1;
      platform.readings.set("web1", RUNNING);
    };

    expect((await ask({ stopping: false })).answer.state).toEqual(online(100));
  });

  it("does not let an emulator out of sight pass for a policy's fault when another monitor ends first", async () => {
    let facts: AnswerFacts = { stopping: false };
    platform.deeds.proveStopped = () => {
      facts = KNOWN;
      return Promise.reject(new AgentError("STILL_RUNNING", "its emulator lives"));
    };

    expect((await ask(() => facts)).answer.state).toEqual(online(10));
  });

  it("looks for no emulator when the engine knows the guest and nobody stops it", async () => {
    expect((await ask()).answer.state).toEqual(OFFLINE);
    expect(platform.calls).toEqual(["read web1"]);
  });

  it("shows a policy's OFFLINE as told, and as a live guest while it is being stopped", async () => {
    platform.readings.set("web1", aReading({ state: OFFLINE, active: true }));

    expect((await ask()).answer.state).toEqual(OFFLINE);
    expect((await ask({ ...KNOWN, stopping: true })).answer.state).toEqual(online(10));
  });
});

function run(reason: number | undefined) {
  const attributes = attributesOfGuest("web1");
  const context = { resource: "web1_res", attributes, platform, log, startMayBePending: false };
  return clean(context, reason, 54_000, never);
}

describe("clean", () => {
  it.each([
    [0, "offline hung"],
    [1, "offline ineffective"],
    [2, "online hung"],
    [3, "online ineffective"],
    [4, "unexpected offline"],
    [5, "monitor hung"],
    [17, "code 17"],
    [-1, "code -1"],
    [undefined, "not given"],
  ])(
    "ends the guest for reason %s, in words %s, with half of its time for the hypervisor",
    async (reason, words) => {
      expect(await run(reason)).toEqual({ stopped: true });
      expect(platform.calls).toEqual(["destroy web1 27000"]);
      expect(log.entries[0]?.fields).toEqual({ reason: words });
    },
  );

  it("fails when nothing proves that the guest is gone", async () => {
    platform.deeds.destroy = () => Promise.reject(new AgentError("STILL_RUNNING", "it outlived SIGKILL"));

    expect(await errorOf(run(4))).toMatchObject({ code: "STILL_RUNNING" });
    expect(log.messages()).not.toContain("guest is proved gone");
  });
});

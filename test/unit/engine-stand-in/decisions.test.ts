import { describe, expect, it } from "vitest";
import {
  type Act,
  decide,
  type Limits,
  type Memory,
  type Report,
  reportOf,
  UNPROBED,
} from "../../support/engine/decisions.ts";

const LIMITS: Limits = {
  onlineWait: 2,
  offlineWait: 0,
  onlineRetry: 0,
  restart: 0,
  tolerance: 0,
  migrateWait: 2,
  faultOnMonitorTimeouts: 4,
  confIntervalMs: 600_000,
};

const ONLINE: Report = { kind: "ONLINE", confidence: 100 };
const OFFLINE: Report = { kind: "OFFLINE" };
const INTENTIONAL: Report = { kind: "INTENTIONAL OFFLINE" };
const UNKNOWN: Report = { kind: "UNKNOWN" };
const TIMED_OUT: Report = { kind: "TIMED OUT" };

/** Runs reports one after another, a minute apart; clean and online do what is ordered in no time and succeed. */
function run(
  start: Partial<Memory>,
  reports: readonly Report[],
  limits: Partial<Limits> = {},
  minuteMs = 60_000,
) {
  const acts: string[] = [];
  let memory: Memory = { ...UNPROBED, ...start };
  for (const [minute, report] of reports.entries()) {
    const { next, act } = decide(memory, report, { ...LIMITS, ...limits }, minute * minuteMs);
    acts.push(act.kind === "clean" ? `clean ${act.reason}` : act.kind);
    memory = act.kind === "clean" ? { ...next, clean: { reason: act.reason, outcome: "done" } } : next;
  }
  return { acts, state: memory.state, phase: memory.phase, memory };
}

describe("the exit code of monitor", () => {
  it.each([
    [99, { kind: "UNKNOWN" }],
    [100, { kind: "OFFLINE" }],
    [101, { kind: "ONLINE", confidence: 10 }],
    [105, { kind: "ONLINE", confidence: 50 }],
    [110, { kind: "ONLINE", confidence: 100 }],
    [111, { kind: "UNKNOWN" }],
    [0, { kind: "UNKNOWN" }],
    [1, { kind: "UNKNOWN" }],
    [137, { kind: "UNKNOWN" }],
    [200, { kind: "INTENTIONAL OFFLINE" }],
  ])("%i is %j", (exitCode, report) => {
    expect(reportOf(exitCode, true)).toEqual(report);
  });

  it("200 is UNKNOWN when the type does not know intentional offline", () => {
    expect(reportOf(200, false)).toEqual({ kind: "UNKNOWN" });
  });
});

describe("an ONLINE resource", () => {
  const online: Partial<Memory> = { state: "ONLINE" };

  it.each([
    [ONLINE, "none", "ONLINE"],
    [UNKNOWN, "none", "ONLINE"],
    [TIMED_OUT, "none", "ONLINE"],
    [INTENTIONAL, "none", "OFFLINE"],
  ] as const)("reported %j: %s, %s", (report, act, state) => {
    expect(run(online, [report])).toMatchObject({ acts: [act], state, phase: "steady" });
  });

  it("that is reported OFFLINE is cleaned and, once it is OFFLINE after that, FAULTED", () => {
    expect(run(online, [OFFLINE, OFFLINE])).toMatchObject({
      acts: ["clean 4", "fault"],
      state: "FAULTED",
      phase: "steady",
    });
  });

  it("is restarted RestartLimit times before it is FAULTED", () => {
    const reports = [OFFLINE, OFFLINE, ONLINE, OFFLINE, OFFLINE, ONLINE, OFFLINE, OFFLINE];

    expect(run(online, reports, { restart: 2 })).toMatchObject({
      acts: ["clean 4", "restart", "none", "clean 4", "restart", "none", "clean 4", "fault"],
      state: "FAULTED",
    });
  });

  it("has its restarts back after ConfInterval online", () => {
    const reports = [OFFLINE, OFFLINE, ONLINE, ONLINE, ONLINE, OFFLINE, OFFLINE];

    expect(run(online, reports, { restart: 1, confIntervalMs: 120_000 }).acts.at(-1)).toBe("restart");
    expect(run(online, reports, { restart: 1, confIntervalMs: 121_000 }).acts.at(-1)).toBe("fault");
  });

  it("may be OFFLINE ToleranceLimit times", () => {
    expect(run(online, [OFFLINE, ONLINE, OFFLINE, OFFLINE], { tolerance: 2 }).acts).toEqual([
      "tolerated",
      "none",
      "tolerated",
      "clean 4",
    ]);
  });

  it("is cleaned after FaultOnMonitorTimeouts timeouts in a row", () => {
    const reports = [
      TIMED_OUT,
      TIMED_OUT,
      TIMED_OUT,
      UNKNOWN,
      TIMED_OUT,
      TIMED_OUT,
      TIMED_OUT,
      TIMED_OUT,
      OFFLINE,
    ];

    expect(run(online, reports)).toMatchObject({
      acts: ["none", "none", "none", "none", "none", "none", "none", "clean 5", "fault"],
      state: "FAULTED",
    });
  });

  it("is not cleaned for timeouts that lie an hour apart, nor when FaultOnMonitorTimeouts is 0", () => {
    const four = [TIMED_OUT, TIMED_OUT, TIMED_OUT, TIMED_OUT];

    expect(run(online, four, {}, 1_200_000).acts).toEqual(["none", "none", "none", "none"]);
    expect(run(online, four, { faultOnMonitorTimeouts: 0 }).acts).toEqual(["none", "none", "none", "none"]);
  });
});

describe("an OFFLINE resource", () => {
  it.each([OFFLINE, INTENTIONAL, UNKNOWN, TIMED_OUT])("reported %j stays as it is", (report) => {
    expect(run({}, [report])).toMatchObject({ acts: ["none"], state: "OFFLINE" });
  });

  it.each(["OFFLINE", "FAULTED"] as const)("that was %s and is found ONLINE is ONLINE", (state) => {
    expect(run({ state }, [ONLINE])).toMatchObject({ acts: ["external start"], state: "ONLINE" });
  });
});

describe("a resource that goes online", () => {
  const going: Partial<Memory> = { phase: "going online" };

  it("is ONLINE at the first ONLINE report, whatever its confidence", () => {
    expect(run(going, [UNKNOWN, OFFLINE, { kind: "ONLINE", confidence: 10 }])).toMatchObject({
      acts: ["none", "none", "none"],
      state: "ONLINE",
      phase: "steady",
    });
  });

  it("is cleaned when it is OFFLINE after OnlineWaitLimit intervals, then FAULTED", () => {
    expect(run(going, [OFFLINE, OFFLINE, OFFLINE, OFFLINE])).toMatchObject({
      acts: ["none", "none", "clean 3", "fault"],
      state: "FAULTED",
    });
  });

  it("is tried again OnlineRetryLimit times, each after a clean", () => {
    expect(run(going, [OFFLINE, OFFLINE, OFFLINE, OFFLINE], { onlineWait: 0, onlineRetry: 1 }).acts).toEqual([
      "clean 3",
      "retry online",
      "clean 3",
      "fault",
    ]);
  });
});

describe("a resource that goes offline", () => {
  const going: Partial<Memory> = { state: "ONLINE", phase: "going offline" };

  it.each([OFFLINE, INTENTIONAL])("is OFFLINE when %j is reported", (report) => {
    expect(run(going, [UNKNOWN, report])).toMatchObject({
      acts: ["none", "none"],
      state: "OFFLINE",
      phase: "steady",
    });
  });

  it("is cleaned when it is still ONLINE after OfflineWaitLimit intervals", () => {
    expect(run(going, [ONLINE, OFFLINE])).toMatchObject({ acts: ["clean 1", "none"], state: "OFFLINE" });
    expect(run(going, [ONLINE, ONLINE], { offlineWait: 1 }).acts).toEqual(["none", "clean 1"]);
  });
});

function failed(phase: Memory["phase"], reason: 0 | 2 | 4): Memory {
  return { ...UNPROBED, state: "ONLINE", phase, clean: { reason, outcome: "failed" } };
}

describe("a clean that failed", () => {
  it.each([
    ["recovering", 4, OFFLINE],
    ["recovering", 4, UNKNOWN],
    ["going online", 2, OFFLINE],
    ["going online", 2, TIMED_OUT],
    ["going offline", 0, ONLINE],
    ["going offline", 0, UNKNOWN],
  ] as const)("while %s is called again with reason %i after %j", (phase, reason, report) => {
    const { act } = decide(failed(phase, reason), report, LIMITS, 0);

    expect(act).toEqual({ kind: "clean", reason } satisfies Act);
  });

  it("is never followed by a restart or a fault", () => {
    const { act, next } = decide(failed("recovering", 4), OFFLINE, { ...LIMITS, restart: 5 }, 0);

    expect(act.kind).toBe("clean");
    expect(next.state).toBe("ONLINE");
  });

  it("does nothing more when it was given up", () => {
    const memory: Memory = {
      ...UNPROBED,
      state: "ONLINE",
      phase: "recovering",
      clean: { reason: 4, outcome: "given up" },
    };

    expect(decide(memory, OFFLINE, LIMITS, 0)).toEqual({ next: memory, act: { kind: "none" } });
  });
});

describe("a migration", () => {
  it("ends on the source with OFFLINE of either kind", () => {
    const away: Partial<Memory> = { state: "ONLINE", phase: "migrating away" };

    expect(run(away, [ONLINE, INTENTIONAL])).toMatchObject({
      acts: ["none", "none"],
      state: "OFFLINE",
      phase: "steady",
    });
    expect(run(away, [OFFLINE])).toMatchObject({ acts: ["none"], state: "OFFLINE" });
  });

  it("has failed when the source is ONLINE after MigrateWaitLimit intervals", () => {
    expect(run({ state: "ONLINE", phase: "migrating away" }, [ONLINE, ONLINE, ONLINE])).toMatchObject({
      acts: ["none", "none", "migrate failed"],
      state: "ONLINE",
      phase: "steady",
    });
  });

  it("ends on the target with ONLINE, or fails after MigrateWaitLimit intervals", () => {
    const into: Partial<Memory> = { phase: "migrating in" };

    expect(run(into, [OFFLINE, ONLINE])).toMatchObject({
      acts: ["none", "none"],
      state: "ONLINE",
      phase: "steady",
    });
    expect(run(into, [OFFLINE, UNKNOWN, OFFLINE])).toMatchObject({
      acts: ["none", "none", "migrate failed"],
      state: "OFFLINE",
    });
  });
});

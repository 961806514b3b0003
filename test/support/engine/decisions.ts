/** What a monitor said, or that it said nothing in its time. */
export type Report =
  | { readonly kind: "ONLINE"; readonly confidence: number }
  | { readonly kind: "OFFLINE" | "INTENTIONAL OFFLINE" | "UNKNOWN" | "TIMED OUT" };

/** Why clean is called. Source: Agent Developer's Guide 5.0, clean. */
export const CLEAN_REASON = {
  offlineHung: 0,
  offlineIneffective: 1,
  onlineHung: 2,
  onlineIneffective: 3,
  unexpectedOffline: 4,
  monitorHung: 5,
} as const satisfies Record<string, number>;

export type CleanReason = (typeof CLEAN_REASON)[keyof typeof CLEAN_REASON];

/** What is under way for a resource. `recovering`: it was ONLINE, failed, and has to be cleaned first. */
export type Phase =
  | "steady"
  | "going online"
  | "going offline"
  | "recovering"
  | "migrating away"
  | "migrating in";

/** What the framework remembers of a resource from one report to the next. */
export interface Memory {
  readonly state: "ONLINE" | "OFFLINE" | "FAULTED";
  readonly phase: Phase;
  /** Reports in this phase that did not end it. */
  readonly waits: number;
  readonly clean:
    | undefined
    | { readonly reason: CleanReason; readonly outcome: "failed" | "done" | "given up" };
  readonly retries: number;
  readonly restarts: number;
  readonly tolerated: number;
  /** Monitors of an ONLINE resource that timed out one after another. */
  readonly timeouts: number;
  readonly firstTimeoutAt: number;
  /** Since when it is ONLINE without an OFFLINE report, ms. */
  readonly onlineSince: number;
}

/** The type's limits; times in milliseconds. Source: Administrator's Guide, resource type attributes. */
export interface Limits {
  readonly onlineWait: number;
  readonly offlineWait: number;
  readonly onlineRetry: number;
  readonly restart: number;
  readonly tolerance: number;
  readonly migrateWait: number;
  readonly faultOnMonitorTimeouts: number;
  readonly confIntervalMs: number;
}

/** What is to be done after a report. */
export type Act =
  | {
      readonly kind:
        | "none"
        | "tolerated"
        | "external start"
        | "migrate failed"
        | "restart"
        | "retry online"
        | "fault";
    }
  | { readonly kind: "clean"; readonly reason: CleanReason };

export interface Decision {
  readonly next: Memory;
  readonly act: Act;
}

/** A resource before its first report. */
export const UNPROBED: Memory = {
  state: "OFFLINE",
  phase: "steady",
  waits: 0,
  clean: undefined,
  retries: 0,
  restarts: 0,
  tolerated: 0,
  timeouts: 0,
  firstTimeoutAt: 0,
  onlineSince: 0,
};

/** After this long timeouts are counted anew. Source: Administrator's Guide 7.0, FaultOnMonitorTimeouts. */
const TIMEOUT_COUNT_LASTS_MS = 3_600_000;

/**
 * The report in an exit code of monitor; a code that is not listed is UNKNOWN.
 *
 * Source: Agent Developer's Guide 7.3, return values of entry points.
 */
export function reportOf(exitCode: number, honoursIntentionalOffline: boolean): Report {
  if (exitCode === 100) return { kind: "OFFLINE" };
  if (exitCode > 100 && exitCode <= 110) return { kind: "ONLINE", confidence: 10 * (exitCode - 100) };
  if (exitCode === 200 && honoursIntentionalOffline) return { kind: "INTENTIONAL OFFLINE" };
  return { kind: "UNKNOWN" };
}

/**
 * Decides what follows from a report. README.md has what is inferred.
 *
 * Source: Agent Developer's Guide 5.0 and 7.3, clean, return values, MigrateWaitLimit; Administrator's Guide 7.0,
 * RestartLimit and ToleranceLimit, FaultOnMonitorTimeouts, intentional offline.
 */
export function decide(memory: Memory, report: Report, limits: Limits, now: number): Decision {
  switch (memory.phase) {
    case "steady":
      return memory.state === "ONLINE"
        ? whileOnline(memory, report, limits, now)
        : whileOffline(memory, report, now);
    case "going online":
      return whileGoingOnline(memory, report, limits, now);
    case "going offline":
      return whileGoingOffline(memory, report, limits);
    case "recovering":
      return whileRecovering(memory, report, limits, now);
    case "migrating away":
      return whileMigratingAway(memory, report, limits);
    case "migrating in":
      return whileMigratingIn(memory, report, limits, now);
  }
}

function whileOnline(memory: Memory, report: Report, limits: Limits, now: number): Decision {
  switch (report.kind) {
    case "ONLINE": {
      const isSettled = now - memory.onlineSince >= limits.confIntervalMs;
      const counters = isSettled ? { restarts: 0, tolerated: 0 } : {};
      return none({ ...memory, ...counters, timeouts: 0 });
    }
    case "OFFLINE": {
      const tolerated = memory.tolerated + 1;
      const next = { ...memory, tolerated, timeouts: 0, onlineSince: now };
      if (tolerated <= limits.tolerance) return { next, act: { kind: "tolerated" } };
      return clean({ ...next, phase: "recovering" }, CLEAN_REASON.unexpectedOffline);
    }
    case "INTENTIONAL OFFLINE":
      return none(settled(memory, "OFFLINE"));
    case "UNKNOWN":
      return none({ ...memory, timeouts: 0 });
    case "TIMED OUT":
      return afterTimeout(memory, limits, now);
  }
}

function afterTimeout(memory: Memory, limits: Limits, now: number): Decision {
  const isNew = memory.timeouts === 0 || now - memory.firstTimeoutAt >= TIMEOUT_COUNT_LASTS_MS;
  const timeouts = isNew ? 1 : memory.timeouts + 1;
  const next = { ...memory, timeouts, firstTimeoutAt: isNew ? now : memory.firstTimeoutAt };
  if (limits.faultOnMonitorTimeouts === 0 || timeouts < limits.faultOnMonitorTimeouts) return none(next);
  return clean({ ...next, phase: "recovering", timeouts: 0 }, CLEAN_REASON.monitorHung);
}

function whileOffline(memory: Memory, report: Report, now: number): Decision {
  if (report.kind !== "ONLINE") return none(memory);
  return { next: settledOnline(memory, now, "afresh"), act: { kind: "external start" } };
}

function whileGoingOnline(memory: Memory, report: Report, limits: Limits, now: number): Decision {
  if (report.kind === "ONLINE") return none(settledOnline(memory, now));
  if (memory.clean?.outcome === "failed") return clean(memory, memory.clean.reason);
  if (memory.clean?.outcome === "given up" || !isOffline(report)) return none(memory);
  if (memory.clean?.outcome === "done") {
    if (memory.retries >= limits.onlineRetry) return fault(memory);
    const next = { ...memory, retries: memory.retries + 1, waits: 0, clean: undefined };
    return { next, act: { kind: "retry online" } };
  }
  return waitOrClean(memory, limits.onlineWait, CLEAN_REASON.onlineIneffective);
}

function whileGoingOffline(memory: Memory, report: Report, limits: Limits): Decision {
  if (isOffline(report)) return none(settled(memory, "OFFLINE"));
  if (memory.clean?.outcome === "failed") return clean(memory, memory.clean.reason);
  if (memory.clean?.outcome === "given up" || report.kind !== "ONLINE") return none(memory);
  return waitOrClean(memory, limits.offlineWait, CLEAN_REASON.offlineIneffective);
}

function whileRecovering(memory: Memory, report: Report, limits: Limits, now: number): Decision {
  if (report.kind === "ONLINE") return none(settledOnline(memory, now));
  if (memory.clean?.outcome === "failed") return clean(memory, memory.clean.reason);
  if (memory.clean?.outcome !== "done" || !isOffline(report)) return none(memory);
  if (memory.restarts >= limits.restart) return fault(memory);
  const next: Memory = {
    ...memory,
    state: "OFFLINE",
    phase: "going online",
    restarts: memory.restarts + 1,
    waits: 0,
    retries: 0,
    clean: undefined,
  };
  return { next, act: { kind: "restart" } };
}

function whileMigratingAway(memory: Memory, report: Report, limits: Limits): Decision {
  if (isOffline(report)) return none(settled(memory, "OFFLINE"));
  const waits = memory.waits + 1;
  if (waits <= limits.migrateWait) return none({ ...memory, waits });
  return { next: settled(memory, "ONLINE"), act: { kind: "migrate failed" } };
}

function whileMigratingIn(memory: Memory, report: Report, limits: Limits, now: number): Decision {
  if (report.kind === "ONLINE") return none(settledOnline(memory, now, "afresh"));
  const waits = memory.waits + 1;
  if (waits <= limits.migrateWait) return none({ ...memory, waits });
  return { next: settled(memory, memory.state), act: { kind: "migrate failed" } };
}

function waitOrClean(memory: Memory, limit: number, reason: CleanReason): Decision {
  const next = { ...memory, waits: memory.waits + 1 };
  return next.waits <= limit ? none(next) : clean(next, reason);
}

function isOffline(report: Report): boolean {
  return report.kind === "OFFLINE" || report.kind === "INTENTIONAL OFFLINE";
}

function none(next: Memory): Decision {
  return { next, act: { kind: "none" } };
}

function clean(next: Memory, reason: CleanReason): Decision {
  return { next, act: { kind: "clean", reason } };
}

function fault(memory: Memory): Decision {
  return { next: settled(memory, "FAULTED"), act: { kind: "fault" } };
}

/** Nothing is under way any more. */
function settled(memory: Memory, state: Memory["state"]): Memory {
  return { ...memory, state, phase: "steady", waits: 0, clean: undefined, retries: 0, timeouts: 0 };
}

function settledOnline(memory: Memory, now: number, history: "kept" | "afresh" = "kept"): Memory {
  const counters = history === "afresh" ? { restarts: 0 } : {};
  return { ...settled(memory, "ONLINE"), ...counters, tolerated: 0, onlineSince: now };
}

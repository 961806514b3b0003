import type { SimulatedClock } from "./clock.ts";

/** What an event tells of, by ids. */
export interface EventSubjects {
  readonly vm?: string | undefined;
  readonly host?: string | undefined;
  readonly cluster?: string | undefined;
  readonly dataCenter?: string | undefined;
}

/** One row of the engine's audit log. */
export interface EngineEvent {
  readonly id: number;
  readonly code: number;
  readonly severity: "normal" | "warning" | "error" | "alert";
  readonly description: string;
  readonly time: Date;
  readonly correlationId: string | undefined;
  readonly subjects: EventSubjects;
}

/** Numbers and severities of the events that are simulated. Source: AuditLogType and its severities, ovirt-engine. */
const EVENTS = {
  hostNonResponsive: { code: 12, severity: "error" },
  hostDetected: { code: 13, severity: "normal" },
  hostMaintenance: { code: 15, severity: "normal" },
  hostActivated: { code: 16, severity: "normal" },
  userLogin: { code: 30, severity: "normal" },
  userLogout: { code: 31, severity: "normal" },
  vmStarted: { code: 32, severity: "normal" },
  vmStopped: { code: 33, severity: "normal" },
  vmChanged: { code: 35, severity: "normal" },
  vmResumed: { code: 40, severity: "normal" },
  vmDown: { code: 61, severity: "normal" },
  migrationStart: { code: 62, severity: "normal" },
  migrationDone: { code: 63, severity: "normal" },
  migrationFailed: { code: 65, severity: "error" },
  migrationBySystem: { code: 67, severity: "normal" },
  shutdownInitiated: { code: 73, severity: "normal" },
  vmDownError: { code: 119, severity: "error" },
  migrationToServerFailed: { code: 120, severity: "error" },
  vmNotResponding: { code: 126, severity: "warning" },
  migrationRerun: { code: 128, severity: "warning" },
  vmUnknown: { code: 142, severity: "warning" },
  vmDownByFence: { code: 143, severity: "warning" },
  vmPausedError: { code: 145, severity: "error" },
  shutdownRefused: { code: 147, severity: "warning" },
  vmStartRequested: { code: 153, severity: "normal" },
  vmReboot: { code: 157, severity: "normal" },
  spmForced: { code: 159, severity: "normal" },
  migrationCancelled: { code: 161, severity: "normal" },
  vmRestored: { code: 163, severity: "normal" },
  manualFence: { code: 494, severity: "normal" },
  manualFenceFailed: { code: 495, severity: "error" },
  suspendStarted: { code: 501, severity: "normal" },
  suspendDone: { code: 503, severity: "normal" },
  haFailed: { code: 9602, severity: "error" },
} as const satisfies Record<string, Pick<EngineEvent, "code" | "severity">>;

/** Names of the events that are simulated. */
export type EventName = keyof typeof EVENTS;

/** The engine's audit log: ids rise, with gaps. */
export class EventLog {
  readonly #clock: SimulatedClock;
  readonly #events: EngineEvent[] = [];
  #lastId = 1000;
  #correlationId: string | undefined;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  /** Id that the events written now are told by. */
  get correlationId(): string | undefined {
    return this.#correlationId;
  }

  /** Does something whose events are told by an id. */
  during<T>(correlationId: string | undefined, work: () => T): T {
    const before = this.#correlationId;
    this.#correlationId = correlationId;
    try {
      return work();
    } finally {
      this.#correlationId = before;
    }
  }

  /** Oldest first. */
  get all(): readonly EngineEvent[] {
    return this.#events;
  }

  /** Writes an event of a kind that the engine has. */
  add(name: EventName, description: string, subjects: EventSubjects = {}): void {
    this.write({ ...EVENTS[name], description, subjects });
  }

  /** Writes any event. */
  write(event: Pick<EngineEvent, "code" | "severity" | "description" | "subjects">): void {
    this.#lastId += event.code % 3 === 0 ? 2 : 1; // other transactions take numbers too
    const correlationId = this.#correlationId;
    this.#events.push({ ...event, id: this.#lastId, time: this.#clock.date, correlationId });
  }
}

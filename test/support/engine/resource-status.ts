import type { ClusterStates } from "./cluster-states.ts";
import { type Memory, type Report, UNPROBED } from "./decisions.ts";
import type { EngineLog } from "./engine-log.ts";
import type { ResourceSettings } from "./resource-settings.ts";

/** Where a change of state is told. */
export interface StatusContext {
  readonly system: string;
  readonly settings: ResourceSettings;
  readonly log: EngineLog;
  readonly states: ClusterStates;
}

/** What is known of one resource on one system; a change of its state is logged and told to the cluster. */
export class ResourceStatus {
  readonly #context: StatusContext;
  readonly #onViolation: () => void;
  #memory: Memory = UNPROBED;
  #report: Report = { kind: "UNKNOWN" };
  #isInAdminWait = false;

  /** @param onViolation called when the resource came up here while it is ONLINE on another system */
  constructor(context: StatusContext, onViolation: () => void) {
    this.#context = context;
    this.#onViolation = onViolation;
    context.states.set(context.system, context.settings.name, this.text);
  }

  get memory(): Memory {
    return this.#memory;
  }

  get isInAdminWait(): boolean {
    return this.#isInAdminWait;
  }

  /** As `hares -state` prints it: ONLINE, OFFLINE or FAULTED, with `|STATE UNKNOWN` when the last report was none. */
  get text(): string {
    const isUnknown = this.#report.kind === "UNKNOWN" || this.#report.kind === "TIMED OUT";
    const flags = [isUnknown ? "|STATE UNKNOWN" : "", this.#isInAdminWait ? "|ADMIN_WAIT" : ""];
    return `${this.#memory.state}${flags.join("")}`;
  }

  /** The confidence of the last report, 10 to 100; 0 when it was not ONLINE. */
  get confidence(): number {
    return this.#report.kind === "ONLINE" ? this.#report.confidence : 0;
  }

  /** Takes over what changed, and tells when another state is to be seen. */
  change(changed: {
    readonly memory?: Memory;
    readonly report?: Report;
    readonly isInAdminWait?: boolean;
  }): void {
    const from = this.text;
    const wasOnline = this.#memory.state === "ONLINE";
    this.#memory = changed.memory ?? this.#memory;
    this.#report = changed.report ?? this.#report;
    this.#isInAdminWait = changed.isInAdminWait ?? this.#isInAdminWait;
    if (from === this.text) return;
    const { log, states, system, settings } = this.#context;
    states.set(system, settings.name, this.text);
    const confidence = this.confidence === 0 ? {} : { confidence: this.confidence };
    log.add("state", settings.name, { from, to: this.text, ...confidence });
    if (!wasOnline && this.#memory.state === "ONLINE" && settings.isFailover) this.#lookForViolation();
  }

  #lookForViolation(): void {
    const { log, states, system, settings } = this.#context;
    const others = states.onlineElsewhere(system, settings.name);
    if (others.length === 0) return;
    log.add("concurrency violation", settings.name, { text: `ONLINE on ${others.join(", ")} too` });
    this.#onViolation();
  }
}

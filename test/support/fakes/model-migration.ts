import { AgentError, hasCode } from "../../../src/agent-error.ts";
import { pause, throwIfAborted } from "../../../src/deadline.ts";
import type { MigrationEnd, MigrationPlan } from "../../../src/migration.ts";
import type { Reading } from "../../../src/platform.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online } from "../../../src/resource-state.ts";
import { aReading, RUNNING } from "./fake-platform.ts";

const NEVER = new AbortController().signal;

/** How the migrations of a modelled guest go. */
export interface MigrationCourse {
  readonly transferMs: number;
  /** Between two of: it stands still here, it runs there, it is off here. */
  readonly handOverMs: number;
  /** Where the first, second, ... fails; beyond the list none does. */
  readonly failures: readonly ("nowhere" | "transfer" | "hand-over")[];
  /** Whether the other host takes over when the guest's emulator ends here at the hand-over. */
  readonly takesOver: boolean;
}

/** The modelled guest on this host. */
export interface ModelledGuest {
  readonly isAlive: () => boolean;
  /** A start is under way, which keeps the guest from arriving. */
  readonly isStarting: () => boolean;
  arrive(): void;
  leave(): void;
  /** The hypervisor tells that something happened. */
  tell(): void;
}

/** The other host, and the guest's way there and back. It knows the truth. */
export class ModelMigration {
  livesThere = false;
  /** Whether it has lived there since it lived here last. */
  hasLivedThere = false;
  /** The other host answers nobody. */
  isPeerAway = false;
  /** What libvirt remembers of the guest that is off here. */
  last: "away" | "unclear" | undefined;
  /** When it came here last; undefined once it was started here. */
  arrivedAtMs: number | undefined;
  readonly #course: MigrationCourse;
  readonly #guest: ModelledGuest;
  #stage: "none" | "transfer" | "handed over" | "receives" = "none";
  #migrations = 0;
  /** Of the migration that was asked for with a plan. */
  #abort: AbortController | undefined;

  constructor(course: MigrationCourse, guest: ModelledGuest) {
    this.#course = course;
    this.#guest = guest;
  }

  /** It stands still here: in a moment it runs there. */
  get leaves(): boolean {
    return this.#stage === "handed over";
  }

  get receives(): boolean {
    return this.#stage === "receives";
  }

  /**
   * What libvirt says of it where that has to do with a migration.
   *
   * @param isWell nothing else is wrong with it
   */
  reading(isWell: boolean): Reading | undefined {
    if (this.receives) return aReading({ state: OFFLINE, active: true, migrating: true, incoming: true });
    if (!this.#guest.isAlive()) {
      if (this.last === "away") return aReading({ state: INTENTIONAL_OFFLINE, moved: "away" });
      return this.last === "unclear" ? aReading({ moved: "unclear" }) : undefined;
    }
    if (this.#stage === "handed over") return aReading({ state: online(100), active: true, migrating: true });
    return this.arrivedAtMs === undefined || !isWell ? undefined : { ...RUNNING, moved: "here" };
  }

  /** It was started here. */
  started(): void {
    this.last = undefined;
    this.arrivedAtMs = undefined;
    this.hasLivedThere = false;
  }

  /** Its emulator has ended here. */
  ended(): void {
    this.last = this.#stage === "handed over" ? "unclear" : undefined;
    if (this.#stage === "handed over") this.livesThere ||= this.#course.takesOver;
    this.hasLivedThere = this.livesThere;
    this.#stage = "none";
  }

  /** What receives here is ended: the guest stays where it is. */
  endReceiving(): void {
    if (this.receives) this.#stage = "none";
  }

  /** See Platform.migrate. */
  async migrate(plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd> {
    this.#refuse();
    await plan.onMoving("");
    throwIfAborted(signal);
    this.#refuse();
    const abort = new AbortController();
    this.#abort = abort;
    const timer = setTimeout(() => abort.abort(), plan.abortAfterMs);
    const given = new AbortController();
    const follow = () => (hasCode(signal.reason, "CANCELLED") ? abort : given).abort();
    signal.addEventListener("abort", follow, { once: true });
    const sent = this.send(abort.signal).finally(() => {
      if (this.#abort === abort) this.#abort = undefined;
    });
    await Promise.race([sent, pause(3_600_000, given.signal)]);
    clearTimeout(timer);
    signal.removeEventListener("abort", follow);
    if (given.signal.aborted) throwIfAborted(signal);
    return this.whereIs() ?? { kind: "doubtful", why: "it goes on" };
  }

  /** See Platform.abortOverdue. */
  abort(): boolean {
    this.#abort?.abort();
    return this.#abort !== undefined;
  }

  /** What both ends say; undefined while it migrates. */
  whereIs(): MigrationEnd | undefined {
    if (this.#stage !== "none") return undefined;
    if (this.#guest.isAlive()) return { kind: "stayed", why: "it runs here" };
    if (this.isPeerAway && this.last === "away") return { kind: "moved", why: "libvirt says so" };
    if (this.isPeerAway) return { kind: "doubtful", why: "the other host is silent" };
    if (this.livesThere) return { kind: "moved", why: "it runs there", peer: "node2" };
    return { kind: "lost", why: "on neither host" };
  }

  /** The guest goes to the other host, whoever asked for it. */
  async send(aborted: AbortSignal): Promise<void> {
    if (this.#stage !== "none" || !this.#guest.isAlive() || this.livesThere || this.isPeerAway) return;
    const failure = this.#course.failures[this.#migrations];
    this.#migrations += 1;
    const { transferMs, handOverMs } = this.#course;
    if (!(await this.#during("transfer", transferMs, aborted))) return;
    if (aborted.aborted || failure === "transfer") {
      this.#stage = "none";
      return;
    }
    if (!(await this.#during("handed over", handOverMs, NEVER))) return;
    if (failure === "hand-over") {
      this.#stage = "none";
      this.#guest.tell();
      return;
    }
    this.livesThere = true;
    this.hasLivedThere = true;
    if (!(await this.#during("handed over", handOverMs, NEVER))) return;
    this.#stage = "none";
    this.last = "away";
    this.#guest.leave();
  }

  /** The guest comes from the other host. */
  async fetch(): Promise<void> {
    if (!this.#canCome()) return;
    const failure = this.#course.failures[this.#migrations];
    this.#migrations += 1;
    if (!(await this.#during("receives", this.#course.transferMs, NEVER))) return;
    this.#stage = "none";
    if (this.livesThere && failure === undefined) {
      this.livesThere = false;
      this.hasLivedThere = false;
      this.last = undefined;
      this.arrivedAtMs = performance.now();
      this.#guest.arrive();
    } else this.#guest.tell();
  }

  /** One stage in its time; false when an end of the guest has cut it short. */
  async #during(
    stage: "transfer" | "handed over" | "receives",
    ms: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (this.#stage !== stage) {
      this.#stage = stage;
      this.#guest.tell();
    }
    await pause(ms, signal);
    return this.#stage === stage;
  }

  #canCome(): boolean {
    const { isAlive, isStarting } = this.#guest;
    return this.#stage === "none" && this.livesThere && !isAlive() && !isStarting() && !this.isPeerAway;
  }

  #refuse(): void {
    const isReady = this.#stage === "none" && this.#guest.isAlive() && !this.livesThere && !this.isPeerAway;
    if (!isReady) throw new AgentError("REFUSED", "the guest cannot be migrated now");
  }
}

import type { Attributes } from "../src/attributes.ts";
import { type Beats, SLACK_MS } from "../src/beat.ts";
import { pause } from "../src/deadline.ts";
import { type Heartbeat, type HeartbeatEvent, nextHeartbeat, UNARMED } from "../src/heartbeat.ts";
import type { Log } from "../src/log.ts";
import type { AgentAnswer, Platform } from "../src/platform.ts";
import { aboutHeartbeat, checkName, type NameCheck, tellHeartbeat } from "./heartbeat-log.ts";
import type { ResourceBook, ResourceRecord } from "./resource-book.ts";

/** Questions under way at the same time: a silent agent occupies one for seconds. */
const AT_ONCE = 4;

/** Resources come and go, and settings change: the list is looked through at least this often. */
const LOOK_MS = 1000;

/** A guest whose heartbeat is useless is asked this many times more seldom. */
const USELESS_FACTOR = 3;

/** The golden section: first questions that are this part of the interval apart never bunch, however many there are. */
const SPREAD = 0.618_034;

/** The part of the configuration that heartbeats need. */
export interface HeartbeatSettings {
  readonly intervalMs: number;
  /** whole seconds */
  readonly timeoutS: number;
  readonly misses: number;
  readonly lossMs: number;
}

export interface HeartbeatParts {
  readonly platform: Pick<Platform, "askAgent" | "events">;
  readonly book: ResourceBook;
  /** Has the guest looked at, and the engine asked where it was told something else. */
  readonly look: (guest: string) => void;
  /** Read at each use. */
  readonly settings: () => HeartbeatSettings;
  readonly log: Log;
}

/** What is remembered of one resource from question to question. */
interface Watch {
  nextAtMs: number;
  isAsked: boolean;
  /** The resource's epoch at the last question: what happened since may explain a silence. */
  epoch: number;
  /** The heartbeat that the log tells of. */
  told: Heartbeat;
  /** undefined without CESystem. */
  name: NameCheck | undefined;
}

/** Asks the agents inside the guests of all resources with CEInfo.Enabled, again and again. */
export class Heartbeats {
  readonly #parts: HeartbeatParts;
  readonly #watches = new WeakMap<ResourceRecord, Watch>();
  #count = 0;
  #asking = 0;
  #cycle = new AbortController();

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** Asks until the signal aborts. */
  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    const { events } = this.#parts.platform;
    const beat = beats("heartbeats");
    const onStarted = (guest: string) => {
      for (const record of this.#parts.book.ofGuest(guest)) this.#take(record, { kind: "over" });
    };
    const stop = () => this.#cycle.abort();
    events.on("started", onStarted);
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      this.#cycle = new AbortController();
      const cycle = this.#cycle.signal;
      beat.within(LOOK_MS + SLACK_MS);
      await pause(this.#askDue(signal), cycle);
    }
    beat.end();
    events.off("started", onStarted);
  }

  /**
   * The most overdue first, so that many silent guests do not keep any one from being asked.
   *
   * @returns milliseconds until the next question is due
   */
  #askDue(signal: AbortSignal): number {
    const now = performance.now();
    let nextMs = LOOK_MS;
    const due: { readonly record: ResourceRecord; readonly watch: Watch }[] = [];
    for (const record of this.#parts.book.all()) {
      if (!isWanted(record)) {
        record.heartbeat = UNARMED;
        continue;
      }
      const watch = this.#watchOf(record, now);
      this.#tell(record, watch, "over"); // an operation may have ended what it belonged to
      if (watch.isAsked) continue;
      if (watch.nextAtMs <= now) due.push({ record, watch });
      else nextMs = Math.min(nextMs, Math.ceil(watch.nextAtMs - now));
    }
    due.sort((one, other) => one.watch.nextAtMs - other.watch.nextAtMs);
    for (const { record, watch } of due) {
      if (this.#asking >= AT_ONCE) return LOOK_MS; // the end of one is heard
      void this.#ask(record, watch, signal);
    }
    return nextMs;
  }

  /** What an earlier process declared lost is asked at once: until then its word stands. */
  #watchOf(record: ResourceRecord, now: number): Watch {
    const known = this.#watches.get(record);
    if (known !== undefined) return known;
    this.#count += 1;
    const share = record.heartbeat.phase === "lost" ? 0 : (this.#count * SPREAD) % 1;
    const nextAtMs = now + share * this.#parts.settings().intervalMs;
    const { epoch, heartbeat } = record;
    const watch: Watch = { nextAtMs, isAsked: false, epoch, told: heartbeat, name: undefined };
    this.#watches.set(record, watch);
    return watch;
  }

  async #ask(record: ResourceRecord, watch: Watch, signal: AbortSignal): Promise<void> {
    const { intervalMs } = this.#parts.settings();
    const isUseless = record.heartbeat.phase === "unarmed" && record.heartbeat.isUseless;
    watch.nextAtMs = performance.now() + intervalMs * (isUseless ? USELESS_FACTOR : 1);
    const excuse = excuseOf(record, watch);
    watch.epoch = record.epoch;
    if (excuse !== undefined) this.#take(record, { kind: excuse });
    if (isBusy(record) || excuse === "over") return;
    watch.isAsked = true;
    this.#asking += 1;
    try {
      await this.#askNow(record, watch, signal);
    } catch (error) {
      const fields = { ...aboutHeartbeat(record), err: error };
      if (!signal.aborted) this.#parts.log.error(fields, "heartbeat failed in a way nobody foresaw");
    } finally {
      watch.isAsked = false;
      this.#asking -= 1;
      this.#cycle.abort(); // another one may be waiting for its turn
    }
  }

  async #askNow(record: ResourceRecord, watch: Watch, signal: AbortSignal): Promise<void> {
    const { guestName, ceInfo } = record.registration.attributes;
    const { timeoutS, misses } = this.#parts.settings();
    const name = nameOf(watch, ceInfo);
    const wantsHostName = name?.isRight === false;
    const answer = await this.#parts.platform.askAgent(guestName, { timeoutS, wantsHostName }, signal);
    // what happened meanwhile may explain the answer, so it says nothing
    if (record.epoch !== watch.epoch || isBusy(record) || !isWanted(record)) return;
    const event = eventOf(answer);
    if (event !== undefined) this.#take(record, event);
    if (answer.kind === "answered" && !answer.frozen && name !== undefined && wantsHostName) {
      checkName(this.#parts.log, record, name, answer.hostName, misses);
    }
    watch.epoch = record.epoch; // a loss has the guest looked at, which is no event of the guest's
  }

  #take(record: ResourceRecord, event: HeartbeatEvent): void {
    const { misses, lossMs } = this.#parts.settings();
    const before = record.heartbeat;
    record.heartbeat = nextHeartbeat(before, event, performance.now(), { misses, lossMs });
    const watch = this.#watches.get(record);
    if (watch !== undefined) this.#tell(record, watch, event.kind);
    const isLost = record.heartbeat.phase === "lost";
    if (isLost !== (before.phase === "lost")) this.#parts.look(record.registration.attributes.guestName);
  }

  #tell(record: ResourceRecord, watch: Watch, because: HeartbeatEvent["kind"]): void {
    const before = watch.told;
    watch.told = record.heartbeat;
    tellHeartbeat(this.#parts.log, record, before, because);
    // after a new start it may be another guest
    const isNew = before.phase !== "armed" && record.heartbeat.phase === "armed";
    if (isNew && watch.name !== undefined) watch.name.isRight = false;
  }
}

function isWanted({ registration }: ResourceRecord): boolean {
  return registration.watched && registration.attributes.ceInfo.enabled;
}

/** Nobody asks a guest that an operation works on or that is being stopped. */
function isBusy({ operation, registration }: ResourceRecord): boolean {
  return operation !== undefined || registration.stopping;
}

/** What happened to a guest since its last question that the heartbeat has to know. */
function excuseOf(record: ResourceRecord, watch: Watch): "disturbed" | "over" | undefined {
  const reading = record.lastReading?.reading;
  if (reading?.active === false) return "over";
  const isDisturbed = isBusy(record) || record.epoch !== watch.epoch || reading?.migrating === true;
  return isDisturbed ? "disturbed" : undefined;
}

/** undefined: it says nothing of the guest. */
function eventOf(answer: AgentAnswer): HeartbeatEvent | undefined {
  switch (answer.kind) {
    case "answered":
    case "silent":
    case "no channel":
      return answer;
    case "held up":
      return { kind: "disturbed" };
    case "off":
      return { kind: "over" };
    case "unreadable":
    case "not available":
      return undefined;
  }
}

/** The check of the guest's name; begins anew when CESystem changes. */
function nameOf(watch: Watch, { ceSystem }: Attributes["ceInfo"]): NameCheck | undefined {
  if (watch.name?.expected === ceSystem) return watch.name;
  watch.name =
    ceSystem === undefined ? undefined : { expected: ceSystem, isRight: false, wrong: 0, isTold: false };
  return watch.name;
}

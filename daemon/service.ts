import { pause } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import type { Platform } from "../src/platform.ts";
import { LoopWatch } from "./loop-watch.ts";
import type { SourceStates } from "./source-states.ts";
import type { Systemd } from "./systemd.ts";

/** Loops are looked at this often, or oftener when systemd is less patient. */
const LOOK_MS = 10_000;

/** Of systemd's patience: two messages may be lost or late. */
const PINGS = 3;

/** What a stop takes beyond its own limit before systemd kills the rest. */
const STOP_SLACK_MS = 20_000;

/**
 * The daemon as a service of systemd: tells it when it serves, reloads and stops, in words what it is connected to, and that
 * it is alive, as long as every loop is. Without systemd it looks after the loops all the same, and only the log tells.
 */
export class Service {
  readonly #systemd: Systemd;
  readonly #log: Log;
  readonly #watch = new LoopWatch();
  /** Loops that the log has told of. */
  readonly #late = new Set<string>();
  #status: () => string = () => "";
  #told = "";
  #isReady = false;

  constructor(systemd: Systemd, log: Log) {
    this.#systemd = systemd;
    this.#log = log;
  }

  /** For the loops that keep the service alive. */
  get beats() {
    return this.#watch.beats;
  }

  /**
   * The socket is served. Whether libvirt and RHEV-M are connected, the status tells from now on.
   *
   * @param sources the states of the platform's sources, which follow its events before this does
   */
  serves(platform: Pick<Platform, "events">, sources: SourceStates, countOfResources: () => number): void {
    this.#status = () => statusText(sources, countOfResources());
    for (const event of ["connected", "lost", "dropped"] as const) {
      platform.events.on(event, () => this.#tellStatus());
    }
    this.#isReady = true;
    this.#tellStatus("READY=1");
  }

  /** Runs the work of a reload, which systemd shows as such. */
  reload(work: () => void): void {
    if (this.#isReady) this.#systemd.tell("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    work();
    if (this.#isReady) this.#systemd.tell("READY=1");
  }

  /** @param limitMs what the stop may take by itself */
  stops(limitMs: number): void {
    this.#isReady = false;
    this.#systemd.tell(
      "STOPPING=1",
      "STATUS=stopping, guests are left as they are",
      `EXTEND_TIMEOUT_USEC=${(limitMs + STOP_SLACK_MS) * 1000}`,
    );
  }

  /** Looks at the loops, and tells systemd that they go on, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { watchdogMs = LOOK_MS * PINGS } = this.#systemd;
    const periodMs = Math.min(LOOK_MS, watchdogMs / PINGS);
    let lookedAt = performance.now();
    while (!signal.aborted) {
      const sinceMs = performance.now() - lookedAt;
      lookedAt += sinceMs;
      // after a stop of the whole process nobody has come back yet
      const isAlive = sinceMs > periodMs * 2 || this.#loopsGoOn();
      this.#tellStatus(...(isAlive ? ["WATCHDOG=1"] : []));
      await pause(periodMs, signal);
    }
  }

  #loopsGoOn(): boolean {
    const late = this.#watch.late();
    for (const loop of this.#late) {
      if (late.some((one) => one.loop === loop)) continue;
      this.#late.delete(loop);
      this.#log.info({ loop }, "loop goes on again");
    }
    for (const { loop, limitMs, sinceMs } of late) {
      if (this.#late.has(loop)) continue;
      this.#late.add(loop);
      const fields = { loop, limitMs, ms: sinceMs };
      this.#log.error(fields, "loop stands still, systemd is not told any more that the daemon lives");
    }
    return late.length === 0;
  }

  /** A status that is the same is not told again. */
  #tellStatus(...lines: readonly string[]): void {
    const status = this.#status();
    const news = status === this.#told ? [] : [`STATUS=${status}`];
    this.#told = status;
    if (lines.length + news.length > 0) this.#systemd.tell(...lines, ...news);
  }
}

function statusText(sources: SourceStates, count: number): string {
  const states = [...sources].map(([source, state]) => `${source} ${state}`);
  return [`${count} ${count === 1 ? "resource" : "resources"}`, ...states].join("; ");
}

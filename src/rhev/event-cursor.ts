import { hasCode } from "../agent-error.ts";
import type { Log } from "../log.ts";
import type { RhevEvent } from "./event-document.ts";

/** What the cursor asks of an engine. */
export interface EventSource {
  eventsAfter(id: number, signal: AbortSignal): Promise<readonly RhevEvent[]>;
  newestEvent(signal: AbortSignal): Promise<number>;
}

/** How far an engine's events have been read. They are hints: an engine that refuses them is followed without. */
export class EventCursor {
  readonly #source: EventSource;
  readonly #log: Log;
  #last: number | undefined;
  #isRefused = false;

  constructor(source: EventSource, log: Log) {
    this.#source = source;
    this.#log = log;
  }

  /** The events since the last call, newest first; none at the first call. */
  async news(signal: AbortSignal): Promise<readonly RhevEvent[]> {
    try {
      const news = await this.#read(signal);
      if (this.#isRefused) this.#log.info({}, "events of RHEV-M are read again");
      this.#isRefused = false;
      return news;
    } catch (error) {
      if (!hasCode(error, "REFUSED", "NOT_ALLOWED", "PROTOCOL")) throw error;
      if (!this.#isRefused)
        this.#log.warn({ err: error, code: error.code }, "events of RHEV-M cannot be read, states still are");
      this.#isRefused = true;
      return [];
    }
  }

  /** What happens until the next call is not asked for: everything is read anew. */
  reset(): void {
    this.#last = undefined;
  }

  async #read(signal: AbortSignal): Promise<readonly RhevEvent[]> {
    if (this.#last === undefined) {
      this.#last = await this.#source.newestEvent(signal);
      return [];
    }
    const last = this.#last;
    const news = (await this.#source.eventsAfter(last, signal)).filter(({ id }) => id > last);
    this.#last = Math.max(last, ...news.map(({ id }) => id));
    return news;
  }
}

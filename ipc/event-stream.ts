import type { ServerResponse } from "node:http";
import type { IpcLog } from "./ipc-log.ts";
import type { Limits } from "./protocol.ts";
import { refuse } from "./respond.ts";
import type { Views } from "./views.ts";

/** Streams events to any number of readers, one JSON object a line, until they leave or are too slow. */
export class EventStream {
  readonly #views: Views;
  readonly #limits: Limits;
  readonly #log: IpcLog;
  readonly #readers = new Set<ServerResponse>();

  constructor({ views, limits, log }: { views: Views; limits: Limits; log: IpcLog }) {
    this.#views = views;
    this.#limits = limits;
    this.#log = log;
  }

  /** Adds a reader. It gets the events from now on. */
  add(response: ServerResponse): void {
    if (this.#readers.size >= this.#limits.eventReaders) {
      refuse(response, 503, `${this.#readers.size} readers follow the events already: end one of them`);
      return;
    }
    response.writeHead(200, { "Content-Type": "application/x-ndjson", "Cache-Control": "no-store" });
    response.flushHeaders(); // the reader learns now that it missed nothing after this
    this.#readers.add(response);
    const unsubscribe = this.#views.subscribe((event) => this.#write(response, `${JSON.stringify(event)}\n`));
    response.once("close", () => {
      unsubscribe();
      this.#readers.delete(response);
    });
  }

  /** Ends all readers in good order. */
  end(): void {
    for (const reader of this.#readers) reader.end();
  }

  /** Nothing waits for a slow reader: what it does not take is kept up to a limit, then it is cut. */
  #write(response: ServerResponse, line: string): void {
    if (response.destroyed || response.writableEnded) return;
    response.write(line);
    if (response.writableLength <= this.#limits.eventBufferBytes) return;
    const bytes = response.writableLength;
    response.destroy(); // first: the warning is an event itself
    this.#log.warn({ bytes }, "reader of events cut, it is too slow");
  }
}

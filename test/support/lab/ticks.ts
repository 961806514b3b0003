import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** What a guest's ticks tell of it, over all hosts that write its one serial log. */
export interface Ticks {
  /** The number of the last tick, 0 before the first. */
  last(): number;
  /** The longest time without a tick since the first one seen, up to now. */
  largestGapMs(): number;
  /**
   * Ticks that did not follow the one before, as `9 after 12`: the guest began anew, ran twice or went back in time.
   */
  irregular(): readonly string[];
}

/**
 * Watches a guest that was started with GuestOptions.tick, from now until the signal.
 *
 * @param serialLog must exist
 */
export async function watchTicks(serialLog: string, signal: AbortSignal): Promise<Ticks> {
  const file = await open(serialLog, "r");
  const watched = new TickLog(file, (await file.stat()).size);
  const watcher = watch(serialLog, () => watched.look());
  signal.addEventListener("abort", () => end(watcher, file), { once: true });
  if (signal.aborted) end(watcher, file);
  return watched;
}

function end(watcher: FSWatcher, file: FileHandle): void {
  watcher.close();
  file.close().catch(() => {}); // a read that still goes on ends with it
}

/** Reads what is new in a log, and when it came. */
class TickLog implements Ticks {
  readonly #file: FileHandle;
  readonly #irregular: string[] = [];
  #position: number;
  #unread = false;
  #reading = false;
  #rest = "";
  #last = 0;
  #lastAt: number | undefined;
  #largestMs = 0;

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  last(): number {
    return this.#last;
  }

  largestGapMs(): number {
    const running = this.#lastAt === undefined ? 0 : performance.now() - this.#lastAt;
    return Math.max(this.#largestMs, running);
  }

  irregular(): readonly string[] {
    return this.#irregular;
  }

  /** Something was written. */
  look(): void {
    this.#unread = true;
    if (!this.#reading) void this.#read();
  }

  async #read(): Promise<void> {
    this.#reading = true;
    const at = performance.now();
    while (this.#unread) {
      this.#unread = false;
      this.#take(await this.#next(), at);
    }
    this.#reading = false;
  }

  async #next(): Promise<string> {
    const { buffer, bytesRead } = await this.#file
      .read(Buffer.alloc(65_536), 0, 65_536, this.#position)
      .catch(() => ({ buffer: Buffer.alloc(0), bytesRead: 0 })); // it was closed meanwhile
    this.#position += bytesRead;
    return buffer.toString("latin1", 0, bytesRead);
  }

  #take(text: string, at: number): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const tick = /TICK (\d+)/.exec(line)?.[1];
      if (tick !== undefined) this.#tick(Number(tick), at);
    }
  }

  #tick(tick: number, at: number): void {
    if (this.#lastAt !== undefined) {
      this.#largestMs = Math.max(this.#largestMs, at - this.#lastAt);
      if (tick !== this.#last + 1) this.#irregular.push(`${tick} after ${this.#last}`);
    }
    this.#last = tick;
    this.#lastAt = at;
  }
}

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { Duplex } from "node:stream";

/** How a child ended: its exit code, null after a signal, and the end of what it wrote to stderr, on one line. */
export type ChildEnd = { code: number | null; words: string };

/** Of what a child says, the end is kept. */
const WORDS_MAX = 2000;

/** A child that has closed its output, or was asked to end, is given so long before the next means. */
const PATIENCE_MS = 1000;

/** After the child's end, what it said is still on its way. */
const LAST_WORDS_MS = 500;

/**
 * A child process as a stream: what is written goes to its input, what it puts out is read. When the child ends, the
 * stream ends, or fails with what its end means; when the stream is destroyed, the child is ended, and `close` comes
 * when it is gone.
 */
export class ChildStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #meaning: (end: ChildEnd) => Error | undefined;
  #words = "";
  #timer: NodeJS.Timeout | undefined;

  /** @param meaning turns an end into an error; undefined: an end like any other */
  constructor(child: ChildProcessWithoutNullStreams, meaning: (end: ChildEnd) => Error | undefined) {
    super();
    this.#child = child;
    this.#meaning = meaning;
    child.stdin.on("error", () => undefined); // a child that ended tells why by its end
    child.stdout.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stdout.once("end", () => this.#after(PATIENCE_MS, () => child.kill()));
    child.stderr.on("data", (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString()).slice(-WORDS_MAX);
    });
    child.once("exit", (code) => this.#after(LAST_WORDS_MS, () => this.#finish(code)));
    child.once("close", (code) => this.#finish(code));
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done());
  }

  /** Asks the child to end, then makes it; one that not even that ends is the kernel's. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    const child = this.#child;
    const finish = (): void => {
      clearTimeout(this.#timer);
      child.off("exit", finish);
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      done(error);
    };
    if (child.exitCode !== null || child.signalCode !== null) return finish();
    child.once("exit", finish);
    child.kill();
    this.#timer = setTimeout(() => {
      child.kill("SIGKILL");
      this.#timer = setTimeout(finish, PATIENCE_MS);
    }, PATIENCE_MS);
  }

  #finish(code: number | null): void {
    if (this.destroyed) return;
    clearTimeout(this.#timer);
    const words = this.#words
      .split(/\s*[\r\n]+\s*/)
      .filter((line) => line !== "")
      .join("; ");
    const error = this.#meaning({ code, words });
    if (error === undefined) this.push(null);
    else this.destroy(error);
  }

  #after(ms: number, act: () => void): void {
    if (this.destroyed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }
}

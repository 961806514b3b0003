import type { IpcLog } from "./ipc-log.ts";

/** A spell is over when nothing happened for so long. */
const QUIET_MS = 60_000;

export interface SpellWords {
  readonly level: "warn" | "error";
  /** Said at the first time. */
  readonly begins: string;
  /** Said when it has not happened for a minute, with the number of `times`. */
  readonly ends: string;
}

/** Something that may happen many times a second, and is said when it begins and when it is over. */
export class Spell {
  readonly #words: SpellWords;
  readonly #log: IpcLog;
  #times = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(words: SpellWords, log: IpcLog) {
    this.#words = words;
    this.#log = log;
  }

  /** It has happened. */
  happened(fields: object): void {
    this.#times += 1;
    if (this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    this.#log[this.#words.level](fields, this.#words.begins);
    this.#timer = setTimeout(() => this.#end(), QUIET_MS);
    this.#timer.unref();
  }

  #end(): void {
    this.#log.info({ times: this.#times }, this.#words.ends);
    this.#times = 0;
    this.#timer = undefined;
  }
}

/** Prints what happens, as it happens, with the seconds since the beginning. */
export class Timeline {
  readonly #start = performance.now();

  /** A chapter: what is about to be shown. */
  chapter(text: string): void {
    process.stdout.write(`\n${text}\n`);
  }

  /** One thing that happened, and who did it or says so. */
  line(who: string, text: string): void {
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(2);
    process.stdout.write(`  ${seconds.padStart(6)} s  ${who.padEnd(8)} ${text}\n`);
  }
}

import type { Beats } from "../../../src/beat.ts";

/** What loops said of themselves, in order: `follower within 50000`, `lane watch rest`, `poller end`. */
export class RecordedBeats {
  readonly said: string[] = [];

  readonly beats: Beats = (loop) => {
    const say = (words: string) => void this.said.push(`${loop} ${words}`);
    return { within: (ms) => say(`within ${ms}`), rest: () => say("rest"), end: () => say("end") };
  };
}

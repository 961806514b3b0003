import type { LogLine } from "../support/host/daemon-process.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { daemonWords } from "./daemon-words.ts";
import type { Timeline } from "./timeline.ts";

/** Where a demonstration is told. */
export interface Stage {
  readonly timeline: Timeline;
  /** Gets every line of every daemon's log, for the case that the demonstration fails. */
  readonly onLine: (line: LogLine) => void;
}

/** What a demonstration shows. It ends what it starts. */
export interface Story {
  /** @throws {Error} it went another way than it should */
  readonly tell: (stage: Stage) => Promise<void>;
  /** What has been seen at its end, in a few words. */
  readonly ending: string;
}

/** A story of one host, whose daemon does not run yet. */
export function storyOfOneHost(
  ending: string,
  tell: (host: Host, timeline: Timeline) => Promise<void>,
): Story {
  return {
    ending,
    tell: async ({ timeline, onLine }) => {
      const host = await makeHost("monitorIntervalS: 5", (line) => {
        onLine(line);
        const words = daemonWords(line);
        if (words !== undefined) timeline.line("daemon", words);
      });
      try {
        await tell(host, timeline);
      } finally {
        await host.stop();
      }
    },
  };
}

/** @throws {Error} it went another way than it should */
export function expectState(state: string, wanted: string): void {
  if (state !== wanted) throw new Error(`the engine has the resource ${state}, not ${wanted}`);
}

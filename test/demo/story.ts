import type { Host } from "../support/host/host.ts";
import type { Timeline } from "./timeline.ts";

/** What a demonstration shows on a host whose daemon does not run yet. */
export interface Story {
  readonly tell: (host: Host, timeline: Timeline) => Promise<void>;
  /** What has been seen at its end, in a few words. */
  readonly ending: string;
}

/** @throws {Error} it went another way than it should */
export function expectState(state: string, wanted: string): void {
  if (state !== wanted) throw new Error(`the engine has the resource ${state}, not ${wanted}`);
}

import type { Platform } from "../src/platform.ts";

/** The source of states that every host has; all others are managers of RHEV-M. */
export const LIBVIRT = "libvirt";

/** Who is asked for states, and whether it can be: `connected`, `not connected`, or `lost: REASON`. */
export type SourceStates = ReadonlyMap<string, string>;

/** The states of a platform's sources, kept up to date. */
export function sourceStates(platform: Pick<Platform, "events">): SourceStates {
  const sources = new Map([[LIBVIRT, "not connected"]]);
  platform.events.on("connected", (source) => void sources.set(source, "connected"));
  platform.events.on("lost", (source, reason) => void sources.set(source, `lost: ${reason}`));
  platform.events.on("dropped", (source) => void sources.delete(source));
  return sources;
}

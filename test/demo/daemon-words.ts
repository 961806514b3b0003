import type { LogLine } from "../support/host/daemon-process.ts";

/** Lines of the daemon's log that tell the story. */
const TOLD = new Set([
  "daemon serves",
  "guest gets a CD-ROM with its network settings",
  "guest started",
  "guest changed state",
  "engine asked to probe",
  "engine is told a new state",
  "guest state cannot be determined",
  "guest is being ended by force",
  "guest is proved gone",
  "guest stopped",
  "migration recorded",
  "RHEV-M is read",
  "RHEV-M cannot be read",
  "daemon stopped",
]);

/** A line of the daemon's log in the words of the timeline; undefined for one that tells nothing of the story. */
export function daemonWords(line: LogLine): string | undefined {
  if (!TOLD.has(line.msg)) return undefined;
  const change = [text(line, "from"), text(line, "state")].filter((part) => part !== "").join(" -> ");
  const words = [change, text(line, "reason")].filter((part) => part !== "").join(", ");
  return words === "" ? line.msg : `${line.msg}: ${words}`;
}

function text(line: LogLine, field: string): string {
  const value = line[field];
  return typeof value === "string" ? value : "";
}

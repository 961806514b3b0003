import type { LogLine } from "../support/host/daemon-process.ts";
import { makeHost } from "../support/host/host.ts";
import { kvmStory } from "./kvm-story.ts";
import { rhevStory } from "./rhev-story.ts";
import type { Story } from "./story.ts";
import { Timeline } from "./timeline.ts";

/** Lines of the daemon's log that tell the story. */
const TOLD = new Set([
  "daemon serves",
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

/** Undefined when there is no such demonstration. */
function chosenStory([option, ...more]: readonly string[]): Story | undefined {
  if (option === undefined) return kvmStory;
  return option === "--rhev" && more.length === 0 ? rhevStory : undefined;
}

async function main(): Promise<number> {
  const story = chosenStory(process.argv.slice(2));
  if (story === undefined) {
    process.stderr.write("usage: npm run demo [-- --rhev]\n");
    return 2;
  }
  const timeline = new Timeline();
  const host = await makeHost("monitorIntervalS: 5", (line: LogLine) => {
    if (TOLD.has(line.msg)) timeline.line("daemon", wordsOf(line));
  });
  try {
    await story.tell(host, timeline);
    timeline.chapter(`Done: ${story.ending}. Everything that was started is being stopped.`);
    return 0;
  } catch (error) {
    process.stderr.write(
      `\nthe demonstration failed: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    for (const line of host.daemon.lines.slice(-20)) process.stderr.write(`${JSON.stringify(line)}\n`);
    return 1;
  } finally {
    await host.stop();
  }
}

function wordsOf(line: LogLine): string {
  const change = [text(line, "from"), text(line, "state")].filter((part) => part !== "").join(" -> ");
  const words = [change, text(line, "reason")].filter((part) => part !== "").join(", ");
  return words === "" ? line.msg : `${line.msg}: ${words}`;
}

function text(line: LogLine, field: string): string {
  const value = line[field];
  return typeof value === "string" ? value : "";
}

process.exitCode = await main();

import type { LogLine } from "../support/host/daemon-process.ts";
import { drStory } from "./dr-story.ts";
import { kvmStory } from "./kvm-story.ts";
import { rhevStory } from "./rhev-story.ts";
import type { Story } from "./story.ts";
import { Timeline } from "./timeline.ts";

const STORIES: Readonly<Record<string, Story>> = { "--rhev": rhevStory, "--dr": drStory };

/** Undefined when there is no such demonstration. */
function chosenStory([option, ...more]: readonly string[]): Story | undefined {
  if (option === undefined) return kvmStory;
  return more.length === 0 && Object.hasOwn(STORIES, option) ? STORIES[option] : undefined;
}

async function main(): Promise<number> {
  const story = chosenStory(process.argv.slice(2));
  if (story === undefined) {
    process.stderr.write("usage: npm run demo [-- --rhev | --dr]\n");
    return 2;
  }
  const timeline = new Timeline();
  const lines: LogLine[] = [];
  try {
    await story.tell({ timeline, onLine: (line) => lines.push(line) });
    timeline.chapter(`Done: ${story.ending}. Everything that was started is stopped.`);
    return 0;
  } catch (error) {
    process.stderr.write(
      `\nthe demonstration failed: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    for (const line of lines.slice(-20)) process.stderr.write(`${JSON.stringify(line)}\n`);
    return 1;
  }
}

process.exitCode = await main();

import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repositoryFile } from "../support/repository.ts";
import { happen } from "../support/scenario/happen.ts";
import { parseScript } from "../support/scenario/script.ts";
import { makeWorld, readScenarioFile } from "../support/scenario/world.ts";

const FOLDER = repositoryFile("test/scenario");
const NAMES = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted();

/** With UPDATE_SCENARIOS=1 the logs are written anew; the diff of the commit then shows what has changed. */
const UPDATE = process.env["UPDATE_SCENARIOS"] === "1";

/** Plays a script on the product; the log of all that was said. */
async function play(script: string): Promise<string> {
  const world = await makeWorld();
  try {
    for (const { atMs, text } of parseScript(script)) {
      await world.clock.advance(atMs - world.clock.now);
      world.journal.happening(text);
      await world.clock.hold(happen(world, text));
      await world.clock.settle();
    }
    return world.journal.text();
  } finally {
    await world.end();
  }
}

describe("scenario", () => {
  it.each(NAMES)("%s", async (name) => {
    const folder = join(FOLDER, name);
    const log = await play(await readScenarioFile(folder, "what-happens"));
    if (UPDATE) await writeFile(join(folder, "expected.log"), log);

    expect(log).toBe(await readScenarioFile(folder, "expected.log"));
  });
});

import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ticks, watchTicks } from "../../support/lab/ticks.ts";
import { until } from "../../support/lab/until.ts";

let folder: string;
let log: string;
let watching: AbortController;
let ticks: Ticks;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vkg-ticks-"));
  log = join(folder, "serial");
  await writeFile(log, "VKG web1 2.88 READY\nVKG web1 3.90 TICK 4\n");
  watching = new AbortController();
  ticks = await watchTicks(log, watching.signal);
});

afterEach(async () => {
  watching.abort();
  await rm(folder, { recursive: true });
});

describe("watchTicks", () => {
  it("counts from now on, and takes no half line for a tick", async () => {
    expect(ticks.last()).toBe(0);

    await appendFile(log, "VKG web1 4.91 TICK 5\nVKG web1 5.90 TI");
    await until("the tick is seen", () => ticks.last() === 5);
    await appendFile(log, "CK 6");
    await appendFile(log, "1\n");

    await until("the other tick is seen", () => ticks.last() === 61);
  });

  it("finds ticks that do not follow the one before", async () => {
    await appendFile(log, "TICK 5\nTICK 6\nTICK 6\nTICK 1\nTICK 2\n");
    await until("all are seen", () => ticks.last() === 2);

    expect(ticks.irregular()).toEqual(["6 after 6", "1 after 6"]);
  });

  it("measures the longest silence, the present one too", async () => {
    expect(ticks.largestGapMs()).toBe(0);
    await appendFile(log, "TICK 5\n");
    await until("it is silent", () => ticks.largestGapMs() > 100);
    await appendFile(log, "TICK 6\n");
    await until("it ticks", () => ticks.last() === 6);

    expect(ticks.largestGapMs()).toBeGreaterThan(100);
  });
});

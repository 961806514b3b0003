import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Spell } from "../../../ipc/spell.ts";
import { RecordingLog } from "../../support/ipc/recording-log.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("a spell", () => {
  it("is said at its start, and at its end with the number of times", () => {
    const log = new RecordingLog();
    const spell = new Spell({ level: "warn", begins: "it drops", ends: "it drops no more" }, log);
    for (let times = 0; times < 100; times += 1) {
      spell.happened({ times });
      vi.advanceTimersByTime(30_000);
    }
    expect(log.entries).toEqual([{ level: "warn", message: "it drops", fields: { times: 0 } }]);
    vi.advanceTimersByTime(30_000);

    expect(log.entries.slice(1)).toEqual([
      { level: "info", message: "it drops no more", fields: { times: 100 } },
    ]);
    spell.happened({});
    expect(log.messages()).toEqual(["it drops", "it drops no more", "it drops"]);
  });
});

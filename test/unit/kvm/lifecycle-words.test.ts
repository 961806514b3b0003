import { describe, expect, it } from "vitest";
import { lifecycleWords } from "../../../src/kvm/lifecycle-words.ts";

describe("the words of a life-cycle event", () => {
  // as `virsh event --all` prints them for virDomainEventType and its details
  it.each([
    [2, 0, "Started Booted"],
    [2, 4, "Started Event wakeup"],
    [3, 0, "Suspended Paused"],
    [3, 8, "Suspended Post-copy Error"],
    [4, 1, "Resumed Migrated"],
    [5, 1, "Stopped Destroyed"],
    [5, 5, "Stopped Failed"],
    [6, 1, "Shutdown Finished after guest request"],
    [6, 2, "Shutdown Finished after host request"],
    [7, 1, "PMSuspended Disk"],
    [8, 0, "Crashed Panicked"],
  ])("of %i with detail %i are %s", (event, detail, words) => {
    expect(lifecycleWords({ event, detail })).toBe(words);
  });

  it("keep numbers that nobody has words for", () => {
    expect(lifecycleWords({ event: 5, detail: 77 })).toBe("Stopped (77)");
    expect(lifecycleWords({ event: 42, detail: 1 })).toBe("event 42 (1)");
  });
});

import { describe, expect, it } from "vitest";
import { budgetMs } from "../../../daemon/budget.ts";

describe("the daemon's share of the framework's limit", () => {
  it.each([
    [300, 270_000],
    [60, 54_000],
    [20, 18_000],
    [10, 8000],
    [4, 2000],
    [1, 500],
  ])("of %i s is %i ms: a tenth less, two seconds at least, and never less than half", (timeoutS, ms) => {
    expect(budgetMs(timeoutS)).toBe(ms);
  });
});

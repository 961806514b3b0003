import { expect } from "vitest";

/** Stands for any text that the pattern matches, inside an expected object. */
export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}

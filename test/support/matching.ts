import { expect } from "vitest";

/** Stands for any text that the pattern matches, inside an expected object. */
export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}

/** Stands for any text that holds these words, inside an expected object. */
export function containing(words: string): unknown {
  return expect.stringContaining(words);
}

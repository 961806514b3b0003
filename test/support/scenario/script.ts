/** One line of a scenario: what happens, and when. */
export interface Happening {
  /** milliseconds after the beginning */
  readonly atMs: number;
  readonly text: string;
}

/**
 * Reads a scenario: a time in seconds and what happens, one a line, in the order of time. Empty lines and lines that
 * begin with # are for people.
 */
export function parseScript(text: string): readonly Happening[] {
  const happenings: Happening[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, seconds, what] = /^\s*(\d+(?:\.\d)?)s\s+(\S.*?)\s*$/.exec(line) ?? [];
    if (seconds === undefined || what === undefined)
      throw new Error(`line ${index + 1} is no happening: ${line}`);
    const atMs = Math.round(Number(seconds) * 1000);
    if (atMs < (happenings.at(-1)?.atMs ?? 0))
      throw new Error(`line ${index + 1} lies before the line above it`);
    happenings.push({ atMs, text: what });
  }
  return happenings;
}

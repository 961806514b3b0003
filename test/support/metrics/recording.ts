/** What was done at a moment. */
export interface Mark {
  /** seconds since the beginning */
  readonly at: number;
  readonly words: string;
}

/** One scrape of all hosts: samples by `HOST METRIC{LABELS}`. */
export interface Scrape {
  /** seconds since the beginning */
  readonly at: number;
  readonly samples: ReadonlyMap<string, number>;
}

/** Scrapes of some hosts, about one a second, and what was done meanwhile. */
export interface Recording {
  readonly scrapes: readonly Scrape[];
  readonly marks: readonly Mark[];
}

/**
 * A recording as CSV: a line for each second, a column for each of these series, and in the last one what was done. A cell
 * is empty where a scrape had no such sample.
 */
export function csvOf({ scrapes, marks }: Recording, series: readonly string[]): string {
  const heading = ["second", ...series, "done"].map(cell).join(",");
  const lines = scrapes.map(({ at, samples }, number) => {
    const until = scrapes[number + 1]?.at ?? Number.POSITIVE_INFINITY;
    const done = marks.filter((mark) => mark.at >= at && mark.at < until).map(({ words }) => words);
    const values = series.map((name) => rounded(samples.get(name)));
    return [at.toFixed(1), ...values, cell(done.join("; "))].join(",");
  });
  return `${[heading, ...lines].join("\n")}\n`;
}

function rounded(value: number | undefined): string {
  return value === undefined ? "" : String(Number(value.toFixed(3)));
}

function cell(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

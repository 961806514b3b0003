import type { Recording, Scrape } from "./recording.ts";

/** A row of coloured bands: what a state was, over time. */
export interface BandRow {
  readonly title: string;
  readonly bandAt: (scrape: Scrape) => Band;
}

/** Bands of the same words are drawn as one. */
export interface Band {
  readonly words: string;
  readonly colour: string;
}

/** A diagram of lines over time. */
export interface Lines {
  readonly title: string;
  readonly lines: readonly {
    readonly title: string;
    readonly colour: string;
    readonly valueAt: (scrape: Scrape) => number | undefined;
  }[];
}

const WIDTH = 960;
const LEFT = 170;
const RIGHT = 20;
const BAND_HEIGHT = 24;
const ROW_HEIGHT = 30;
const CHART_HEIGHT = 110;
const MARKS_HEIGHT = 64;
const INK = "#24292f";
const GRID = "#d0d7de";

/** Draws a recording: rows of bands, then diagrams, over one axis of time, with lines where something was done. */
export function pictureOf(
  recording: Recording,
  rows: readonly BandRow[],
  charts: readonly Lines[],
  title: string,
): string {
  const { scrapes, marks } = recording;
  const endS = Math.max(1, ...scrapes.map(({ at }) => at));
  const x = (at: number) => LEFT + (at / endS) * (WIDTH - LEFT - RIGHT);
  const chartsFrom = MARKS_HEIGHT + rows.length * ROW_HEIGHT + 10;
  const height = chartsFrom + charts.length * (CHART_HEIGHT + 36) + 30;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(10, 18, title, { bold: true, size: 14 }),
    ...rows.flatMap((row, at) => bandsOf(row, scrapes, MARKS_HEIGHT + at * ROW_HEIGHT, x, endS)),
    ...charts.flatMap((chart, at) =>
      chartOf(chart, scrapes, chartsFrom + at * (CHART_HEIGHT + 36) + 20, x, endS),
    ),
    ...marks.flatMap(({ at, words }, number) => [
      `<line x1="${fixed(x(at))}" y1="${36 + (number % 2) * 14}" x2="${fixed(x(at))}" y2="${height - 26}" stroke="${INK}" stroke-dasharray="3 3" opacity="0.6"/>`,
      text(x(at) + 3, 42 + (number % 2) * 14, words, {}),
    ]),
    ...ticksOf(endS).map((at) =>
      text(x(at), height - 10, `${at} s`, { anchor: at === 0 ? "start" : "middle" }),
    ),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

function bandsOf(
  { title, bandAt }: BandRow,
  scrapes: readonly Scrape[],
  y: number,
  x: (at: number) => number,
  endS: number,
): readonly string[] {
  const bands: (Band & { readonly from: number; to: number })[] = [];
  for (const scrape of scrapes) {
    const band = bandAt(scrape);
    const last = bands.at(-1);
    if (last !== undefined) last.to = scrape.at;
    if (last?.words !== band.words) bands.push({ ...band, from: scrape.at, to: endS });
  }
  return [
    text(10, y + 16, title, {}),
    ...bands.flatMap(({ words, colour, from, to }) => {
      const width = x(to) - x(from);
      const rectangle = `<rect x="${fixed(x(from))}" y="${y}" width="${fixed(width)}" height="${BAND_HEIGHT}" fill="${colour}"/>`;
      // words that do not fit would cover their neighbours
      const fits = width > words.length * 6.2 + 6;
      return fits ? [rectangle, text(x(from) + 4, y + 16, words, { colour: "#ffffff" })] : [rectangle];
    }),
  ];
}

function chartOf(
  { title, lines }: Lines,
  scrapes: readonly Scrape[],
  top: number,
  x: (at: number) => number,
  endS: number,
): readonly string[] {
  const values = lines.flatMap(({ valueAt }) => scrapes.map((scrape) => valueAt(scrape) ?? 0));
  const most = roundedUp(Math.max(...values));
  const y = (value: number) => top + CHART_HEIGHT - (value / most) * CHART_HEIGHT;
  const grid = [0, most / 2, most].flatMap((value) => [
    `<line x1="${LEFT}" y1="${fixed(y(value))}" x2="${fixed(x(endS))}" y2="${fixed(y(value))}" stroke="${GRID}"/>`,
    text(LEFT - 6, y(value) + 4, String(value), { anchor: "end" }),
  ]);
  return [
    text(10, top + 4, title, { bold: true }),
    ...grid,
    ...lines.flatMap((line, at) => [
      `<rect x="10" y="${top + 14 + at * 16}" width="10" height="10" fill="${line.colour}"/>`,
      text(25, top + 23 + at * 16, line.title, {}),
      `<polyline fill="none" stroke="${line.colour}" stroke-width="2" points="${pointsOf(line.valueAt, scrapes, x, y)}"/>`,
    ]),
  ];
}

function pointsOf(
  valueAt: (scrape: Scrape) => number | undefined,
  scrapes: readonly Scrape[],
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  const points = scrapes.flatMap((scrape) => {
    const value = valueAt(scrape);
    return value === undefined ? [] : [`${fixed(x(scrape.at))},${fixed(y(value))}`];
  });
  return points.join(" ");
}

function ticksOf(endS: number): readonly number[] {
  return Array.from({ length: Math.floor(endS / 10) + 1 }, (_, at) => at * 10);
}

/** The next of 1, 2, 5, 10, 20, ... */
function roundedUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 0.001)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function text(
  x: number,
  y: number,
  words: string,
  {
    bold = false,
    size = 11,
    anchor = "start",
    colour = INK,
  }: { bold?: boolean; size?: number; anchor?: string; colour?: string },
): string {
  const weight = bold ? ' font-weight="bold"' : "";
  return `<text x="${fixed(x)}" y="${fixed(y)}" font-size="${size}" text-anchor="${anchor}" fill="${colour}"${weight}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function fixed(value: number): string {
  return value.toFixed(1);
}

/** The middle of the values. @throws {Error} there are none */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which that part of the values lies. @throws {Error} there are none */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const place = (sorted.length - 1) * part;
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) throw new Error("no values");
  return low + (high - low) * (place - Math.floor(place));
}

/** With at most two digits after the point. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Prints one line. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A figure, or one for each of several sizes. */
type Figure = number | Readonly<Record<string, number>>;

/** Prints the figures as one JSON object, rounded: the last line of every benchmark. */
export function sayResult(bench: string, figures: Readonly<Record<string, Figure>>): void {
  const entries = Object.entries(figures).map(([name, figure]) => [
    name,
    typeof figure === "number" ? rounded(figure) : mapped(figure, rounded),
  ]);
  say(JSON.stringify({ bench, ...Object.fromEntries(entries) }));
}

/** The same names with other values. */
export function mapped<T, V>(
  record: Readonly<Record<string, T>>,
  change: (value: T) => V,
): Record<string, V> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

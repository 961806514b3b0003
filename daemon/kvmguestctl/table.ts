import type { Paint } from "./terminal.ts";

/** One cell: its text, and how it is coloured. */
export interface Cell {
  readonly text: string;
  readonly paint?: Paint;
}

/** Lines of a table whose columns are as wide as their widest cell; the last column is not padded. */
export function tableLines(rows: readonly (readonly Cell[])[]): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, at) =>
    Math.max(...rows.map((row) => row[at]?.text.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map(({ text, paint = (plain) => plain }, at) => {
        const gap = at === row.length - 1 ? "" : " ".repeat((widths[at] ?? 0) - text.length + 2);
        return `${paint(text)}${gap}`;
      })
      .join(""),
  );
}

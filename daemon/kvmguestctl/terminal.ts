/** Colours a text, or leaves it as it is. */
export type Paint = (text: string) => string;

/** Colours for people; plain text where there is no terminal. */
export interface Style {
  readonly good: Paint;
  readonly odd: Paint;
  readonly bad: Paint;
  readonly faint: Paint;
  readonly bold: Paint;
}

/** Where a command writes. */
export interface Terminal {
  /** Text on standard output, a line feed added. */
  print(text: string): void;
  /** One line on standard error, with the program's name. */
  complain(line: string): void;
  readonly style: Style;
  /** Whether a person looks at standard output. */
  readonly isTerminal: boolean;
}

const PLAIN: Style = {
  good: (text) => text,
  odd: (text) => text,
  bad: (text) => text,
  faint: (text) => text,
  bold: (text) => text,
};

/** Source: ECMA-48, SGR: 1 bold, 2 faint, 31 red, 32 green, 33 yellow, 0 end. */
const COLOURED: Style = {
  good: sgr(32),
  odd: sgr(33),
  bad: sgr(31),
  faint: sgr(2),
  bold: sgr(1),
};

/**
 * Whether output is coloured: only for a terminal that knows colours, and never where NO_COLOR is set.
 *
 * Source: no-color.org: any value but the empty one.
 */
export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  const isRefused = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  return isTerminal && !isRefused ? COLOURED : PLAIN;
}

function sgr(code: number): Paint {
  return (text) => `\u001b[${code}m${text}\u001b[0m`;
}

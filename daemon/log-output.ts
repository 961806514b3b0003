import { isatty } from "node:tty";
import { type DestinationStream, pino } from "pino";
import { textOf } from "./log-text.ts";

export interface LogOutputOptions {
  /** Asked for each line, so that a reload takes effect. */
  readonly format: () => "json" | "text";
  /** Gets each line too, as JSON; must not throw. */
  readonly onLine: (line: string) => void;
}

/** Standard output for the log. A log that cannot be written (a full disk, a reader that went away) costs its lines. */
export function logOutput({ format, onLine }: LogOutputOptions): DestinationStream {
  const output = standardOutput();
  const inColour = isatty(1) && process.env["NO_COLOR"] === undefined && process.env["TERM"] !== "dumb";
  return {
    write(line: string) {
      output.write(format() === "text" ? textOf(line, inColour) : line);
      onLine(line);
    },
  };
}

/** Standard output that costs its lines when it cannot be written, never the daemon. */
export function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: true });
  output.on("error", () => {
    // there is no other place to say it
  });
  return output;
}

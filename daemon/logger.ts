import { type DestinationStream, type Logger, pino } from "pino";
import { standardOutput } from "./log-output.ts";

/** Fields that hold secrets wherever they stand; they are also kept out of what is logged in the first place. */
const SECRET_PATHS = ["password", "Password", "authorization", "token", "secret"].flatMap((key) => [
  key,
  `*.${key}`,
  `*.*.${key}`,
  `err.*.${key}`,
]);

/** The process's logger: one JSON object a line, on standard output unless a stream is given. */
export function createLogger(level: string, stream?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: "[secret]" },
    },
    stream ?? standardOutput(),
  );
}

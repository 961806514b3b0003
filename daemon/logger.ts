import { type DestinationStream, type Logger, pino } from "pino";
import type { Controls } from "../ipc/controls.ts";
import { IpcError } from "../ipc/ipc-error.ts";
import type { Log } from "../src/log.ts";
import { standardOutput } from "./log-output.ts";

/** Fields that hold secrets wherever they stand; they are also kept out of what is logged in the first place. */
const SECRET_PATHS = ["password", "Password", "authorization", "token", "secret"].flatMap((key) => [
  key,
  `*.${key}`,
  `*.*.${key}`,
  `err.*.${key}`,
]);

/** Source: log.level of the configuration. */
const LEVELS: readonly string[] = ["debug", "info", "warn", "error"];

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

/**
 * Lets operators see and change the level of a logger; a reload or a restart brings back the configured one.
 *
 * @param log where a change is told
 */
export function logLevelOf(logger: Logger, log: Log): Pick<Controls, "logLevel" | "setLogLevel"> {
  return {
    logLevel: () => logger.level,
    setLogLevel: (level) => {
      const from = logger.level;
      if (!LEVELS.includes(level)) {
        throw new IpcError("BAD_REQUEST", `there is no such log level: it is one of ${LEVELS.join(", ")}`);
      }
      if (level === from) return;
      logger.level = "warn"; // it is told whatever both levels are
      log.warn({ from, to: level }, "log level changed by an operator");
      logger.level = level;
    },
  };
}

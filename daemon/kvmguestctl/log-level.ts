import { parseLogLevel } from "../../ipc/answers.ts";
import { askDaemon, type DaemonRequest } from "../../ipc/client.ts";
import type { CommandContext } from "./command.ts";
import { CommandError, EXIT_CODES } from "./exit-codes.ts";

const LEVELS: readonly string[] = ["debug", "info", "warn", "error"];

/** Shows the daemon's log level, or changes it. */
export async function runLogLevel(context: CommandContext): Promise<number> {
  const { options, terminal, words } = context;
  const [level] = words;
  if (level !== undefined && !LEVELS.includes(level))
    throw new CommandError("wrong", `there is no such log level: it is one of ${LEVELS.join(", ")}`);
  const path = "/v1/log-level";
  const request: DaemonRequest =
    level === undefined ? { method: "GET", path } : { method: "POST", path, body: level };
  const answer = parseLogLevel(await askDaemon(request, context));
  if (options.json === true) terminal.print(JSON.stringify(answer));
  else if (level === undefined) terminal.print(answer.level);
  else
    terminal.print(
      `log level ${answer.level} (it was ${answer.before}), until the next start or reload of the daemon`,
    );
  return EXIT_CODES.done.code;
}

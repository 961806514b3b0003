import type { CommandContext } from "../kvmguestctl/command.ts";
import { EXIT_CODES } from "../kvmguestctl/exit-codes.ts";
import { checkApart } from "./check-apart.ts";
import { countsOf, reportJson, reportLines } from "./report.ts";

/** Checks the configuration and whether this host is ready; warnings are no failure. */
export async function runCheck({
  words,
  options,
  socket,
  terminal,
  signal,
}: CommandContext): Promise<number> {
  const request = {
    configFile: options.config ?? process.env["VCSKVMGUESTD_CONFIG"],
    socket: socket === "" ? undefined : socket,
    resources: [...words],
    peer: options.peer,
  };
  const rows = await checkApart(request, signal);
  if (options.json === true) terminal.print(reportJson(rows));
  else for (const line of reportLines(rows, terminal.style)) terminal.print(line);
  return (countsOf(rows).problem > 0 ? EXIT_CODES.failed : EXIT_CODES.done).code;
}

import { type GuestAnswer, parseGuests } from "../../ipc/answers.ts";
import { askDaemon } from "../../ipc/client.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { tableLines } from "./table.ts";

/** Shows what is known of the guests. */
export async function runStatus(context: CommandContext): Promise<number> {
  const { options, terminal } = context;
  const text = await askDaemon({ method: "GET", path: "/v1/guests" }, context);
  if (options.json === true) terminal.print(text.trim());
  else for (const line of statusLines(parseGuests(text))) terminal.print(line);
  return EXIT_CODES.done.code;
}

function statusLines(guests: readonly GuestAnswer[]): readonly string[] {
  const head = ["RESOURCE", "GUEST"].map((text) => ({ text }));
  return tableLines([head, ...guests.map(({ resource, guest }) => [{ text: resource }, { text: guest }])]);
}

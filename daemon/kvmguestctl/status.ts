import { type GuestAnswer, parseGuests } from "../../ipc/answers.ts";
import { askDaemon } from "../../ipc/client.ts";
import { ageText } from "./ages.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { withNames } from "./names.ts";
import { printable } from "./printable.ts";
import { newest, painter, reasonText, sourceText } from "./state-cells.ts";
import { tableLines } from "./table.ts";
import type { Style } from "./terminal.ts";

/** Shows what is known of the guests. */
export async function runStatus(context: CommandContext): Promise<number> {
  const { options, terminal } = context;
  const guests = await guestsNamed(context);
  if (options.json === true) terminal.print(JSON.stringify(guests));
  else for (const line of statusLines(guests, terminal.style)) terminal.print(line);
  return EXIT_CODES.done.code;
}

/** The resources that the command's words name, as the daemon shows them now. */
export async function guestsNamed(context: CommandContext): Promise<readonly GuestAnswer[]> {
  const text = await askDaemon({ method: "GET", path: "/v1/guests" }, context);
  return withNames(parseGuests(text), context.words);
}

/** The table: one row a resource. State and confidence are what the engine was told last; the age
 * is that of the newest look at the guest, which may be later. */
export function statusLines(guests: readonly GuestAnswer[], style: Style): readonly string[] {
  if (guests.length === 0) return ["no resource is open here: the engine opens them when its agent starts"];
  const head = ["RESOURCE", "GUEST", "ENV", "STATE", "CONF", "AGE", "SOURCE", "REASON"];
  return tableLines([
    head.map((text) => ({ text, paint: style.bold })),
    ...guests.map((guest) => {
      const { answer, environment } = guest;
      const known = newest(guest);
      const state = answer === null ? "not told" : answer.state.replace(/\(.*/, "");
      const confidence = answer?.confidence ?? null;
      return [
        { text: printable(guest.resource) },
        { text: printable(guest.guest) },
        { text: environment },
        { text: state, paint: painter(style, state, confidence) },
        { text: confidence === null ? "-" : String(confidence) },
        { text: ageText(known.ageS) },
        { text: sourceText(environment, known.source) },
        { text: reasonText(guest) },
      ];
    }),
  ]);
}

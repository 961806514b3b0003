import type { GuestAnswer } from "../../ipc/answers.ts";
import { IpcError } from "../../ipc/ipc-error.ts";
import { messageOf } from "../../src/agent-error.ts";
import { pause } from "../../src/deadline.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { secondsOf } from "./options.ts";
import { guestsNamed, statusLines } from "./status.ts";

/** Cursor home, and clear what is below. Source: ECMA-48, CUP and ED. */
const REDRAW = "\u001b[H\u001b[J";

/**
 * Shows the status again and again until the signal aborts. A daemon that goes away is told of and waited for; one that is
 * not there at the beginning ends the command.
 */
export async function runWatch(context: CommandContext): Promise<number> {
  const { options, signal } = context;
  const everyMs = secondsOf("interval", options.interval, 1) * 1000;
  let last = "";
  let hasSeen = false;
  while (!signal.aborted) {
    try {
      last = show(context, await guestsNamed(context), last);
      hasSeen = true;
    } catch (error) {
      if (error === signal.reason) break;
      if (!hasSeen || !(error instanceof IpcError)) throw error;
      const line = messageOf(error);
      if (line !== last) context.terminal.complain(`${line}; waiting for it`);
      last = line;
    }
    await pause(everyMs, signal);
  }
  return EXIT_CODES.done.code;
}

/** @returns what makes this picture differ from the next one: ages alone are no change */
function show({ options, terminal }: CommandContext, guests: readonly GuestAnswer[], last: string): string {
  const picture = JSON.stringify(guests, (key, value: unknown) =>
    key === "at" || key === "ageS" ? undefined : value,
  );
  if (options.json !== true && terminal.isTerminal) {
    const head = `${new Date().toLocaleTimeString()}  kvmguestctl watch, Ctrl-C ends it`;
    terminal.print(`${REDRAW}${[head, "", ...statusLines(guests, terminal.style)].join("\n")}`);
  } else if (picture !== last) {
    terminal.print(
      options.json === true ? JSON.stringify(guests) : statusLines(guests, terminal.style).join("\n"),
    );
  }
  return picture;
}

import { type EventAnswer, parseGuests, parseHistory, parseNoted } from "../../ipc/answers.ts";
import { askDaemon, followDaemon } from "../../ipc/client.ts";
import { IpcError } from "../../ipc/ipc-error.ts";
import type { CommandContext } from "./command.ts";
import { eventLine } from "./event-lines.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { withNames } from "./names.ts";

/** Shows what happened and, with --follow, what happens from now on, until Ctrl-C or the daemon's end. */
export async function runEvents(context: CommandContext): Promise<number> {
  const isWanted = await wanted(context);
  if (context.options.follow === true) return follow(context, isWanted);
  for (const event of await history(context)) if (isWanted(event)) show(context, event);
  return EXIT_CODES.done.code;
}

/** The stream is opened first, so that nothing falls between it and the history; what is in both is shown once. */
async function follow(context: CommandContext, isWanted: (event: EventAnswer) => boolean): Promise<number> {
  let shown: number | undefined;
  const early: EventAnswer[] = [];
  const take = (event: EventAnswer) => {
    if (shown === undefined) early.push(event);
    else if (event.seq > shown && isWanted(event)) show(context, event);
  };
  const begin = async () => {
    const events = await history(context);
    for (const event of events) if (isWanted(event)) show(context, event);
    shown = events.at(-1)?.seq ?? 0;
    for (const event of early.splice(0)) take(event);
  };
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const onOpen = () => void begin().catch((error: unknown) => failed.abort(error));
  await followDaemon("/v1/events", { ...context, signal }, onOpen, (line) => {
    const event = parseNoted(line);
    if (event !== undefined) take(event);
  });
  if (context.signal.aborted) return EXIT_CODES.done.code;
  if (failed.signal.aborted) throw failed.signal.reason;
  throw new IpcError("NO_DAEMON", "vcskvmguestd has ended: systemctl status vcskvmguestd");
}

async function history(context: CommandContext): Promise<readonly EventAnswer[]> {
  return parseHistory(await askDaemon({ method: "GET", path: "/v1/history" }, context)).events;
}

/** Whose events are wanted; a line of the log may name the guest, its resource, or both. */
async function wanted(context: CommandContext): Promise<(event: EventAnswer) => boolean> {
  const { words } = context;
  if (words.length === 0) return () => true;
  const all = parseGuests(await askDaemon({ method: "GET", path: "/v1/guests" }, context));
  const chosen = withNames(all, words);
  const [guests, resources] = [chosen.map(({ guest }) => guest), chosen.map(({ resource }) => resource)];
  return ({ guest, resource }) =>
    guest === null ? resource !== null && resources.includes(resource) : guests.includes(guest);
}

function show({ options, terminal }: CommandContext, event: EventAnswer): void {
  terminal.print(
    options.json === true ? JSON.stringify(event) : eventLine(event, terminal.style, new Date()),
  );
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { EventStream } from "./event-stream.ts";
import type { IpcLog } from "./ipc-log.ts";
import { refuse, sendJson, sendMetrics } from "./respond.ts";
import type { Views } from "./views.ts";

interface ViewContext {
  readonly views: Views;
  readonly events: EventStream;
  readonly log: IpcLog;
}

/** Answers a GET, or refuses a path that nothing serves. Never throws. */
export function answerView(
  context: ViewContext,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const view = viewOf(context, path);
  if (view === undefined) {
    refuse(response, 404, "nothing is served under this path: see docs/protocol.md");
    return;
  }
  if (request.method !== "GET") {
    refuse(response, 405, "this path is read with GET", "GET");
    return;
  }
  try {
    view(response);
  } catch (error) {
    context.log.error({ path, err: error }, "view failed");
    refuse(response, 500, "the daemon failed at this request: its log has the reason");
  }
}

function viewOf(
  { views, events, log }: ViewContext,
  path: string,
): ((response: ServerResponse) => void) | undefined {
  switch (path) {
    case "/healthz":
      return (response) => sendJson(response, views.health());
    case "/v1/guests":
      return (response) => sendJson(response, views.guests());
    case "/metrics":
      return (response) => void sendMetrics(response, () => views.metrics(), log);
    case "/v1/events":
      return (response) => events.add(response);
    default:
      return guestView(views, path);
  }
}

function guestView(views: Views, path: string): ((response: ServerResponse) => void) | undefined {
  const name = guestName(path);
  if (name === undefined) return undefined;
  return (response) => {
    const guest = views.guest(name);
    if (guest === undefined) refuse(response, 404, "no such guest: GET /v1/guests lists them");
    else sendJson(response, guest);
  };
}

function guestName(path: string): string | undefined {
  const encoded = /^\/v1\/guests\/([^/]+)$/.exec(path)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined; // not percent-encoded UTF-8: such a guest does not exist
  }
}

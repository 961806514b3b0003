import type { IncomingMessage, ServerResponse } from "node:http";
import type { EventStream } from "./event-stream.ts";
import type { IpcLog } from "./ipc-log.ts";
import type { JsonValue } from "./protocol.ts";
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
    case "/v1/history":
      return (response) => sendJson(response, views.history());
    case "/metrics":
      return (response) => void sendMetrics(response, () => views.metrics(), log);
    case "/v1/events":
      return (response) => events.add(response);
    default:
      return namedView(views, path);
  }
}

/** Views of one thing: the path with its name left out, what it shows, and where all names are. */
const NAMED_VIEWS = [
  [/^\/v1\/guests\/([^/]+)$/, (views, name) => views.guest(name), "no such guest: GET /v1/guests lists them"],
  [
    /^\/v1\/guests\/([^/]+)\/why$/,
    (views, name) => views.why(name),
    "no such guest: GET /v1/guests lists them",
  ],
  [
    /^\/v1\/resources\/([^/]+)\/attributes$/,
    (views, name) => views.attributes(name),
    "no such resource: GET /v1/guests lists them",
  ],
] as const satisfies readonly (readonly [
  RegExp,
  (views: Views, name: string) => JsonValue | undefined,
  string,
])[];

function namedView(views: Views, path: string): ((response: ServerResponse) => void) | undefined {
  for (const [pattern, show, unknown] of NAMED_VIEWS) {
    const name = decoded(pattern.exec(path)?.[1]);
    if (name === undefined) continue;
    return (response) => {
      const shown = show(views, name);
      if (shown === undefined) refuse(response, 404, unknown);
      else sendJson(response, shown);
    };
  }
  return undefined;
}

function decoded(encoded: string | undefined): string | undefined {
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined; // not percent-encoded UTF-8: such a name does not exist
  }
}

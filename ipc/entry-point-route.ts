import type { IncomingMessage, ServerResponse } from "node:http";
import { isActionToken, isEntryPointName, isLegalExitCode } from "./entry-point-names.ts";
import { IpcError } from "./ipc-error.ts";
import type { IpcLog } from "./ipc-log.ts";
import {
  BY_HAND_HEADER,
  decodeArguments,
  type EntryPointRequest,
  encodeReply,
  kindOf,
  type Limits,
  type RequestHandler,
  SHIM_PID_HEADER,
} from "./protocol.ts";
import { readBody, tooLarge } from "./request-body.ts";
import { refuse, sendBody } from "./respond.ts";
import type { RunningRequests } from "./running-requests.ts";
import { shimPidOf, watchShim } from "./shim-watch.ts";
import type { Spell } from "./spell.ts";

/** What a path under /v1/entry-points or /v1/actions asks for. */
export type EntryPointTarget =
  | Pick<EntryPointRequest & { kind: "entry-point" }, "kind" | "name">
  | Pick<EntryPointRequest & { kind: "action" }, "kind" | "name">;

interface RouteContext {
  readonly handler: RequestHandler;
  readonly limits: Limits;
  readonly log: IpcLog;
  readonly running: RunningRequests;
  /** Requests that are refused because too many run. */
  readonly crowded: Spell;
}

/** Reads the target out of a path, undefined when there is no such entry point. */
export function entryPointTarget(path: string): EntryPointTarget | undefined {
  const [, folder, name = ""] = /^\/v1\/(entry-points|actions)\/([^/]+)$/.exec(path) ?? [];
  if (folder === "actions" && isActionToken(name)) return { kind: "action", name };
  if (folder === "entry-points" && isEntryPointName(name)) return { kind: "entry-point", name };
  return undefined;
}

/** Runs one entry point: reads its arguments, asks the handler, answers. Never throws. */
export async function runEntryPoint(
  context: RouteContext,
  target: EntryPointTarget,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { limits, log, running, crowded } = context;
  if (running.count >= limits.requestsAtOnce) {
    crowded.happened({ entryPoint: target.name, running: running.count });
    refuse(response, 503, `${running.count} requests run already: try again, or find out what holds them`);
    return;
  }
  const controller = running.begin();
  const answered = new Promise<void>((resolve) => response.once("close", resolve));
  try {
    await answer(context, target, request, response, controller);
  } catch (error) {
    refuseFor(error, response, log, target);
  }
  await answered;
  running.end(controller);
}

async function answer(
  { handler, limits }: RouteContext,
  target: EntryPointTarget,
  request: IncomingMessage,
  response: ServerResponse,
  controller: AbortController,
): Promise<void> {
  const args = decodeArguments(await receive(request, response, limits.bodyBytes));
  const stopWatching = abortWhenGone(target, request, response, controller);
  try {
    const byHand = request.headers[BY_HAND_HEADER] === "1" ? { isByHand: true as const } : {};
    const asked = { ...target, args, signal: controller.signal, ...byHand };
    const reply = await handler(asked);
    if (!isLegalExitCode(kindOf(asked), reply.exitCode)) {
      throw new TypeError(`${target.name} must not exit with ${reply.exitCode}`);
    }
    sendBody(response, 200, "text/plain; charset=utf-8", encodeReply(reply));
  } finally {
    stopWatching();
  }
}

/**
 * Reads a request's body. A client that announced one over the limit and waits for leave to send it is told before it does.
 *
 * @throws {IpcError} TOO_LARGE; the stream's own error when the client goes away
 */
export async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
): Promise<Buffer> {
  if (request.headers.expect !== undefined) {
    if (Number(request.headers["content-length"]) > limitBytes) throw tooLarge(limitBytes);
    response.writeContinue();
  }
  return readBody(request, limitBytes);
}

/** Aborts the request when its connection closes, or its shim ends, before the answer. */
function abortWhenGone(
  { name }: EntryPointTarget,
  request: IncomingMessage,
  response: ServerResponse,
  controller: AbortController,
): () => void {
  function onClose(): void {
    if (response.writableFinished) return;
    controller.abort(new IpcError("CLIENT_GONE", "the connection closed before the answer"));
  }
  response.once("close", onClose);
  const pid = shimPidOf(request.headers[SHIM_PID_HEADER]);
  if (pid === undefined) return () => {};
  return watchShim(pid, name, () => {
    controller.abort(new IpcError("CLIENT_GONE", "the shim ended before the answer"));
    request.socket.destroy(); // ends the curl that the shim left behind
  });
}

function refuseFor(error: unknown, response: ServerResponse, log: IpcLog, { name }: EntryPointTarget): void {
  if (error instanceof IpcError && error.code === "TOO_LARGE") {
    refuse(response, 413, error.message);
  } else if (error instanceof IpcError && error.code === "BAD_REQUEST") {
    refuse(response, 400, error.message);
  } else if (response.destroyed) {
    log.debug({ entryPoint: name, err: error }, "request ended without a client");
    return;
  } else {
    log.error({ entryPoint: name, err: error }, "request failed");
    refuse(
      response,
      500,
      "the daemon failed at this request: its log has the reason (journalctl -u vcskvmguestd)",
    );
    return;
  }
  log.warn({ entryPoint: name, code: error.code }, "request refused");
}

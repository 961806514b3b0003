import type { IncomingMessage, ServerResponse } from "node:http";
import type { Controls } from "./controls.ts";
import { type EntryPointTarget, entryPointTarget, receive } from "./entry-point-route.ts";
import { IpcError } from "./ipc-error.ts";
import type { IpcLog } from "./ipc-log.ts";
import { decodeArguments, type JsonValue, type Limits } from "./protocol.ts";
import { refuse, sendJson } from "./respond.ts";
import type { RunningRequests } from "./running-requests.ts";

/** A path that asks the daemon itself for something. */
export type Control =
  | { readonly kind: "log level" }
  | { readonly kind: "dry run"; readonly target: EntryPointTarget };

interface ControlContext {
  readonly controls: Controls;
  readonly limits: Limits;
  readonly log: IpcLog;
  readonly running: RunningRequests;
}

/** Reads a control out of a path; undefined when it is none. */
export function controlAt(path: string): Control | undefined {
  if (path === "/v1/log-level") return { kind: "log level" };
  if (!path.startsWith("/v1/dry-run/")) return undefined;
  const target = entryPointTarget(path.replace("/v1/dry-run/", "/v1/"));
  return target === undefined ? undefined : { kind: "dry run", target };
}

/**
 * Answers a control; only reading is allowed on the read-only socket. Never throws.
 *
 * @param isReadOnly whether the request came over that socket
 */
export async function runControl(
  context: ControlContext,
  control: Control,
  request: IncomingMessage,
  response: ServerResponse,
  isReadOnly: boolean,
): Promise<void> {
  const { method = "" } = request;
  const allowed = control.kind === "log level" ? ["GET", "POST"] : ["POST"];
  if (!allowed.includes(method)) {
    refuse(response, 405, "this path is not used in this way: see docs/protocol.md", allowed.join(", "));
  } else if (isReadOnly && method === "POST") {
    refuse(response, 403, "this socket is for reading only: use the agent's socket");
  } else {
    await answer(context, control, request, response);
  }
}

async function answer(
  context: ControlContext,
  control: Control,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { limits, log, running } = context;
  if (running.count >= limits.requestsAtOnce) {
    refuse(response, 503, `${running.count} requests run already: try again`);
    return;
  }
  const controller = running.begin();
  const gone = () => controller.abort(new IpcError("CLIENT_GONE", "the connection closed before the answer"));
  response.once("close", gone);
  try {
    const body = await receive(request, response, limits.bodyBytes);
    const shown = await resultOf(
      context.controls,
      control,
      request.method === "POST",
      body,
      controller.signal,
    );
    sendJson(response, shown);
  } catch (error) {
    if (error instanceof IpcError && (error.code === "BAD_REQUEST" || error.code === "TOO_LARGE"))
      refuse(response, error.code === "TOO_LARGE" ? 413 : 400, error.message);
    else if (!response.destroyed) {
      log.error({ control: control.kind, err: error }, "request of an operator failed");
      refuse(response, 500, "the daemon failed at this request: its log has the reason");
    }
  } finally {
    response.off("close", gone);
    running.end(controller);
  }
}

async function resultOf(
  controls: Controls,
  control: Control,
  isPost: boolean,
  body: Buffer,
  signal: AbortSignal,
): Promise<JsonValue> {
  if (control.kind === "dry run")
    return controls.dryRun({ ...control.target, args: decodeArguments(body), signal });
  const before = controls.logLevel();
  if (isPost) controls.setLogLevel(body.toString("utf8").trim());
  return { level: controls.logLevel(), before };
}

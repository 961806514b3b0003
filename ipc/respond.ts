import { type ServerResponse, STATUS_CODES } from "node:http";
import type { IpcLog } from "./ipc-log.ts";
import type { JsonValue } from "./protocol.ts";
import type { MetricsText } from "./views.ts";

/** Refuses a request with one plain line that says what to do, and ends the connection. */
export function refuse(response: ServerResponse, status: number, line: string, allow?: string): void {
  if (allow !== undefined) response.setHeader("Allow", allow);
  response.setHeader("Connection", "close");
  sendBody(response, status, "text/plain; charset=utf-8", Buffer.from(`${line}\n`));
}

/** Answers with JSON, ended by a line feed for people who read it with curl. */
export function sendJson(response: ServerResponse, value: JsonValue): void {
  sendBody(response, 200, "application/json", Buffer.from(`${JSON.stringify(value)}\n`));
}

/** How long a reader of metrics may take nothing: what waits for it is kept in memory. */
const METRICS_UNREAD_MS = 5000;

/** Answers with metrics; a reader that takes none of them is cut after a while. Never rejects. */
export async function sendMetrics(
  response: ServerResponse,
  metrics: () => Promise<MetricsText>,
  log: IpcLog,
): Promise<void> {
  try {
    const { type, body } = await metrics();
    response.setTimeout(METRICS_UNREAD_MS, () => response.destroy());
    sendBody(response, 200, type, Buffer.from(body));
  } catch (error) {
    log.error({ err: error }, "metrics cannot be collected");
    refuse(response, 500, "the daemon failed at this request: its log has the reason");
  }
}

/** Sends a whole answer with its length, so that a client can tell when it was cut off. */
export function sendBody(response: ServerResponse, status: number, type: string, body: Buffer): void {
  if (response.headersSent || response.destroyed) return; // the client went away, or was answered
  response.writeHead(status, { "Content-Type": type, "Content-Length": body.length });
  response.end(body);
}

/** A refusal as raw bytes, for requests that never became one: broken, too slow, too long a head. */
export function rawRefusal(status: number, line: string): string {
  const body = `${line}\n`;
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}

import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { type EngineParts, serve } from "./engine.ts";
import type { Fault, Faults } from "./faults.ts";
import { type HttpReply, type HttpRequest, textReply } from "./http-message.ts";
import { replyInstead, spoiled } from "./spoiled-reply.ts";

/** A request that came, and what was answered. */
export interface SeenRequest extends HttpRequest {
  /** When it came, as performance.now() tells it. */
  readonly at: number;
  /** undefined while there is no answer, or when there never was one. */
  status: number | undefined;
  readonly fault: Fault | undefined;
}

/** What stands between the wire and the engine. */
export interface Front extends EngineParts {
  readonly faults: Faults;
  readonly seen: SeenRequest[];
}

const SLOW_PIECE_BYTES = 64;
const SLOW_GAP_MS = 100;
const BODY_LIMIT_BYTES = 1 << 20;

/** Reads one request, has it served, and answers; or does what a fault wants. */
export async function handle(
  front: Front,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = incoming.method ?? "GET";
  const hasUnreadBody = method === "GET" && incoming.headers["content-length"] !== undefined;
  // some clients announce a body with a GET and never send it: nobody waits for it, and nothing follows on this connection
  const body = method === "GET" ? "" : await readBody(incoming);
  const asked: HttpRequest = { method, url: incoming.url ?? "", headers: incoming.headers, body };
  const fault = front.faults.take(asked);
  const seen: SeenRequest = { ...asked, at: performance.now(), status: undefined, fault };
  front.seen.push(seen);
  if (fault === "hang") return;
  if (fault === "reset") {
    response.destroy();
    return;
  }
  const reply = (fault === undefined ? undefined : replyInstead(fault)) ?? (await servedBy(front, asked));
  if (fault === "hang-after") return;
  if (fault === "lost-answer") {
    response.destroy();
    return;
  }
  seen.status = reply.status;
  const closes = front.site.release.closesConnections || hasUnreadBody;
  await write(response, spoiled(reply, fault), fault, { closes, gzips: accepts(asked, "gzip") });
}

/** What nobody expected is the test's to see: it is answered with words that no engine has. */
async function servedBy(front: Front, asked: HttpRequest): Promise<HttpReply> {
  try {
    return await serve(asked, front);
  } catch (error) {
    const words = error instanceof Error ? (error.stack ?? error.message) : "unknown";
    return textReply(500, `the simulator itself failed: ${words}`);
  }
}

function accepts({ headers }: HttpRequest, coding: string): boolean {
  return (headers["accept-encoding"] ?? "").includes(coding);
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of incoming) {
    if (!Buffer.isBuffer(piece)) continue;
    size += piece.length;
    if (size <= BODY_LIMIT_BYTES) pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

async function write(
  response: ServerResponse,
  reply: HttpReply,
  fault: Fault | undefined,
  { closes, gzips }: { readonly closes: boolean; readonly gzips: boolean },
): Promise<void> {
  const isZipped = gzips && fault === undefined && (reply.headers["Content-Type"] ?? "").includes("xml");
  const body = isZipped ? gzipSync(reply.body) : bytesOf(reply);
  response.writeHead(reply.status, {
    Date: new Date().toUTCString(),
    ...reply.headers,
    ...(isZipped ? { "Content-Encoding": "gzip" } : {}),
    ...(closes ? { Connection: "close" } : {}),
    "Content-Length": body.length,
  });
  if (fault === "cut") {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
    return;
  }
  if (fault === "slow") await dribble(response, body);
  response.end(fault === "slow" ? undefined : body);
}

function bytesOf({ body }: HttpReply): Buffer {
  return typeof body === "string" ? Buffer.from(body) : body;
}

async function dribble(response: ServerResponse, body: Buffer): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += SLOW_PIECE_BYTES) {
    response.write(body.subarray(at, at + SLOW_PIECE_BYTES));
    await new Promise((resolve) => setTimeout(resolve, SLOW_GAP_MS));
  }
}

import type { IncomingMessage } from "node:http";
import { IpcError } from "./ipc-error.ts";

/**
 * Reads a whole request body. What is over the limit is read and dropped, so that the client is done with
 * sending when the refusal comes, and reads it.
 *
 * @throws {IpcError} TOO_LARGE; the stream's own error when the client goes away
 */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= limitBytes) chunks.push(chunk);
    else chunks.length = 0;
  });
  await new Promise<void>((resolve, reject) => {
    request.once("end", resolve);
    request.once("error", reject);
  });
  if (bytes > limitBytes) throw tooLarge(limitBytes);
  return Buffer.concat(chunks);
}

/** The refusal of a body over the limit. */
export function tooLarge(limitBytes: number): IpcError {
  return new IpcError(
    "TOO_LARGE",
    `the arguments have more than ${limitBytes} bytes: shorten the attributes`,
  );
}

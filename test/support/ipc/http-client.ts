import { request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

/** One HTTP request over a Unix socket, read to the end. */
export function ask(
  socketPath: string,
  method: string,
  path: string,
  body: Uint8Array | string = "",
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers, agent: false }, (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: answer }),
        reject,
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** What the server says to raw bytes, until it closes the connection. */
export async function askRaw(socketPath: string, bytes: string): Promise<string> {
  const socket = connect(socketPath);
  socket.write(bytes);
  return text(socket);
}

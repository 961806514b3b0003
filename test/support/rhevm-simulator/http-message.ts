import type { IncomingHttpHeaders } from "node:http";

/** A request as it was read. */
export interface HttpRequest {
  readonly method: string;
  /** Path, parameters and query, as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An answer to be written. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A header's value, as one text. */
export function headerOf({ headers }: HttpRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/** A page such as the servers in and before the engine make. */
export function htmlReply(
  status: number,
  words: string,
  headers: Readonly<Record<string, string>> = {},
): HttpReply {
  const body = `<html><head><title>Error</title></head><body>${words}</body></html>`;
  return { status, headers: { "Content-Type": "text/html;charset=UTF-8", ...headers }, body };
}

/** What the web server says while the engine behind it is away. */
export function unavailableReply(): HttpReply {
  const words =
    "<h1>Service Unavailable</h1><p>The server is temporarily unable to service your request.</p>";
  const body = `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>503 Service Unavailable</title>\n</head><body>\n${words}\n</body></html>\n`;
  return { status: 503, headers: { "Content-Type": "text/html; charset=iso-8859-1" }, body };
}

/** A text that is no document. */
export function textReply(status: number, body: string, type = "text/plain"): HttpReply {
  return { status, headers: { "Content-Type": type }, body };
}

import { lstat } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { IpcError, type IpcErrorCode } from "./ipc-error.ts";

/** Where the daemon is asked, and how long it is waited for. */
export interface ClientOptions {
  /** Path of the daemon's socket. */
  readonly socket: string;
  /** Milliseconds for a whole answer; of a stream, for its beginning. */
  readonly limitMs: number;
  /** Gives the request up. */
  readonly signal: AbortSignal;
}

/** One request to the daemon. */
export interface DaemonRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** Source: unix(7), sun_path has 108 bytes with the final NUL. */
const PATH_LIMIT_BYTES = 107;

/** No answer of the daemon comes near to this. */
const ANSWER_LIMIT_BYTES = 67_108_864;

/** An event is far shorter. */
const LINE_LIMIT_CHARACTERS = 1_048_576;

/**
 * Asks the daemon once and returns the text of its answer.
 *
 * @throws {IpcError} SOCKET_PATH, NO_DAEMON, NOT_ALLOWED, NO_ANSWER, BAD_ANSWER, or NOT_FOUND and REFUSED with the daemon's own line;
 *   what the signal was aborted with
 */
export async function askDaemon(asked: DaemonRequest, options: ClientOptions): Promise<string> {
  const limit = AbortSignal.timeout(options.limitMs);
  const signal = AbortSignal.any([options.signal, limit]);
  try {
    const response = await open(asked, options.socket, signal);
    const body = await wholeBody(response);
    if (response.statusCode === 200) return body;
    throw refusal(response.statusCode, body);
  } catch (error) {
    throw await translated(error, options, limit);
  }
}

/**
 * Hands over each line that the daemon sends, until it ends the stream or the signal aborts, which is no error.
 *
 * @param onOpen called when the daemon has taken the reader on: from then on nothing is missed
 * @throws {IpcError} as askDaemon
 */
export async function followDaemon(
  path: string,
  options: ClientOptions,
  onOpen: () => void,
  onLine: (line: string) => void,
): Promise<void> {
  const ended = new AbortController();
  const late = setTimeout(() => ended.abort(), options.limitMs);
  const signal = AbortSignal.any([options.signal, ended.signal]);
  try {
    const response = await open({ method: "GET", path }, options.socket, signal);
    clearTimeout(late);
    if (response.statusCode !== 200) throw refusal(response.statusCode, await wholeBody(response));
    onOpen();
    await eachLine(response, onLine);
  } catch (error) {
    if (options.signal.aborted) return;
    throw await translated(error, options, ended.signal);
  } finally {
    clearTimeout(late);
  }
}

function open(
  { method, path, headers = {}, body = "" }: DaemonRequest,
  socketPath: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  checkSocketPath(socketPath);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ socketPath, method, path, headers, agent: false, signal }, resolve);
    sent.on("error", reject);
    sent.end(body);
  });
}

function checkSocketPath(path: string): void {
  if (path === "" || path.includes("\0"))
    throw new IpcError("SOCKET_PATH", `${JSON.stringify(path)} is no path of a socket`);
  const bytes = Buffer.byteLength(path);
  if (bytes <= PATH_LIMIT_BYTES) return;
  throw new IpcError(
    "SOCKET_PATH",
    `the socket path has ${bytes} bytes; the kernel takes at most ${PATH_LIMIT_BYTES}`,
  );
}

async function wholeBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES)
      response.destroy(new IpcError("BAD_ANSWER", "the answer has no end: is this vcskvmguestd?"));
  });
  await ending(response);
  return Buffer.concat(chunks).toString("utf8");
}

async function eachLine(response: IncomingMessage, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  response.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
    if (rest.length > LINE_LIMIT_CHARACTERS)
      response.destroy(new IpcError("BAD_ANSWER", "a line of the answer has no end: is this vcskvmguestd?"));
  });
  await ending(response);
}

/** Resolves at a complete end; a connection that breaks off before is an error. */
function ending(response: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    response.once("end", resolve);
    response.once("error", reject);
  });
}

function refusal(status: number | undefined, body: string): IpcError {
  const line = body.split("\n", 1)[0] ?? "";
  return new IpcError(
    codeOfStatus(status),
    line === "" ? `vcskvmguestd refuses the request (HTTP ${status})` : line,
  );
}

function codeOfStatus(status: number | undefined): IpcErrorCode {
  if (status === 403) return "NOT_ALLOWED";
  return status === 404 ? "NOT_FOUND" : "REFUSED";
}

/** The operator's words for what happened; what the caller gave up is passed on as it is. */
async function translated(error: unknown, options: ClientOptions, limit: AbortSignal): Promise<unknown> {
  if (error instanceof IpcError) return error;
  if (options.signal.aborted) return options.signal.reason;
  const { socket, limitMs } = options;
  if (limit.aborted) return noAnswer(socket, limitMs, error);
  const code = codeOf(error);
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return new IpcError(
        "NO_DAEMON",
        `there is no socket ${socket}: vcskvmguestd does not run (systemctl status vcskvmguestd), or it has another socket (--socket)`,
        { cause: error },
      );
    case "ECONNREFUSED":
      return nobodyThere(socket, error);
    case "EACCES":
    case "EPERM":
      return new IpcError(
        "NOT_ALLOWED",
        `this user may not use ${socket}: run it as root, or name the read-only socket with --socket`,
        { cause: error },
      );
    case "EAGAIN":
      return noAnswer(socket, limitMs, error);
    case "ECONNRESET":
    case "EPIPE":
      return new IpcError(
        "BAD_ANSWER",
        "vcskvmguestd ended before its answer was complete: journalctl -u vcskvmguestd",
        { cause: error },
      );
    default:
      return new IpcError("BAD_ANSWER", `what answers at ${socket} is not vcskvmguestd (${code})`, {
        cause: error,
      });
  }
}

function noAnswer(socket: string, limitMs: number, cause: unknown): IpcError {
  return new IpcError(
    "NO_ANSWER",
    `no answer at ${socket} within ${limitMs / 1000} s: vcskvmguestd hangs or is stopped; systemctl restart vcskvmguestd touches no guest`,
    { cause },
  );
}

async function nobodyThere(socket: string, cause: unknown): Promise<IpcError> {
  const found = await lstat(socket).catch(() => undefined); // removed since: nobody is there either
  if (found !== undefined && !found.isSocket() && !found.isSymbolicLink())
    return new IpcError("SOCKET_PATH", `${socket} is not a socket: name the daemon's with --socket`, {
      cause,
    });
  return new IpcError(
    "NO_DAEMON",
    `nobody answers at ${socket}, its daemon is gone: systemctl start vcskvmguestd`,
    { cause },
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "no code";
}

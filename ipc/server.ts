import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { controlAt, runControl } from "./control-routes.ts";
import type { Controls } from "./controls.ts";
import { entryPointTarget, runEntryPoint } from "./entry-point-route.ts";
import { EventStream } from "./event-stream.ts";
import type { InheritedSocket } from "./inherited-socket.ts";
import { IpcError } from "./ipc-error.ts";
import type { IpcLog } from "./ipc-log.ts";
import { listenOnSocket, type OwnedSocket, type SocketAddress } from "./listen.ts";
import type { Limits, RequestHandler } from "./protocol.ts";
import { rawRefusal, refuse } from "./respond.ts";
import { RunningRequests } from "./running-requests.ts";
import { Spell } from "./spell.ts";
import { answerView } from "./view-routes.ts";
import type { Views } from "./views.ts";

export interface ServerOptions {
  /** Absolute path of the socket for entry points; at most 107 bytes. */
  readonly socket: string;
  /** The same socket, where systemd listens on it for us. */
  readonly inherited?: InheritedSocket | undefined;
  /** A second socket for GET only, open to a group; in a folder of its own. */
  readonly readOnlySocket?: { readonly path: string; readonly gid: number };
  readonly handler: RequestHandler;
  readonly views: Views;
  readonly controls: Controls;
  readonly limits: Limits;
  readonly log: IpcLog;
}

export interface IpcServer {
  /**
   * Takes no more requests, lets the running ones end until the deadline, then aborts them (STOPPING) and
   * closes. Resolves when the sockets are removed. A second call waits for the first.
   */
  stop(deadlineMs: number): Promise<void>;
}

const DROPPED = {
  level: "warn",
  begins: "connection dropped, too many at once",
  ends: "connections are taken again",
} as const;
const FAILED = { level: "error", begins: "socket failed", ends: "socket works again" } as const;
const CROWDED = {
  level: "warn",
  begins: "request refused, too many at once",
  ends: "requests are taken again",
} as const;

/** Time for a handler to answer after it was aborted, in milliseconds. */
const ABORTED_GRACE_MS = 1_000;

/**
 * Serves entry points and views on Unix sockets that no other process serves.
 *
 * @param signal when aborted, the server stops as by `stop(0)`
 * @throws {IpcError} SOCKET_PATH, SOCKET_IN_USE or LOCK_FAILED
 */
export async function startServer(options: ServerOptions, signal: AbortSignal): Promise<IpcServer> {
  signal.throwIfAborted();
  const server = new UnixServer(options);
  try {
    await server.listen({ path: options.socket, inherited: options.inherited }, "entry points");
    if (options.readOnlySocket !== undefined) await server.listen(options.readOnlySocket, "read only");
    signal.throwIfAborted();
  } catch (error) {
    await server.stop(0);
    throw error;
  }
  signal.addEventListener("abort", () => void server.stop(0), { once: true });
  return server;
}

class UnixServer implements IpcServer {
  readonly #options: ServerOptions;
  readonly #events: EventStream;
  readonly #running = new RunningRequests();
  readonly #listening: { server: Server; owned: OwnedSocket }[] = [];
  readonly #crowded: Spell;
  #stopped: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#events = new EventStream(options);
    this.#crowded = new Spell(CROWDED, options.log);
  }

  async listen(address: SocketAddress, access: "entry points" | "read only"): Promise<void> {
    const { limits, log } = this.#options;
    const server = createHttpServer(limits, log, (request, response) => {
      this.#route(request, response, access === "read only");
    });
    const owned = await listenOnSocket(server, address);
    this.#listening.push({ server, owned });
    const from = address.inherited === undefined ? {} : { from: "systemd" };
    log.info({ socket: address.path, access, ...from }, "listening");
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const closed = this.#listening.map(
      ({ server }) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.#events.end();
    await this.#running.idle(deadlineMs);
    this.#running.abortAll(new IpcError("STOPPING", "vcskvmguestd is stopping"));
    await this.#running.idle(ABORTED_GRACE_MS);
    for (const { server } of this.#listening) server.closeAllConnections();
    await Promise.all(closed);
    for (const { owned } of this.#listening) await owned.release();
  }

  #route(request: IncomingMessage, response: ServerResponse, readOnly: boolean): void {
    const { views, log } = this.#options;
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const target = entryPointTarget(path);
    const control = controlAt(path);
    if (this.#stopped !== undefined) {
      refuse(response, 503, "vcskvmguestd is stopping: try again when it runs");
    } else if (control !== undefined) {
      void runControl({ ...this.#options, running: this.#running }, control, request, response, readOnly);
    } else if (target === undefined) {
      answerView({ views, log, events: this.#events }, path, request, response);
    } else if (readOnly) {
      refuse(response, 403, "this socket is for reading only: entry points use the agent's socket");
    } else if (request.method !== "POST") {
      refuse(response, 405, "an entry point is run with POST", "POST");
    } else {
      void runEntryPoint(
        { ...this.#options, running: this.#running, crowded: this.#crowded },
        target,
        request,
        response,
      );
    }
  }
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

function createHttpServer(limits: Limits, log: IpcLog, listener: Listener): Server {
  const server = createServer(
    {
      requestTimeout: limits.readRequestMs,
      headersTimeout: limits.readRequestMs,
      connectionsCheckingInterval: Math.ceil(limits.readRequestMs / 10),
    },
    listener,
  );
  server.maxConnections = limits.connections;
  const drops = new Spell(DROPPED, log);
  const failures = new Spell(FAILED, log);
  server.on("drop", () => drops.happened({ connections: limits.connections }));
  server.on("checkContinue", listener); // so that the size is checked before the body is sent
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseBroken(error, socket, limits));
  server.on("error", (error) => failures.happened({ err: error }));
  return server;
}

/** Answers what is no HTTP request, or took too long to become one. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex, limits: Limits): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  socket.end(refusalOf(error, limits), () => socket.destroy());
}

function refusalOf({ code }: NodeJS.ErrnoException, limits: Limits): string {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return rawRefusal(408, `the request was not complete after ${limits.readRequestMs} ms: send it whole`);
  }
  if (code === "HPE_HEADER_OVERFLOW") {
    return rawRefusal(431, "the head of the request is too long: arguments belong into the body");
  }
  return rawRefusal(400, "this is no HTTP/1.1 request: see docs/protocol.md");
}

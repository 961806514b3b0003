import type { IpcLog } from "./ipc-log.ts";
import type { Limits, RequestHandler } from "./protocol.ts";
import type { Views } from "./views.ts";

export interface ServerOptions {
  /** Absolute path of the socket for entry points; at most 107 bytes. */
  readonly socket: string;
  /** A second socket for GET only, open to a group; in a folder of its own. */
  readonly readOnlySocket?: { readonly path: string; readonly gid: number };
  readonly handler: RequestHandler;
  readonly views: Views;
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

/**
 * Serves entry points and views on Unix sockets that no other process serves.
 *
 * @param signal when aborted, the server stops as by `stop(0)`
 * @throws {IpcError} SOCKET_PATH, SOCKET_IN_USE or LOCK_FAILED
 */
export async function startServer(options: ServerOptions, signal: AbortSignal): Promise<IpcServer> {
  signal.throwIfAborted();
  throw new Error(`not yet: ${options.socket}`);
}

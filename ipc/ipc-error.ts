/** What went wrong between the processes, as callers tell it apart. The message is for the operator. */
export type IpcErrorCode =
  | "SOCKET_PATH" // the path cannot hold a socket of ours; only an administrator can repair it
  | "SOCKET_IN_USE" // another daemon serves this socket
  | "LOCK_FAILED" // the lock file or flock(1) is not usable
  | "BAD_REQUEST" // a request that does not parse
  | "TOO_LARGE" // a request over the size limit
  | "CLIENT_GONE" // the shim went away before its answer; a reason of an abort
  | "STOPPING"; // the server ends; a reason of an abort

/** The only error ipc throws on purpose. No argument of a request is ever in its message. */
export class IpcError extends Error {
  override readonly name = "IpcError";
  readonly code: IpcErrorCode;

  constructor(code: IpcErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

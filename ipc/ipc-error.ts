/** What went wrong between the processes, as callers tell it apart. The message is for the operator. */
export type IpcErrorCode =
  | "SOCKET_PATH" // the path cannot hold a socket of ours; only an administrator can repair it
  | "SOCKET_IN_USE" // another daemon serves this socket
  | "LOCK_FAILED" // the lock file or flock(1) is not usable
  | "BAD_REQUEST" // a request that does not parse
  | "TOO_LARGE" // a request over the size limit
  | "CLIENT_GONE" // the shim went away before its answer; a reason of an abort
  | "STOPPING" // the server ends; a reason of an abort
  | "NO_DAEMON" // a client found no socket, or nobody behind it
  | "NOT_ALLOWED" // this user may not use the socket
  | "NO_ANSWER" // the daemon did not answer in time
  | "NOT_FOUND" // the daemon answered and does not know this name
  | "REFUSED" // the daemon answered and says no
  | "BAD_ANSWER"; // an answer that is cut off or does not parse

/** The only error ipc throws on purpose. No argument of a request is ever in its message. */
export class IpcError extends Error {
  override readonly name = "IpcError";
  readonly code: IpcErrorCode;

  constructor(code: IpcErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

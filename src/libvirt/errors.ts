/**
 * The numbers of libvirt's errors that callers decide by. The full list has over a hundred.
 *
 * Source: libvirt/virterror.h, virErrorNumber.
 */
export const ERROR_CODE = {
  INTERNAL_ERROR: 1,
  NO_SUPPORT: 3,
  NO_CONNECT: 5,
  INVALID_ARG: 8,
  OPERATION_FAILED: 9,
  XML_ERROR: 27,
  DOM_EXIST: 28,
  OPERATION_DENIED: 29,
  SYSTEM_ERROR: 38,
  RPC: 39,
  NO_DOMAIN: 42,
  AUTH_FAILED: 45,
  OPERATION_INVALID: 55,
  CONFIG_UNSUPPORTED: 67,
  OPERATION_TIMEOUT: 68,
  ARGUMENT_UNSUPPORTED: 74,
  OPERATION_ABORTED: 78,
  AUTH_CANCELLED: 79,
  NO_DOMAIN_METADATA: 80,
  MIGRATE_UNSAFE: 81,
  OPERATION_UNSUPPORTED: 84,
  AGENT_UNRESPONSIVE: 86,
  RESOURCE_BUSY: 87,
  ACCESS_DENIED: 88,
  AUTH_UNAVAILABLE: 94,
} as const;

/**
 * The parts of libvirt an error can come from, as far as callers decide by them.
 *
 * Source: libvirt/virterror.h, virErrorDomain.
 */
export const ERROR_DOMAIN = {
  NONE: 0,
  DOM: 6,
  RPC: 7,
  QEMU: 10,
  TEST: 12,
  REMOTE: 13,
  DOMAIN: 20,
  LOCKING: 42,
  AUTH: 46,
  LOCKSPACE: 51,
  ACCESS: 55,
  POLKIT: 60,
} as const;

/** What libvirtd put into an error reply. */
export type ErrorReply = {
  code: number;
  domain: number;
  level: number;
  message: string;
  str1: string | null;
  str2: string | null;
  str3: string | null;
  int1: number;
  int2: number;
};

/** libvirt answered, and the answer is no. `message` is libvirt's own. */
export class LibvirtError extends Error {
  override readonly name = "LibvirtError";
  /** virErrorNumber, for instance 42: no such domain. Numbers newer than this file are passed through. */
  readonly code: number;
  /** virErrorDomain: which part of libvirt says so. */
  readonly domain: number;
  /** virErrorLevel: 1 warning, 2 error. */
  readonly level: number;
  /** The call that was refused, by its name in the procedure table. */
  readonly procedure: string;
  readonly str1: string | null;
  readonly str2: string | null;
  readonly str3: string | null;
  readonly int1: number;
  readonly int2: number;

  constructor(procedure: string, reply: ErrorReply) {
    super(reply.message);
    this.procedure = procedure;
    this.code = reply.code;
    this.domain = reply.domain;
    this.level = reply.level;
    this.str1 = reply.str1;
    this.str2 = reply.str2;
    this.str3 = reply.str3;
    this.int1 = reply.int1;
    this.int2 = reply.int2;
  }
}

/**
 * Why a call has no answer of libvirt:
 * - `timed out`: no reply within the call's time; what was asked may still happen
 * - `cancelled`: the caller's signal was aborted; what was asked may still happen
 * - `closed`: the connection is lost or closed; what was asked may have happened
 * - `protocol`: an answer came that cannot be understood
 * - `no socket`: no daemon can be reached
 * - `auth`: the daemon wants an authentication that is refused or unknown here; the message says what to do
 * - `overloaded`: too much is waiting on this connection; nothing was sent
 * - `argument`: the arguments cannot be sent (a UUID that is none, a number out of range); nothing was sent
 */
export type LibvirtCallErrorKind =
  | "timed out"
  | "cancelled"
  | "closed"
  | "protocol"
  | "no socket"
  | "auth"
  | "overloaded"
  | "argument";

/** There is no answer from libvirt. `kind` says why and is stable; `message` is for people. */
export class LibvirtCallError extends Error {
  override readonly name = "LibvirtCallError";
  readonly kind: LibvirtCallErrorKind;

  constructor(kind: LibvirtCallErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Whether libvirt itself answered, with an error of this code (see {@link ERROR_CODE}). */
export function hasErrorCode(error: unknown, code: number): error is LibvirtError {
  return error instanceof LibvirtError && error.code === code;
}

/** libvirt knows no such domain. */
export function isNoDomain(error: unknown): error is LibvirtError {
  return hasErrorCode(error, ERROR_CODE.NO_DOMAIN);
}

/** The domain is not in a state for this: not running, or running already. */
export function isOperationInvalid(error: unknown): error is LibvirtError {
  return hasErrorCode(error, ERROR_CODE.OPERATION_INVALID);
}

/** libvirt gave up waiting, mostly for another job of the same domain; not our own deadline. */
export function isOperationTimeout(error: unknown): error is LibvirtError {
  return hasErrorCode(error, ERROR_CODE.OPERATION_TIMEOUT);
}

/** Somebody aborted the job. */
export function isAborted(error: unknown): error is LibvirtError {
  return hasErrorCode(error, ERROR_CODE.OPERATION_ABORTED);
}

/** The guest agent does not run, or does not answer. */
export function isAgentUnresponsive(error: unknown): error is LibvirtError {
  return hasErrorCode(error, ERROR_CODE.AGENT_UNRESPONSIVE);
}

/** The driver or this libvirt cannot do it at all. */
export function isUnsupported(error: unknown): error is LibvirtError {
  return (
    hasErrorCode(error, ERROR_CODE.NO_SUPPORT) ||
    hasErrorCode(error, ERROR_CODE.OPERATION_UNSUPPORTED) ||
    hasErrorCode(error, ERROR_CODE.ARGUMENT_UNSUPPORTED) ||
    hasErrorCode(error, ERROR_CODE.CONFIG_UNSUPPORTED)
  );
}

/** A lock manager (virtlockd, sanlock) says that somebody else holds a disk of the domain. */
export function isDiskLocked(error: unknown): error is LibvirtError {
  if (!hasErrorCode(error, ERROR_CODE.RESOURCE_BUSY)) return false;
  return error.domain === ERROR_DOMAIN.LOCKING || error.domain === ERROR_DOMAIN.LOCKSPACE;
}

/** libvirt refuses because of who asks. */
export function isAccessDenied(error: unknown): error is LibvirtError {
  return (
    hasErrorCode(error, ERROR_CODE.ACCESS_DENIED) ||
    hasErrorCode(error, ERROR_CODE.OPERATION_DENIED) ||
    hasErrorCode(error, ERROR_CODE.AUTH_FAILED)
  );
}

/** The deadline given to the call passed; libvirt has not answered. */
export function isTimedOut(error: unknown): error is LibvirtCallError {
  return error instanceof LibvirtCallError && error.kind === "timed out";
}

/** The caller's own signal ended the call. */
export function isCancelled(error: unknown): error is LibvirtCallError {
  return error instanceof LibvirtCallError && error.kind === "cancelled";
}

/**
 * A connection is gone, and libvirt has no code for that: ours (a {@link LibvirtCallError}), or, told by the RPC layer
 * with code 1 or 38, one that libvirtd holds for us, as to the other host of a migration or behind a proxy daemon. In
 * the second case libvirtd itself did answer.
 */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof LibvirtCallError) return error.kind === "closed";
  const fromRpc = error instanceof LibvirtError && error.domain === ERROR_DOMAIN.RPC;
  return fromRpc && (error.code === ERROR_CODE.INTERNAL_ERROR || error.code === ERROR_CODE.SYSTEM_ERROR);
}

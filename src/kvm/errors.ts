import { AgentError, type ErrorCode } from "../agent-error.ts";
import {
  isAccessDenied,
  isDiskLocked,
  isNoDomain,
  LibvirtCallError,
  LibvirtError,
} from "../libvirt/errors.ts";

/**
 * Translates an error of the binding to the agent's own, by number and kind, with libvirt's words kept.
 *
 * @param doing what was tried, for the message: `start of guest web1`
 */
export function agentErrorOf(error: unknown, doing: string): AgentError {
  if (error instanceof AgentError) return error;
  const words = error instanceof Error ? error.message : String(error);
  return new AgentError(codeOf(error), `${doing}: ${words}${lockHint(error)}`, { cause: error });
}

/** QEMU's own lock on an image reaches libvirt as text of the emulator, so nothing but this hint depends on it. */
const EMULATOR_LOCK = /Failed to get (shared )?"\w+" lock/;

function lockHint(error: unknown): string {
  const locked = isDiskLocked(error) || (error instanceof LibvirtError && EMULATOR_LOCK.test(error.message));
  if (!locked) return "";
  return ": a disk of it is locked, so another host may run this guest, or another guest uses that disk: find out which before anything is forced";
}

function codeOf(error: unknown): ErrorCode {
  if (error instanceof LibvirtCallError) return CALL_CODES[error.kind];
  if (isNoDomain(error)) return "GUEST_NOT_FOUND";
  if (isAccessDenied(error)) return "NOT_ALLOWED";
  return error instanceof LibvirtError ? "REFUSED" : "PROTOCOL";
}

const CALL_CODES: Readonly<Record<LibvirtCallError["kind"], ErrorCode>> = {
  "timed out": "TIMED_OUT",
  cancelled: "CANCELLED",
  closed: "PLATFORM_DOWN",
  protocol: "PROTOCOL",
  "no socket": "PLATFORM_DOWN",
  auth: "NOT_ALLOWED",
  overloaded: "PLATFORM_DOWN",
  argument: "BAD_ATTRIBUTE",
};

/** True when libvirt gave no answer at all: only then may the emulator be asked instead. */
export function isNoAnswer(error: unknown): boolean {
  return error instanceof LibvirtCallError;
}

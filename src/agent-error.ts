/** What went wrong, as callers tell it apart. The message is for the operator. */
export type ErrorCode =
  | "BAD_ATTRIBUTE" // configured wrongly; only an administrator can repair it
  | "GUEST_NOT_FOUND" // the platform answers and does not know the guest
  | "NOT_ALLOWED" // credentials or permission refused
  | "UNTRUSTED" // its certificate is not accepted; only an administrator can repair it
  | "PLATFORM_DOWN" // cannot be reached; worth a retry
  | "REFUSED" // the platform answers and says no to this operation
  | "STILL_RUNNING" // a stop that could not be proved
  | "TIMED_OUT" // the entry point's deadline passed
  | "OUTCOME_UNKNOWN" // asked, and the answer was lost: it may have been done, so read the state and never just repeat
  | "CANCELLED" // a clean of the same guest, or the end of the daemon, took over
  | "PROTOCOL"; // an answer that does not parse; never worth a retry

/** The only error the agent's core throws on purpose. No secret may be in its message. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** True for an AgentError of one of these codes. */
export function hasCode(error: unknown, ...codes: ErrorCode[]): error is AgentError {
  return error instanceof AgentError && codes.includes(error.code);
}

/** The words of an error, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

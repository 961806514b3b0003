/** One exit code of kvmguestctl. */
interface ExitCode {
  readonly code: number;
  readonly meaning: string;
}

/** Every exit code of kvmguestctl; the help, the manual page and docs/operations.md show this table. */
export const EXIT_CODES = {
  done: { code: 0, meaning: "done, and shown" },
  failed: { code: 1, meaning: "refused, failed, or found wrong: the output says what" },
  wrong: { code: 2, meaning: "wrong usage or configuration; nothing was done" },
  noDaemon: { code: 3, meaning: "vcskvmguestd does not run, or has another socket" },
  notAllowed: { code: 4, meaning: "this user may not use the socket, or may only read" },
  noAnswer: { code: 5, meaning: "vcskvmguestd did not answer in time: it hangs or is stopped" },
  notFound: { code: 6, meaning: "no such guest or resource" },
  oddAnswer: { code: 7, meaning: "an answer that is cut off, or of another version" },
} as const satisfies Record<string, ExitCode>;

export type ExitName = keyof typeof EXIT_CODES;

/** A command ends with this exit code after its message, one line for the operator. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exit: ExitName;

  constructor(exit: ExitName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exit = exit;
  }
}

import type { Release } from "./release.ts";

/** Kinds of refusals, as the engine's messages are classed. */
export type RefusalKind = "bad parameters" | "conflict" | "no permission" | "internal";

const STATUS = {
  "bad parameters": 400,
  conflict: 409,
  "no permission": 403,
  internal: 500,
} as const satisfies Record<RefusalKind, number>;

/** The engine does not do what it was asked: nothing has changed. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly kind: RefusalKind;
  /** The fault's `reason`. */
  readonly reason: string;
  /** Told by a bare fault, though it was an action. */
  readonly isBare: boolean;

  constructor(
    kind: RefusalKind,
    detail: string,
    { reason = "Operation Failed", isBare = false }: { reason?: string; isBare?: boolean } = {},
  ) {
    super(detail);
    this.kind = kind;
    this.reason = reason;
    this.isBare = isBare;
  }

  /** The HTTP status: engines before 3.3 know no conflicts. */
  statusIn(release: Release): number {
    return this.kind === "conflict" && !release.hasTypedErrors ? 400 : STATUS[this.kind];
  }
}

/** Refuses for the state of things; the text is put in brackets, as a list of one message is. */
export function conflict(text: string): Refusal {
  return new Refusal("conflict", `[${text}]`);
}

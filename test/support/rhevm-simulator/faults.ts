import type { HttpRequest } from "./http-message.ts";

/**
 * What can go wrong with a request. `hang`, `reset`, `unavailable`, `internal-error`, `unauthorized` and `redirect` come
 * before the engine has seen it; `lost-answer` and `hang-after` once it has done what it was asked; the others spoil the answer.
 */
export type Fault =
  | "hang"
  | "reset"
  | "unavailable"
  | "internal-error"
  | "unauthorized"
  | "redirect"
  | "lost-answer"
  | "hang-after"
  | "cut"
  | "slow"
  | "malformed-xml"
  | "other-document"
  | "html"
  | "empty"
  | "doctype"
  | "huge"
  | "broken-gzip"
  | "huge-gzip";

/** Which requests a fault is for. */
export type Matching = (request: HttpRequest) => boolean;

interface Planned {
  readonly fault: Fault;
  readonly matching: Matching;
  left: number;
}

/** Faults that a test has asked for; the one that was planned last and fits is taken. */
export class Faults {
  #planned: Planned[] = [];

  /** The next request, or several, go wrong. */
  next(
    fault: Fault,
    { count = 1, matching = () => true }: { count?: number; matching?: Matching } = {},
  ): void {
    this.#planned.push({ fault, matching, left: count });
  }

  /** Every request goes wrong until the returned function is called. */
  always(fault: Fault, matching: Matching = () => true): () => void {
    const planned = { fault, matching, left: Number.POSITIVE_INFINITY };
    this.#planned.push(planned);
    return () => {
      this.#planned = this.#planned.filter((other) => other !== planned);
    };
  }

  /** Nothing more goes wrong. */
  clear(): void {
    this.#planned = [];
  }

  /** The fault for a request, which is then used up once. */
  take(request: HttpRequest): Fault | undefined {
    const planned = this.#planned.findLast(({ matching }) => matching(request));
    if (planned === undefined) return undefined;
    planned.left -= 1;
    if (planned.left <= 0) this.#planned = this.#planned.filter((other) => other !== planned);
    return planned.fault;
  }
}

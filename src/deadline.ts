import { AgentError } from "./agent-error.ts";

/**
 * Runs work under a signal that aborts when one of the parents does, or after a time. The signal's reason is an
 * AgentError, so that whoever gives up can throw it.
 *
 * @param ms milliseconds from now
 * @param what names the limit in the error's message
 */
export async function withDeadline<T>(
  ms: number,
  what: string,
  parents: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new AgentError("TIMED_OUT", `${what} did not end within ${Math.round(ms)} ms`)),
    ms,
  );
  const follow = parents.map((parent) => ({ parent, abort: () => controller.abort(parent.reason) }));
  for (const { parent, abort } of follow) {
    if (parent.aborted) abort();
    else parent.addEventListener("abort", abort, { once: true });
  }
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    for (const { parent, abort } of follow) parent.removeEventListener("abort", abort);
  }
}

/** Waits; ends early, without an error, when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Throws the reason of an aborted signal as an AgentError. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError(signal);
}

/** The reason of an aborted signal as an AgentError. */
export function abortError(signal: AbortSignal): AgentError {
  if (signal.reason instanceof AgentError) return signal.reason;
  return new AgentError("CANCELLED", "given up", { cause: signal.reason });
}

/** Rejects when the signal aborts, whatever the work does; the work itself goes on. */
export function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(abortError(signal));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Rejects a little after the signal aborts when the work has not ended by then; the work itself goes on. */
export async function orLate<T>(work: Promise<T>, graceMs: number, signal: AbortSignal): Promise<T> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = setTimeout(() => late.abort(signal.reason), graceMs);
  };
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  try {
    return await orAbort(work, late.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", begin);
  }
}

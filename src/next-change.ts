import type { EventEmitter } from "eventemitter3";
import { pause } from "./deadline.ts";
import type { PlatformEvents } from "./platform.ts";

/** Resolves at the next hint about this guest, or after the time, or when the signal aborts. */
export async function nextChange(
  events: EventEmitter<PlatformEvents>,
  guest: string,
  maxMs: number,
  signal: AbortSignal,
): Promise<void> {
  const either = new AbortController();
  const wake = (changed: string) => {
    if (changed === guest) either.abort();
  };
  const give = () => either.abort();
  events.on("changed", wake);
  signal.addEventListener("abort", give, { once: true });
  if (signal.aborted) give();
  await pause(maxMs, either.signal);
  signal.removeEventListener("abort", give);
  events.off("changed", wake);
}

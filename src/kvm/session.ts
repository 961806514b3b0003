import { openConnection } from "../libvirt/open.ts";
import type { Log } from "../log.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** Which libvirtd to open, and how patiently. */
export interface SessionOptions {
  readonly uri: string;
  /** tried in order; undefined: those that libvirt itself would try for the URI */
  readonly sockets?: readonly string[] | undefined;
  readonly openTimeoutMs: number;
  readonly keepalive: { readonly intervalMs: number; readonly count: number };
}

/** Opens connections of the binding, one at each call. */
export function sessionOpener(
  options: SessionOptions,
  log: Log,
): (signal: AbortSignal) => Promise<Hypervisor> {
  const { uri, sockets, openTimeoutMs, keepalive } = options;
  return (signal) =>
    openConnection(
      {
        uri,
        openTimeoutMs,
        keepalive,
        ...(sockets === undefined ? {} : { sockets }),
        onListenerError: (error) => log.error({ err: error }, "a listener of libvirt's events failed"),
      },
      signal,
    );
}

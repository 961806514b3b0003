import { messageOf } from "../agent-error.ts";
import type { Connection } from "../libvirt/connection.ts";
import { openConnection } from "../libvirt/open.ts";
import { findTarget, type Target } from "../libvirt/target.ts";
import type { Log } from "../log.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { OpenPeer } from "./peers.ts";
import type { InspectedHost } from "./readiness/host-access.ts";

/** How patiently a connection is opened and kept. */
interface Patience {
  readonly openTimeoutMs: number;
  readonly keepalive: { readonly intervalMs: number; readonly count: number };
}

/** Which libvirtd to open, and how patiently. */
export interface SessionOptions extends Patience {
  readonly uri: string;
  /** tried in order; undefined: those that libvirt itself would try for the URI */
  readonly sockets?: readonly string[] | undefined;
}

/** Opens connections of the binding, one at each call. */
export function sessionOpener(
  options: SessionOptions,
  log: Log,
): (signal: AbortSignal) => Promise<Hypervisor> {
  return (signal) => open(options, log, signal);
}

/** Opens connections to peers by their URIs. */
export function peerOpener(patience: Patience, log: Log): OpenPeer {
  return (peer, signal) => open({ ...patience, ...peer }, log, signal);
}

/** Opens libvirtds for checks, which change nothing; for changes too, because that is what the agent itself needs. */
export function inspectionOpener(
  options: SessionOptions,
  log: Log,
): (signal: AbortSignal) => Promise<InspectedHost> {
  return (signal) => open(options, log, signal);
}

/** The sockets of this host that are tried for a URI, in order; none where it leads to another host. */
export function socketsFor({ uri, sockets }: Pick<SessionOptions, "uri" | "sockets">): readonly string[] {
  if (sockets !== undefined) return sockets;
  const target = findTarget(uri, false);
  return target.transport === "unix" ? target.sockets : [];
}

function open(
  { sockets, ...options }: SessionOptions & { readonly readOnly?: boolean },
  log: Log,
  signal: AbortSignal,
): Promise<Connection> {
  const onListenerError = (error: unknown) =>
    log.error({ err: error }, "a listener of libvirt's events failed");
  return openConnection(
    { ...options, ...(sockets === undefined ? {} : { sockets }), onListenerError },
    signal,
  );
}

/** What is wrong with a URI for the guests of this host; undefined when nothing is. */
export function localUriProblem(uri: string): string | undefined {
  const target = targetOrProblem(uri);
  if (typeof target === "string") return target;
  return target.transport === "unix"
    ? undefined
    : `"${uri}" leads to another host: guests are kept on this one`;
}

/** What is wrong with a URI for a peer; undefined when nothing is. */
export function peerUriProblem(uri: string): string | undefined {
  const target = targetOrProblem(uri);
  return typeof target === "string" ? target : undefined;
}

function targetOrProblem(uri: string): Target | string {
  try {
    return findTarget(uri, false);
  } catch (error) {
    return messageOf(error);
  }
}

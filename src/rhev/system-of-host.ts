import { printable } from "../tuples.ts";
import type { RhevHost } from "./host-document.ts";
import { isCalled } from "./host-words.ts";

/** Which system of the cluster a host of RHEV-M is. */
export type SystemOfHost =
  | { readonly kind: "found"; readonly system: string }
  | { readonly kind: "none" | "several"; readonly reason: string };

/** How hosts and systems are compared. */
export interface HostNaming {
  /** All systems of the cluster, as the engine names them. */
  readonly systems: readonly string[];
  /** Name, address or id of a system's host in RHEV-M, where the configuration says so. */
  readonly hostOf: (system: string) => string | undefined;
}

/**
 * Finds the system that a host is. A system for which the configuration names a host is that one and no other; else it is
 * the host whose name or address is the system's own name. What is not one to one is not guessed at: a wrong system's death
 * would prove nothing of this host.
 */
export function systemOfHost(
  host: RhevHost,
  hosts: readonly RhevHost[],
  { systems, hostOf }: HostNaming,
): SystemOfHost {
  const isHostOf = (system: string, one: RhevHost) => isCalled(one, hostOf(system) ?? system);
  const found = systems.filter((system) => isHostOf(system, host));
  const [system, second] = found;
  const name = printable(host.name);
  if (system === undefined)
    return {
      kind: "none",
      reason: `no system of the cluster is known to be host ${name}: name it in rhev.hosts`,
    };
  if (second !== undefined)
    return { kind: "several", reason: `host ${name} may be system ${found.join(" or ")}: see rhev.hosts` };
  const rivals = hosts.filter((one) => one.id !== host.id && isHostOf(system, one));
  if (rivals.length === 0) return { kind: "found", system };
  const list = [host, ...rivals].map((one) => printable(one.name)).join(" or ");
  return { kind: "several", reason: `system ${system} may be host ${list}: see rhev.hosts` };
}

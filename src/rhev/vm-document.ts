import type { XmlElement } from "../xml.ts";
import { childrenOf, flagAt, idAt, membersOf, ownId, textAt, wordAt } from "./elements.ts";

/** What a VM document of either version says, as far as the agent needs it. */
export interface Vm {
  /** UUID, the same as that of the domain on its host */
  readonly id: string;
  readonly name: string;
  /** As it came; undefined when the engine left it out (a VM with an illegal image has none). */
  readonly status: string | undefined;
  /** Of a paused VM: why, in the engine's words: `eio`, `enospc`, `none`. */
  readonly statusDetail: string | undefined;
  /** Where it runs. During a migration: the source. Left out for a VM that does not run, and for users without the right. */
  readonly hostId: string | undefined;
  readonly clusterId: string | undefined;
  /** As it came: `migratable`, `user_migratable`, `pinned`; left out for users without the right. */
  readonly affinity: string | undefined;
  /** The hosts it may run on; empty: any. */
  readonly placementHostIds: readonly string[];
  /** RHEV-M itself restarts it elsewhere. */
  readonly isHighlyAvailable: boolean;
  /** As it came; changes at each start. */
  readonly startTime: string | undefined;
}

/**
 * Reads a list of VMs.
 *
 * @param source names the document in messages
 * @throws {AgentError} PROTOCOL when it is no such list
 */
export function vmsOf(root: XmlElement, source: string): readonly Vm[] {
  return membersOf(root, "vms", "vm", source).map((element) => vmOf(element, source));
}

/** Reads one VM. Source: api.xsd 3.x (Vm, VmStatus) and ovirt-engine-api-model (types/Vm). */
export function vmOf(element: XmlElement, source: string): Vm {
  return {
    id: ownId(element, source),
    name: textAt(element, "name") ?? "",
    status: wordAt(element, "status"),
    statusDetail: textAt(element, "status", "detail") ?? textAt(element, "status_detail"),
    hostId: idAt(element, "host"),
    clusterId: idAt(element, "cluster"),
    affinity: textAt(element, "placement_policy", "affinity"),
    placementHostIds: placementHostsOf(element),
    isHighlyAvailable: flagAt(element, "high_availability", "enabled"),
    startTime: textAt(element, "start_time"),
  };
}

/** API 3 names one host, API 4 a list. */
function placementHostsOf(vm: XmlElement): readonly string[] {
  const policies = childrenOf(vm, "placement_policy");
  const lists = policies.flatMap((policy) => childrenOf(policy, "hosts"));
  return [...policies, ...lists]
    .flatMap((place) => childrenOf(place, "host"))
    .map((host) => host.attributes["id"] ?? "")
    .filter((id) => id !== "");
}

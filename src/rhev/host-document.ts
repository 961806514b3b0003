import type { XmlElement } from "../xml.ts";
import { flagAt, idAt, membersOf, ownId, textAt, wordAt } from "./elements.ts";

/** What a host document of either version says, as far as the agent needs it. */
export interface RhevHost {
  readonly id: string;
  /** The name that RHEV-M gives it: any label. */
  readonly name: string;
  /** How RHEV-M reaches it: a name or an address. */
  readonly address: string | undefined;
  /** As it came. */
  readonly status: string | undefined;
  readonly clusterId: string | undefined;
  /** The UUID of its hardware, in lower case; RHEV 3.0 and 3.1 do not tell it. */
  readonly hardwareUuid: string | undefined;
  /** Its part in managing the storage pool, as it came: `none`, `contending`, `spm`. */
  readonly spm: string | undefined;
  /** Below 0 the host never becomes SPM. */
  readonly spmPriority: number | undefined;
  /** RHEV-M can fence it by itself. */
  readonly hasPowerManagement: boolean;
  /** How many VMs RHEV-M counts on it. */
  readonly vmCount: number | undefined;
}

/** Reads a list of hosts. */
export function hostsOf(root: XmlElement, source: string): readonly RhevHost[] {
  return membersOf(root, "hosts", "host", source).map((element) => hostOf(element, source));
}

/** Reads one host. Source: api.xsd 3.x (Host, SPM) and ovirt-engine-api-model (types/Host, types/Spm). */
export function hostOf(element: XmlElement, source: string): RhevHost {
  return {
    id: ownId(element, source),
    name: textAt(element, "name") ?? "",
    address: textAt(element, "address"),
    status: wordAt(element, "status"),
    clusterId: idAt(element, "cluster"),
    hardwareUuid: textAt(element, "hardware_information", "uuid")?.toLowerCase(),
    spm: spmOf(element),
    spmPriority: numberOf(textAt(element, "spm", "priority")),
    hasPowerManagement: flagAt(element, "power_management", "enabled"),
    vmCount: numberOf(textAt(element, "summary", "total")),
  };
}

/** True for the host that manages the storage of its data centre. */
export function isSpm(host: RhevHost): boolean {
  return host.spm === "spm";
}

/** Up to 3.5 there is only a flag, `storage_manager`; it stays beside the new element until 4.0. */
function spmOf(host: XmlElement): string | undefined {
  const word = wordAt(host, "spm", "status");
  if (word !== undefined) return word;
  if (textAt(host, "storage_manager") === undefined) return undefined;
  return flagAt(host, "storage_manager") ? "spm" : "none";
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

import type { Attributes } from "../attributes.ts";
import type { Finding } from "../platform.ts";
import type { GuestReader } from "./guest-reader.ts";
import type { RhevHost } from "./host-document.ts";
import { nameOfHost } from "./host-words.ts";
import type { RhevCluster } from "./inventory-documents.ts";
import type { OwnHost } from "./own-host.ts";
import { chooseVm } from "./vm-choice.ts";
import type { Vm } from "./vm-document.ts";
import { vmStatusRow } from "./vm-status.ts";

/**
 * Checks what a resource needs of its engine: that it is reached and lets the user in, the cluster, the guest, this host.
 *
 * @throws {AgentError} what keeps the engine from being read
 */
export async function checkEnvironment(
  reader: GuestReader,
  { guestName: guest, rhevmInfo }: Attributes,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { reads, poller } = reader.managerOf(guest);
  const { own, vms } = await poller.freshSnapshot(guest, signal);
  const clusters = await reads.clusters(signal);
  const found = environmentFindings({ guest, rhevmInfo }, { own, vms, clusters });
  return found.map((text) => ({ level: "warn", text }));
}

/** What an engine says of itself at one moment. */
export interface EngineSight {
  /** Which of its hosts this system is. */
  readonly own: OwnHost;
  /** VMs of the guest's name, and others. */
  readonly vms: readonly Vm[];
  readonly clusters: readonly RhevCluster[];
}

/** What keeps a guest's resource from its work; empty when all is well. */
export function environmentFindings(
  { guest, rhevmInfo }: { readonly guest: string; readonly rhevmInfo: Attributes["rhevmInfo"] },
  { own, vms, clusters }: EngineSight,
): readonly string[] {
  const findings: string[] = [];
  const cluster = clusters.find(({ name }) => name === rhevmInfo.cluster);
  if (rhevmInfo.cluster === undefined)
    findings.push("RHEVMInfo Cluster is not set: guests of one name cannot be told apart");
  else if (cluster === undefined)
    findings.push(`RHEV-M has no cluster ${rhevmInfo.cluster}, which RHEVMInfo Cluster names`);
  if (own.kind !== "found") findings.push(own.reason);
  else if (cluster !== undefined && own.host.clusterId !== cluster.id)
    findings.push(
      `this host, ${nameOfHost(own.host)}, is in another cluster of RHEV-M than RHEVMInfo Cluster, ${cluster.name}`,
    );
  const choice = chooseVm(vms, guest, cluster?.id);
  const host = own.kind === "found" ? own.host : undefined;
  findings.push(...(choice.kind === "found" ? doubtsOf(choice.vm, host) : [choice.reason]));
  return findings;
}

/** What of a VM will keep the agent from its work. */
function doubtsOf(
  { clusterId, hostId, status, isHighlyAvailable }: Vm,
  own: RhevHost | undefined,
): readonly string[] {
  const doubts: string[] = [];
  if (own !== undefined && clusterId !== own.clusterId)
    doubts.push("the guest belongs to another cluster of RHEV-M than this host, and cannot be started here");
  if (hostId === undefined && vmStatusRow(status).active === true)
    doubts.push(
      "RHEV-M does not tell on which host the guest runs: RHEVMInfo's User needs an administrator's role",
    );
  if (isHighlyAvailable)
    doubts.push(
      "RHEV-M's own high availability is on for this guest: RHEV-M may start it where the cluster does not expect it",
    );
  return doubts;
}

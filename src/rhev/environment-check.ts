import type { Attributes } from "../attributes.ts";
import type { Finding } from "../platform.ts";
import type { GuestReader } from "./guest-reader.ts";
import { nameOfHost } from "./host-words.ts";

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
  const findings: Finding[] = [];
  const warn = (text: string) => findings.push({ level: "warn", text });

  const cluster = clusters.find(({ name }) => name === rhevmInfo.cluster);
  if (rhevmInfo.cluster === undefined)
    warn("RHEVMInfo Cluster is not set: guests of one name cannot be told apart");
  else if (cluster === undefined)
    warn(`RHEV-M has no cluster ${rhevmInfo.cluster}, which RHEVMInfo Cluster names`);
  if (own.kind !== "found") warn(own.reason);
  else if (cluster !== undefined && own.host.clusterId !== cluster.id)
    warn(
      `this host, ${nameOfHost(own.host)}, is in another cluster of RHEV-M than RHEVMInfo Cluster, ${cluster.name}`,
    );
  const named = vms.filter(({ name }) => name === guest);
  const vm = named.find(({ clusterId }) => clusterId === cluster?.id) ?? named[0];
  if (vm === undefined) warn(`RHEV-M knows no VM ${guest}, or does not show it to RHEVMInfo's User`);
  if (vm?.isHighlyAvailable === true)
    warn(
      "RHEV-M's own high availability is on for this guest: RHEV-M may start it where the cluster does not expect it",
    );
  return findings;
}

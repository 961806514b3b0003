import { AgentError } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import type { Log } from "../log.ts";
import type { GuestReader, GuestSight } from "./guest-reader.ts";
import type { RhevCluster } from "./inventory-documents.ts";
import { settled } from "./settled-change.ts";

export interface ClusterChangeParts {
  readonly reader: GuestReader;
  readonly log: Log;
}

/** Moves a guest that is down into the cluster of this host, where it shall start. */
export class ClusterChange {
  readonly #parts: ClusterChangeParts;

  constructor(parts: ClusterChangeParts) {
    this.#parts = parts;
  }

  /**
   * Does nothing for a guest that is in this host's cluster. The change is read back, so that one whose answer was lost
   * counts as what it is; a failure after it leaves a guest that may be started here or, again changed, there.
   *
   * @param isWanted whether the guest is configured for disaster recovery: else it is refused
   * @throws {AgentError} REFUSED, BAD_ATTRIBUTE naming both clusters
   */
  async bringIntoOwn(
    { guestName: guest, rhevmInfo }: Attributes,
    { vm, own }: GuestSight,
    isWanted: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    if (vm.clusterId === undefined || own?.clusterId === undefined || vm.clusterId === own.clusterId) return;
    const { actions, reads } = this.#parts.reader.managerOf(guest);
    const clusters = await reads.clusters(signal);
    const there = clusterIn(clusters, vm.clusterId);
    const here = clusterIn(clusters, own.clusterId);
    const refuse = (why: string) =>
      new AgentError(
        "REFUSED",
        `guest ${guest} is not started: it belongs to cluster ${there.name} and this host to cluster ${here.name}${why}`,
      );
    if (!isWanted) throw refuse("; with DROpts (ConfigureNetwork = 1) it would be moved");
    if (rhevmInfo.cluster !== undefined && rhevmInfo.cluster !== here.name)
      throw refuse(`, but RHEVMInfo.Cluster is ${rhevmInfo.cluster}`);
    if (there.dataCenterId === undefined || there.dataCenterId !== here.dataCenterId)
      throw refuse(", which is of another data centre");
    if (vm.status !== "down") throw refuse(`, and it is ${vm.status ?? "in no known state"} and not down`);
    await settled(() => actions.setCluster(vm.id, here.id, signal), signal);
    const { clusterId } = await reads.vm(vm.id, signal);
    if (clusterId !== here.id) throw refuse("; RHEV-M was asked to move it and did not");
    this.#parts.log.info(
      { guest, from: there.name, to: here.name },
      "guest moved to the cluster of this host",
    );
  }
}

function clusterIn(clusters: readonly RhevCluster[], id: string): RhevCluster {
  return clusters.find((cluster) => cluster.id === id) ?? { id, name: id, dataCenterId: undefined };
}

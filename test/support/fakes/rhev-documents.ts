import type { RhevHost } from "../../../src/rhev/host-document.ts";
import type { Vm } from "../../../src/rhev/vm-document.ts";

/** A host of RHEV-M that is up, in the cluster EAST, and not the SPM, unless it says otherwise. */
export function rhevHost(name: string, changes: Partial<RhevHost> = {}): RhevHost {
  return {
    id: `id-${name}`,
    name,
    address: `${name}.example.com`,
    status: "up",
    clusterId: "EAST",
    hardwareUuid: undefined,
    spm: "none",
    spmPriority: 5,
    hasPowerManagement: false,
    vmCount: 0,
    ...changes,
  };
}

/** A VM of RHEV-M that is down unless it says otherwise. */
export function rhevVm(name: string, changes: Partial<Vm> = {}): Vm {
  return {
    id: `id-${name}`,
    name,
    status: "down",
    statusDetail: undefined,
    hostId: undefined,
    clusterId: "EAST",
    affinity: "migratable",
    placementHostIds: [],
    isHighlyAvailable: false,
    startTime: undefined,
    ...changes,
  };
}

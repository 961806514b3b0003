import type { RhevHost } from "../../src/rhev/host-document.ts";
import type { OwnHost } from "../../src/rhev/own-host.ts";
import type { Vm } from "../../src/rhev/vm-document.ts";

/** A VM that is down, unless it says otherwise. */
export function vmFacts(changes: Partial<Vm> = {}): Vm {
  return {
    id: "11111111-0000-4000-8000-000000000001",
    name: "web1",
    status: "down",
    statusDetail: undefined,
    hostId: undefined,
    clusterId: "c1",
    affinity: "migratable",
    placementHostIds: [],
    isHighlyAvailable: false,
    startTime: undefined,
    ...changes,
  };
}

/** A host that is up, unless it says otherwise; its id is its name. */
export function hostFacts(name: string, changes: Partial<RhevHost> = {}): RhevHost {
  return {
    id: name,
    name,
    address: `${name}.example.com`,
    status: "up",
    clusterId: "c1",
    hardwareUuid: undefined,
    spm: "none",
    spmPriority: 5,
    hasPowerManagement: false,
    vmCount: 0,
    ...changes,
  };
}

/** This system, as that host. */
export function ownFacts(host: RhevHost): OwnHost {
  return { kind: "found", host, by: "name" };
}

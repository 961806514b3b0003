import { createHash } from "node:crypto";
import type { SimulatedClock } from "./clock.ts";
import type { Delays } from "./delays.ts";
import { EventLog } from "./event-log.ts";
import type { Cluster, DataCenter, Host, Named, StorageDomain, Vm, VmStatus } from "./model.ts";
import type { Release } from "./release.ts";
import { Sequences, type Step } from "./sequences.ts";

/** All that an engine keeps in its database, and what is under way. */
export class Inventory {
  readonly clock: SimulatedClock;
  readonly release: Release;
  readonly delays: Delays;
  readonly events: EventLog;
  readonly sequences: Sequences;
  readonly dataCenters: DataCenter[] = [];
  readonly clusters: Cluster[] = [];
  readonly storageDomains: StorageDomain[] = [];
  readonly hosts: Host[] = [];
  readonly vms: Vm[] = [];
  /** The engine is stopped: only the web server in front of it answers. */
  isAway = false;
  /** Counts the engine's starts: a login is good for one of them. */
  engineStarts = 1;

  constructor(clock: SimulatedClock, release: Release, delays: Delays) {
    this.clock = clock;
    this.release = release;
    this.delays = delays;
    this.events = new EventLog(clock);
    this.sequences = new Sequences(clock);
  }

  /** @throws {Error} there is none of this name or id */
  dataCenter(nameOrId: string): DataCenter {
    return found(this.dataCenters, nameOrId);
  }

  /** @throws {Error} there is none of this name or id */
  cluster(nameOrId: string): Cluster {
    return found(this.clusters, nameOrId);
  }

  /** @throws {Error} there is none of this name or id */
  host(nameOrId: string): Host {
    return found(this.hosts, nameOrId);
  }

  /** @throws {Error} there is none of this name or id */
  vm(nameOrId: string): Vm {
    return found(this.vms, nameOrId);
  }

  /** The data centre of a host. */
  dataCenterOf(host: Host): DataCenter {
    return this.dataCenter(this.cluster(host.clusterId).dataCenterId);
  }

  /** Hosts of a data centre, whatever their cluster. */
  hostsOf(dataCenter: DataCenter): Host[] {
    return this.hosts.filter((host) => this.dataCenterOf(host).id === dataCenter.id);
  }

  /** VMs that the engine thinks are on a host. */
  vmsOn(host: Host): Vm[] {
    return this.vms.filter((vm) => vm.hostId === host.id);
  }

  /** Starts a course for a thing; its events have the correlation id of what began it. */
  begin(id: string, steps: readonly Step[]): void {
    const { correlationId } = this.events;
    this.sequences.start(
      id,
      steps.map(({ afterMs, run }) => ({ afterMs, run: () => this.events.during(correlationId, run) })),
    );
  }

  /** The one setter of a VM's state: calls off what was under way. */
  moveVm(vm: Vm, status: VmStatus | undefined, hostId: string | undefined = vm.hostId): void {
    this.sequences.cancel(vm.id);
    vm.status = status;
    vm.statusDetail = undefined;
    vm.hostId = hostId;
    if (status !== "migrating") vm.migrationTargetId = undefined;
  }
}

/** The same UUID for the same thing in each run. */
export function idOf(kind: string, name: string): string {
  const hex = createHash("sha256").update(`${kind}:${name}`).digest("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

function found<T extends Named>(things: readonly T[], nameOrId: string): T {
  const thing = things.find(({ id, name }) => id === nameOrId || name === nameOrId);
  if (thing === undefined) throw new Error(`the simulated site has no ${nameOrId}`);
  return thing;
}

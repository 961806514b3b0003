import { detected, lose, moveHost } from "./host-life.ts";
import { Inventory, idOf } from "./inventory.ts";
import type { Cluster, DataCenter, Host, StorageDomain, Vm, VmStatus } from "./model.ts";
import { contend, settleSpm } from "./spm.ts";
import { endGently, fail } from "./vm-life.ts";
import { beginMigration } from "./vm-migration.ts";

/** What a new VM is unless it says otherwise. */
export type VmOptions = Partial<
  Omit<Vm, "id" | "name" | "clusterId" | "hostId" | "aliveOn" | "allowedHostIds">
> & {
  readonly cluster?: string;
  /** Name of the host that it runs on; its status is `up` then unless it says otherwise. */
  readonly host?: string;
};

/** What a new host is unless it says otherwise. */
export type HostOptions = Partial<Omit<Host, "id" | "name" | "clusterId">> & { readonly cluster?: string };

/** A simulated site that a test drives: what is there, and what happens to it from outside the engine. */
export class World extends Inventory {
  addDataCenter(name: string): DataCenter {
    const dataCenter: DataCenter = {
      id: idOf("datacenter", name),
      name,
      status: "not_operational",
      isLocal: false,
    };
    this.dataCenters.push(dataCenter);
    this.addStorageDomain(`${name}-data`, name);
    return dataCenter;
  }

  addStorageDomain(name: string, dataCenter: string): StorageDomain {
    const dataCenterId = this.dataCenter(dataCenter).id;
    const isMaster = !this.storageDomains.some((other) => other.dataCenterId === dataCenterId);
    const domain: StorageDomain = {
      id: idOf("domain", name),
      name,
      dataCenterId,
      status: "active",
      isMaster,
    };
    this.storageDomains.push(domain);
    return domain;
  }

  addCluster(name: string, dataCenter: string): Cluster {
    const cluster = { id: idOf("cluster", name), name, dataCenterId: this.dataCenter(dataCenter).id };
    this.clusters.push(cluster);
    return cluster;
  }

  /** Adds a host that is up; the first of its data centre is the SPM at once. */
  addHost(name: string, { cluster = "Default", ...options }: HostOptions = {}): Host {
    const host: Host = {
      id: idOf("host", name),
      name,
      clusterId: this.cluster(cluster).id,
      address: `${name}.example.com`,
      hardwareUuid: idOf("hardware", name).toUpperCase(),
      status: "up",
      spm: "none",
      spmPriority: 5,
      hasTasks: false,
      powerManagement: "none",
      fencedAt: undefined,
      isAlive: true,
      ...options,
    };
    this.hosts.push(host);
    const dataCenter = this.dataCenterOf(host);
    const isFirst = !this.hostsOf(dataCenter).some(({ spm }) => spm !== "none");
    if (isFirst && host.status === "up" && host.spmPriority >= 0) this.setSpm(name);
    return host;
  }

  addVm(name: string, { cluster = "Default", host, ...options }: VmOptions = {}): Vm {
    const status = host === undefined ? "down" : "up";
    const hostId = host === undefined ? undefined : this.host(host).id;
    const vm: Vm = {
      id: idOf("vm", `${cluster}/${name}`),
      name,
      clusterId: this.cluster(cluster).id,
      status,
      statusDetail: undefined,
      hostId,
      affinity: "migratable",
      allowedHostIds: [],
      isHighlyAvailable: false,
      isStateless: false,
      hasBootableDisk: true,
      hearsShutdown: true,
      ignoresShutdown: false,
      isLocked: false,
      startFailure: undefined,
      failingMigrations: 0,
      payload: undefined,
      initialHostName: undefined,
      insertedPayload: undefined,
      stopReason: "",
      lastEnd: undefined,
      starts: 0,
      migrationTargetId: undefined,
      aliveOn: new Set(hostId === undefined ? [] : [hostId]),
      ...options,
    };
    this.vms.push(vm);
    return vm;
  }

  /** Takes a VM out of the engine. */
  removeVm(name: string): void {
    this.sequences.cancel(this.vm(name).id);
    this.vms.splice(this.vms.indexOf(this.vm(name)), 1);
  }

  /**
   * Puts a VM into a state at once, without a course or an event.
   *
   * @param host name of the host that runs it; as before when left out, and none for states of a VM that has none
   */
  setVmStatus(name: string, status: VmStatus | undefined, host?: string): void {
    const vm = this.vm(name);
    const hasHost =
      status !== "down" && status !== "suspended" && status !== "image_locked" && status !== undefined;
    const hostId = host === undefined ? vm.hostId : this.host(host).id;
    this.moveVm(vm, status, hostId);
    vm.hostId = hasHost ? hostId : undefined;
    vm.aliveOn.clear();
    if (vm.hostId !== undefined) vm.aliveOn.add(vm.hostId);
  }

  /** The guest powers itself off. */
  powerOffInside(name: string): void {
    endGently(this, this.vm(name));
  }

  /** The emulator dies. */
  crashVm(name: string): void {
    fail(this, this.vm(name), "Lost connection with qemu process");
  }

  /** The emulator's monitor hangs. */
  hangVm(name: string): void {
    const vm = this.vm(name);
    this.moveVm(vm, "not_responding");
    this.events.add("vmNotResponding", `VM ${vm.name} is not responding.`, { vm: vm.id, host: vm.hostId });
  }

  /** A VM is paused, by an I/O error for instance: `eio`. */
  pauseVm(name: string, detail: string): void {
    const vm = this.vm(name);
    this.moveVm(vm, "paused");
    vm.statusDetail = detail;
    if (detail === "eio") {
      this.events.add("vmPausedError", `VM ${vm.name} has been paused due to storage I/O problem.`, {
        vm: vm.id,
        host: vm.hostId,
      });
    }
  }

  /** A migration that no client of ours asked for; without a user the engine itself began it. */
  migrateVm(name: string, host: string, user?: string): void {
    beginMigration(this, this.vm(name), this.host(host), user, true);
  }

  /** The engine hears no more of a host. It goes on running guests unless it died. */
  loseHost(name: string, { isDead = false }: { readonly isDead?: boolean } = {}): void {
    const host = this.host(name);
    lose(this, host);
    if (!isDead) return;
    host.isAlive = false;
    for (const vm of this.vms) vm.aliveOn.delete(host.id);
  }

  /** The engine hears of a host again: of its guests, too, as they are. */
  recoverHost(name: string): void {
    const host = this.host(name);
    host.isAlive = true;
    detected(this, host);
  }

  /** Puts a host into a state at once; the SPM role follows. */
  setHostStatus(name: string, status: Host["status"]): void {
    moveHost(this, this.host(name), status);
  }

  /** Makes a host the SPM at once. */
  setSpm(name: string): void {
    const host = this.host(name);
    const dataCenter = this.dataCenterOf(host);
    for (const other of this.hostsOf(dataCenter)) other.spm = "none";
    contend(this, host);
    this.sequences.cancel(dataCenter.id);
    host.spm = "spm";
    settleSpm(this, dataCenter);
  }

  /** Stops the engine and starts it again: logins are gone, and at first it knows nothing of its hosts. */
  restartEngine(): void {
    const { engineRestartMs, engineSettlingMs } = this.delays;
    const before = new Map(this.vms.map((vm) => [vm, vm.status]));
    const hosts = this.hosts.filter(({ status }) => status === "up");
    this.isAway = true;
    this.begin("engine", [
      {
        afterMs: engineRestartMs,
        run: () => {
          this.isAway = false;
          this.engineStarts += 1;
          this.#forget(hosts, "unassigned", "unassigned");
        },
      },
      { afterMs: engineSettlingMs / 2, run: () => this.#forget(hosts, "connecting", "unknown") },
      { afterMs: engineSettlingMs / 2, run: () => this.#recall(hosts, before) },
    ]);
  }

  /** Guests that really run on more than one host: what must never be. */
  get twins(): Vm[] {
    return this.vms.filter(({ aliveOn }) => aliveOn.size > 1);
  }

  #forget(hosts: readonly Host[], hostStatus: Host["status"], vmStatus: VmStatus): void {
    for (const host of hosts) {
      moveHost(this, host, hostStatus);
      for (const vm of this.vmsOn(host)) this.moveVm(vm, vmStatus);
    }
  }

  #recall(hosts: readonly Host[], before: ReadonlyMap<Vm, VmStatus | undefined>): void {
    for (const host of hosts) {
      for (const vm of this.vmsOn(host)) {
        const isStill = before.get(vm) === "paused" || before.get(vm) === "not_responding";
        if (vm.aliveOn.has(host.id) && isStill) this.moveVm(vm, before.get(vm));
      }
      if (host.isAlive) detected(this, host);
      else moveHost(this, host, "non_responsive");
    }
  }
}

import type { Inventory } from "./inventory.ts";
import type { Host, HostStatus, Vm, VmStatus } from "./model.ts";
import { dropRole, settleSpm } from "./spm.ts";
import { type Actor, endGently, restartIfHighlyAvailable, toDown } from "./vm-life.ts";
import { beginMigration, migrationTargets } from "./vm-migration.ts";

/** The one setter of a host's state: calls off what was under way, and has the data centre look at its SPM. */
export function moveHost(site: Inventory, host: Host, status: HostStatus): void {
  site.sequences.cancel(host.id);
  host.status = status;
  settleSpm(site, site.dataCenterOf(host));
}

/**
 * up -> preparing_for_maintenance -> maintenance, once its VMs have migrated away. One that cannot leaves the host where
 * it is, until somebody activates it again.
 */
export function deactivate(site: Inventory, host: Host, by: Actor): void {
  moveHost(site, host, "preparing_for_maintenance");
  for (const vm of site.vmsOn(host)) {
    const [target] = migrationTargets(site, vm);
    const isMovable = vm.status === "up" || vm.status === "powering_up";
    if (target !== undefined && isMovable) beginMigration(site, vm, target, undefined, false);
  }
  const look = () => {
    if (site.vmsOn(host).length > 0) {
      site.begin(host.id, [{ afterMs: site.delays.maintenanceMs, run: look }]);
      return;
    }
    moveHost(site, host, "maintenance");
    site.events.add(
      "hostMaintenance",
      `Host ${host.name} was switched to Maintenance Mode by ${by ?? "the system"}.`,
      {
        host: host.id,
      },
    );
  };
  site.begin(host.id, [{ afterMs: site.delays.maintenanceMs, run: look }]);
}

/** -> unassigned -> initializing -> up; a host that cannot be reached ends as non_responsive. */
export function activate(site: Inventory, host: Host, by: Actor): void {
  const halfMs = site.delays.activationMs / 2;
  moveHost(site, host, "unassigned");
  site.events.add("hostActivated", `Host ${host.name} was activated by ${by ?? "the system"}.`, {
    host: host.id,
  });
  site.begin(host.id, [
    { afterMs: halfMs, run: () => moveHost(site, host, "initializing") },
    {
      afterMs: halfMs,
      run: () => {
        if (host.isAlive) detected(site, host);
        else moveHost(site, host, "non_responsive");
      },
    },
  ]);
}

/** The engine hears of a host: it is up, and its VMs are what they really are. */
export function detected(site: Inventory, host: Host): void {
  moveHost(site, host, "up");
  site.events.add("hostDetected", `Status of host ${host.name} was set to Up.`, { host: host.id });
  for (const vm of site.vmsOn(host)) reportTruth(site, host, vm);
}

/** States that say how a running VM is; in any other the engine has missed how it went on. */
const SETTLED: ReadonlySet<VmStatus | undefined> = new Set(["up", "paused", "not_responding"]);

function reportTruth(site: Inventory, host: Host, vm: Vm): void {
  if (!vm.aliveOn.has(host.id)) endAfterReboot(site, host, vm);
  else if (vm.status === "powering_down") endGently(site, vm);
  else if (!SETTLED.has(vm.status)) {
    site.moveVm(vm, "up");
    site.events.add("vmRestored", `VM ${vm.name} status was restored to Up.`, { vm: vm.id, host: host.id });
  }
}

/**
 * up -> connecting -> non_responsive, and its VMs unknown; until then they keep the state that was seen last. A host with
 * power management is then restarted by the engine itself.
 */
export function lose(site: Inventory, host: Host): void {
  const { graceMs, graceForVmMs, graceForSpmMs } = site.delays;
  const vms = site.vmsOn(host).length;
  const forSpm = host.spm === "none" ? 0 : graceForSpmMs;
  moveHost(site, host, "connecting");
  for (const vm of site.vmsOn(host)) site.sequences.cancel(vm.id); // nobody hears how it goes on
  site.begin(host.id, [{ afterMs: graceMs + vms * graceForVmMs + forSpm, run: () => giveUp(site, host) }]);
}

function giveUp(site: Inventory, host: Host): void {
  moveHost(site, host, "non_responsive");
  site.events.add("hostNonResponsive", `Host ${host.name} is non responsive.`, { host: host.id });
  for (const vm of site.vmsOn(host)) {
    site.moveVm(vm, "unknown");
    site.events.add("vmUnknown", `VM ${vm.name} was set to the Unknown status.`, {
      vm: vm.id,
      host: host.id,
    });
  }
  const hasProxy = site.hosts.some(({ status }) => status === "up");
  if (host.powerManagement === "works" && hasProxy) powerCycle(site, host);
}

/** The engine takes a host for dead: its VMs are down, its SPM role is free. Nothing is done to the host itself. */
export function declareDead(site: Inventory, host: Host): void {
  site.events.add("manualFence", `Manual fence for host ${host.name} was started.`, { host: host.id });
  if (host.spm !== "none") dropRole(site, host);
  for (const vm of site.vmsOn(host)) {
    const aliveOn = [...vm.aliveOn];
    endAfterReboot(site, host, vm);
    for (const id of aliveOn) if (host.isAlive) vm.aliveOn.add(id);
  }
}

/** Power management ends a host and starts it again. */
export function powerCycle(site: Inventory, host: Host): void {
  powerOff(site, host);
  moveHost(site, host, "reboot");
  site.begin(host.id, [
    {
      afterMs: site.delays.hostRebootMs,
      run: () => {
        host.isAlive = true;
        detected(site, host);
      },
    },
  ]);
}

/** Power management ends a host: its VMs are down. */
export function powerOff(site: Inventory, host: Host): void {
  host.isAlive = false;
  for (const vm of site.vms) vm.aliveOn.delete(host.id);
  for (const vm of site.vmsOn(host)) endAfterReboot(site, host, vm);
}

function endAfterReboot(site: Inventory, host: Host, vm: Vm): void {
  toDown(site, vm, "fenced");
  site.events.add(
    "vmDownByFence",
    `VM ${vm.name} was shut down due to ${host.name} host reboot or manual fence`,
    {
      vm: vm.id,
      host: host.id,
    },
  );
  restartIfHighlyAvailable(site, vm);
}

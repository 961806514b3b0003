import type { Inventory } from "./inventory.ts";
import type { Host, Payload, Vm } from "./model.ts";

/** Who did something: a user by name, or nobody, when the engine did it by itself. */
export type Actor = string | undefined;

/** How a VM is started. */
export interface StartOptions {
  readonly host: Host;
  readonly by: Actor;
  /** It stays paused once it is there. */
  readonly isPaused: boolean;
  /** Cloud-init takes the place of a CD-ROM with a payload; a VM that has it configured gets it at its first run. */
  readonly hasInitialization: boolean;
}

/** down -> wait_for_launch -> powering_up -> up, or back to down with an error. */
export function launch(site: Inventory, vm: Vm, options: StartOptions): void {
  const { host, by, isPaused } = options;
  const { launchMs, bootMs } = site.delays;
  const subjects = { vm: vm.id, host: host.id };
  const isFirst = vm.starts === 0 && vm.initialHostName !== undefined;
  vm.starts += 1;
  vm.insertedPayload = insertedAt(vm.payload, options.hasInitialization || isFirst);
  vm.stopReason = "";
  site.moveVm(vm, "wait_for_launch", host.id);
  if (host.isAlive) vm.aliveOn.add(host.id);
  site.events.add(
    "vmStartRequested",
    `VM ${vm.name} was started by ${by ?? "the system"} (Host: ${host.name}).`,
    subjects,
  );
  const failure = vm.startFailure;
  if (failure !== undefined) {
    site.begin(vm.id, [{ afterMs: launchMs, run: () => fail(site, vm, failure) }]);
    return;
  }
  const started = () => {
    site.events.add("vmStarted", `VM ${vm.name} started on Host ${host.name}`, subjects);
  };
  site.begin(vm.id, [
    {
      afterMs: launchMs,
      run: () => {
        site.moveVm(vm, isPaused ? "paused" : "powering_up");
        if (isPaused) started();
      },
    },
    ...(isPaused
      ? []
      : [
          {
            afterMs: bootMs,
            run: () => {
              site.moveVm(vm, "up");
              started();
            },
          },
        ]),
  ]);
}

function insertedAt(payload: Payload | undefined, hasInitialization: boolean): Payload | undefined {
  return payload?.type === "cdrom" && hasInitialization ? undefined : payload;
}

/** suspended -> restoring_state -> up. */
export function restore(site: Inventory, vm: Vm, host: Host): void {
  site.moveVm(vm, "restoring_state", host.id);
  vm.starts += 1;
  vm.aliveOn.add(host.id);
  site.begin(vm.id, [{ afterMs: site.delays.restoreMs, run: () => resume(site, vm) }]);
}

/** To up, at once. */
export function resume(site: Inventory, vm: Vm): void {
  site.moveVm(vm, "up");
  site.events.add("vmResumed", `VM ${vm.name} was resumed.`, { vm: vm.id, host: vm.hostId });
}

/** up -> powering_down -> down; or back to up, when the guest does not listen. */
export function shutDown(site: Inventory, vm: Vm, by: Actor, reason: string): void {
  const subjects = { vm: vm.id, host: vm.hostId };
  vm.stopReason = reason;
  site.moveVm(vm, "powering_down");
  site.events.add(
    "shutdownInitiated",
    `VM shutdown initiated by ${by ?? "the system"} on VM ${vm.name}.`,
    subjects,
  );
  const end = () => {
    if (!vm.ignoresShutdown) {
      endGently(site, vm);
      return;
    }
    site.moveVm(vm, "up");
    site.events.add("shutdownRefused", `Shutdown of VM ${vm.name} failed.`, subjects);
  };
  site.begin(vm.id, [{ afterMs: site.delays.shutdownMs, run: end }]);
}

/** The guest powers itself off, whether it was told to or not. */
export function endGently(site: Inventory, vm: Vm): void {
  const host = vm.hostId;
  toDown(site, vm, "shutdown");
  site.events.add("vmDown", `VM ${vm.name} is down. Exit message: User shut down from within the guest`, {
    vm: vm.id,
    host,
  });
}

/** Any running state -> powering_down -> down: a power cut for the guest. */
export function destroy(site: Inventory, vm: Vm, by: Actor, reason: string): void {
  const subjects = { vm: vm.id, host: vm.hostId };
  vm.stopReason = reason;
  site.events.add("vmStopped", `VM ${vm.name} powered off by ${by ?? "the system"}.`, subjects);
  if (vm.status === "suspended") {
    toDown(site, vm, "destroyed");
    return;
  }
  site.moveVm(vm, "powering_down");
  site.begin(vm.id, [{ afterMs: site.delays.stopMs, run: () => toDown(site, vm, "destroyed") }]);
}

/** The emulator ends by itself. A highly available VM is started again by the engine. */
export function fail(site: Inventory, vm: Vm, words: string): void {
  const host = vm.hostId;
  toDown(site, vm, "crashed");
  site.events.add("vmDownError", `VM ${vm.name} is down with error. Exit message: ${words}.`, {
    vm: vm.id,
    host,
  });
  restartIfHighlyAvailable(site, vm);
}

/** The engine's own restart of a highly available VM, on any host that is up. */
export function restartIfHighlyAvailable(site: Inventory, vm: Vm): void {
  if (!vm.isHighlyAvailable) return;
  site.events.add("haFailed", `Highly Available VM ${vm.name} failed. It will be restarted automatically.`, {
    vm: vm.id,
  });
  const host = site.hosts.find(({ status, clusterId }) => status === "up" && clusterId === vm.clusterId);
  if (host === undefined) return;
  const start = () => launch(site, vm, { host, by: undefined, isPaused: false, hasInitialization: false });
  site.begin(vm.id, [{ afterMs: site.delays.launchMs, run: start }]);
}

/** Nothing of it is left on the host that the engine named. */
export function toDown(site: Inventory, vm: Vm, how: Exclude<Vm["lastEnd"], undefined>): void {
  if (vm.hostId !== undefined) vm.aliveOn.delete(vm.hostId);
  if (vm.migrationTargetId !== undefined) vm.aliveOn.delete(vm.migrationTargetId);
  vm.lastEnd = how;
  site.moveVm(vm, "down");
  vm.hostId = undefined;
}

/** up -> saving_state -> suspended. */
export function suspend(site: Inventory, vm: Vm): void {
  const subjects = { vm: vm.id, host: vm.hostId };
  site.moveVm(vm, "saving_state");
  site.events.add("suspendStarted", `Suspending VM ${vm.name} was initiated.`, subjects);
  const done = () => {
    toDown(site, vm, "suspended");
    vm.status = "suspended";
    site.events.add("suspendDone", `VM ${vm.name} is suspended.`, subjects);
  };
  site.begin(vm.id, [{ afterMs: site.delays.suspendMs, run: done }]);
}

/** up -> reboot_in_progress -> up. */
export function reboot(site: Inventory, vm: Vm, by: Actor): void {
  site.moveVm(vm, "reboot_in_progress");
  site.events.add("vmReboot", `User ${by ?? "the system"} initiated reboot of VM ${vm.name}.`, {
    vm: vm.id,
    host: vm.hostId,
  });
  site.begin(vm.id, [{ afterMs: site.delays.rebootMs, run: () => site.moveVm(vm, "up") }]);
}

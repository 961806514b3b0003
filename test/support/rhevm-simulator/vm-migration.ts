import type { Inventory } from "./inventory.ts";
import type { Host, Vm, VmStatus } from "./model.ts";
import type { Actor } from "./vm-life.ts";

/**
 * up -> migrating -> up: the host is the source until the end, then the target. A migration that fails leaves the VM
 * where it was; when the engine chose the target, it tries other hosts first.
 *
 * @param isFixed the target was asked for, no other is tried
 */
export function beginMigration(site: Inventory, vm: Vm, target: Host, by: Actor, isFixed: boolean): void {
  const before = vm.status;
  const source = site.host(vm.hostId ?? "");
  const way = `VM: ${vm.name}, Source: ${source.name}, Destination: ${target.name}`;
  const subjects = { vm: vm.id, host: source.id };
  site.moveVm(vm, "migrating");
  vm.migrationTargetId = target.id;
  if (by === undefined)
    site.events.add("migrationBySystem", `Migration initiated by system (${way}).`, subjects);
  else site.events.add("migrationStart", `Migration started (${way}, User: ${by}).`, subjects);
  const end = () => {
    if (vm.failingMigrations > 0 || target.status !== "up" || !target.isAlive) {
      failMigration({ site, vm, source, target, by, isFixed, before });
    } else finish(site, vm, source, target);
  };
  site.begin(vm.id, [{ afterMs: site.delays.migrationMs, run: end }]);
}

function finish(site: Inventory, vm: Vm, source: Host, target: Host): void {
  vm.aliveOn.delete(source.id);
  vm.aliveOn.add(target.id);
  site.moveVm(vm, "up", target.id);
  const seconds = site.delays.migrationMs / 1000;
  site.events.add(
    "migrationDone",
    `Migration completed (VM: ${vm.name}, Source: ${source.name}, Destination: ${target.name}, Duration: ${seconds} seconds)`,
    { vm: vm.id, host: source.id },
  );
}

interface FailedMigration {
  readonly site: Inventory;
  readonly vm: Vm;
  readonly source: Host;
  readonly target: Host;
  readonly by: Actor;
  readonly isFixed: boolean;
  readonly before: VmStatus | undefined;
}

function failMigration({ site, vm, source, target, by, isFixed, before }: FailedMigration): void {
  const subjects = { vm: vm.id, host: source.id };
  vm.failingMigrations = Math.max(0, vm.failingMigrations - 1);
  const others = migrationTargets(site, vm).filter(({ id }) => id !== target.id);
  const [other] = others;
  if (!isFixed && vm.failingMigrations > 0 && other !== undefined) {
    site.events.add(
      "migrationRerun",
      `Failed to migrate VM ${vm.name} to Host ${target.name}. Trying to migrate to another Host.`,
      subjects,
    );
    site.moveVm(vm, before);
    beginMigration(site, vm, other, by, false);
    return;
  }
  site.moveVm(vm, before);
  const name = isFixed ? "migrationToServerFailed" : "migrationFailed";
  site.events.add(name, `Migration failed (VM: ${vm.name}, Source: ${source.name}).`, subjects);
}

/** Hosts to which the engine would migrate a VM. */
export function migrationTargets(site: Inventory, vm: Vm): Host[] {
  return site.hosts.filter(
    ({ id, status, clusterId }) =>
      id !== vm.hostId &&
      status === "up" &&
      clusterId === vm.clusterId &&
      (vm.allowedHostIds.length === 0 || vm.allowedHostIds.includes(id)),
  );
}

/** migrating -> up, on the source. */
export function cancelMigration(site: Inventory, vm: Vm): void {
  site.moveVm(vm, "up");
  site.events.add("migrationCancelled", `Cancelled migration for VM: ${vm.name}`, {
    vm: vm.id,
    host: vm.hostId,
  });
}

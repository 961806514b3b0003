import type { Inventory } from "./inventory.ts";
import type { Host, Vm, VmStatus } from "./model.ts";
import { conflict, Refusal } from "./refusal.ts";
import type { ApiVersion } from "./release.ts";
import { type Actor, destroy, launch, reboot, restore, resume, shutDown, suspend } from "./vm-life.ts";
import { beginMigration, cancelMigration, migrationTargets } from "./vm-migration.ts";
import { childNode, childText, type XmlNode } from "./xml-node.ts";

/** What an action is asked to do, and by whom. */
export interface ActionCall {
  readonly action: XmlNode;
  readonly by: Actor;
  readonly version: ApiVersion;
}

type VmAction = (site: Inventory, vm: Vm, call: ActionCall) => void;

/** The engine's state name in a refusal: `ImageLocked`. */
function wordOf(status: VmStatus | undefined): string {
  const words = (status ?? "image_illegal").split("_");
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

const RUNNING: ReadonlySet<VmStatus | undefined> = new Set([
  "up",
  "powering_up",
  "powering_down",
  "migrating",
  "wait_for_launch",
  "reboot_in_progress",
  "paused",
  "not_responding",
]);

const NO_HOST =
  "There is no host that satisfies current scheduling constraints. See below for details:, " +
  "There are no hosts available in the cluster.";

const NO_DISK =
  "Cannot run VM without at least one bootable disk.\n" +
  "- Please mark one disk as bootable, add one, or boot from another device.";

/** The actions of a VM. Each refuses in the engine's words, or has begun when it returns. */
export const VM_ACTIONS: Readonly<Record<string, VmAction>> = {
  start,
  stop: (site, vm, call) => {
    checkRunning(vm, "stop");
    destroy(site, vm, call.by, reasonOf(site, call.action));
  },
  shutdown: (site, vm, call) => {
    checkRunning(vm, "shutdown");
    const reason = reasonOf(site, call.action);
    // a guest that is not up, or cannot be told, has its power cut: the answer is the same
    const canBeTold = vm.hearsShutdown && (vm.status === "up" || vm.status === "migrating");
    if (canBeTold) shutDown(site, vm, call.by, reason);
    else destroy(site, vm, call.by, reason);
  },
  migrate,
  cancelmigration: (site, vm) => {
    if (vm.status !== "migrating") throw conflict("Cannot cancel migration for non migrating VM.");
    cancelMigration(site, vm);
  },
  suspend: (site, vm) => {
    checkUnlocked(vm, "hibernate");
    if (vm.status !== "up") throw conflict("Cannot hibernate VM. VM is not up.");
    suspend(site, vm);
  },
  reboot: (site, vm, call) => {
    checkUnlocked(vm, "reboot");
    if (vm.status !== "up" && vm.status !== "powering_up")
      throw conflict("Cannot reboot VM. VM is not running.");
    reboot(site, vm, call.by);
  },
};

function start(site: Inventory, vm: Vm, { action, by }: ActionCall): void {
  const hasInitialization = checkInitialization(action);
  checkUnlocked(vm, "run");
  if (vm.status === "paused") {
    resume(site, vm);
    return;
  }
  if (RUNNING.has(vm.status)) throw conflict("Cannot run VM. VM is running.");
  if (vm.status !== "down" && vm.status !== "suspended") {
    throw conflict(`Cannot run VM because the VM is in ${wordOf(vm.status)} status.`);
  }
  if (!vm.hasBootableDisk) throw conflict(NO_DISK);
  const host = hostForStart(site, vm, action);
  if (host === undefined) throw conflict(`Cannot run VM. ${NO_HOST}`);
  if (vm.status === "suspended") restore(site, vm, host);
  else launch(site, vm, { host, by, isPaused: childText(action, "pause") === "true", hasInitialization });
}

function checkInitialization(action: XmlNode): boolean {
  const isAsked = (name: string) => childText(action, name) === "true";
  if (isAsked("use_cloud_init") && isAsked("use_sysprep")) {
    throw new Refusal("conflict", "Cloud-init and Sysprep cannot be used together.", { isBare: true });
  }
  return isAsked("use_cloud_init") || isAsked("use_sysprep") || isAsked("use_initialization");
}

/** The host asked for in the action's `vm`, else one that the configuration allows. */
function hostForStart(site: Inventory, vm: Vm, action: XmlNode): Host | undefined {
  const wanted = placementIn(childNode(action, "vm"));
  const allowed = wanted.length > 0 ? wanted.slice(0, 1) : vm.allowedHostIds;
  return site.hosts.find(
    ({ id, status, clusterId }) =>
      status === "up" && clusterId === vm.clusterId && (allowed.length === 0 || allowed.includes(id)),
  );
}

/** Ids of the hosts in a VM's `placement_policy`, in either version's form. */
export function placementIn(vm: XmlNode | undefined): string[] {
  const policy = vm === undefined ? undefined : childNode(vm, "placement_policy");
  if (policy === undefined) return [];
  const holder = childNode(policy, "hosts") ?? policy;
  if (typeof holder.content === "string") return [];
  return holder.content.filter(({ name }) => name === "host").map(({ attributes }) => attributes["id"] ?? "");
}

function migrate(site: Inventory, vm: Vm, { action, by }: ActionCall): void {
  checkUnlocked(vm, "migrate");
  if (vm.affinity === "pinned") throw conflict("Cannot migrate VM. VM is pinned to Host.");
  if (vm.affinity === "user_migratable" && childText(action, "force") !== "true") {
    throw conflict(
      "Cannot migrate VM. VM is non migratable and user did not specify the force-migration flag",
    );
  }
  if (vm.status === "migrating") throw conflict("Cannot migrate VM. VM migration is in progress");
  checkMigratable(site, vm);
  const targets = migrationTargets(site, vm);
  const asked = childNode(action, "host");
  if (asked === undefined) {
    const [target] = targets;
    if (target === undefined) throw conflict(`Cannot migrate VM. ${NO_HOST}`);
    beginMigration(site, vm, target, by, false);
    return;
  }
  const target = askedHost(site, asked);
  if (target.id === vm.hostId) throw conflict("Cannot migrate VM. source and destination is the same.");
  if (!targets.includes(target)) throw conflict(`Cannot migrate VM. ${NO_HOST}`);
  beginMigration(site, vm, target, by, true);
}

function checkMigratable(site: Inventory, vm: Vm): void {
  const { status } = vm;
  if (status === "not_responding") throw conflict("Cannot migrate VM. VM is not responding.");
  const isMovable =
    status === "up" ||
    status === "powering_up" ||
    status === "reboot_in_progress" ||
    (status === "paused" && site.release.migratesPaused && vm.statusDetail !== "eio");
  if (!isMovable) {
    const why = status === "paused" ? "VM is paused." : "VM is not running.";
    throw conflict(`Cannot migrate VM. ${why}`);
  }
}

function askedHost(site: Inventory, asked: XmlNode): Host {
  const idOrName = asked.attributes["id"] ?? childText(asked, "name");
  if (idOrName === undefined) {
    throw new Refusal("bad parameters", "Action [host.id|name] required for migrate", {
      reason: "Incomplete parameters",
    });
  }
  const host = site.hosts.find(({ id, name }) => id === idOrName || name === idOrName);
  if (host === undefined) throw new Refusal("bad parameters", "[Cannot migrate VM. Invalid Host Id.]");
  return host;
}

function checkRunning(vm: Vm, verb: "stop" | "shutdown"): void {
  checkUnlocked(vm, verb);
  if (vm.status === "saving_state" || vm.status === "restoring_state") {
    throw conflict(
      `Cannot ${verb} VM. VM is in saving/restoring state.\n- Please try again when the VM is either up or down.`,
    );
  }
  if (!RUNNING.has(vm.status) && vm.status !== "suspended")
    throw conflict(`Cannot ${verb} VM. VM is not running.`);
}

function checkUnlocked(vm: Vm, verb: string): void {
  if (vm.isLocked) {
    throw conflict(`Cannot ${verb} VM. Related operation is currently in progress. Please try again later.`);
  }
}

function reasonOf(site: Inventory, action: XmlNode): string {
  return site.release.keepsReasons ? (childText(action, "reason") ?? "") : "";
}

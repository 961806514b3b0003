import { activate, deactivate, declareDead, moveHost, powerCycle, powerOff } from "./host-life.ts";
import type { Inventory } from "./inventory.ts";
import type { DataCenterStatus, Host, HostStatus } from "./model.ts";
import { conflict, Refusal } from "./refusal.ts";
import type { ApiVersion } from "./release.ts";
import { contend, spmCandidates } from "./spm.ts";
import type { ActionCall } from "./vm-actions.ts";
import { migrationTargets } from "./vm-migration.ts";
import { childText, group, leaf, type XmlNode } from "./xml-node.ts";

/** What a host's action adds to the answer; a failure that is still answered with 200 says why. */
interface HostOutcome {
  readonly added: readonly XmlNode[];
  readonly failure?: string;
}

type HostAction = (site: Inventory, host: Host, call: ActionCall) => HostOutcome;

const DONE: HostOutcome = { added: [] };

/** How long after one use power management refuses the next. Source: FenceQuietTimeBetweenOperationsInSec. */
const QUIET_MS = 180_000;

/** The actions of a host. Each refuses in the engine's words, or has begun when it returns. */
export const HOST_ACTIONS: Readonly<Record<string, HostAction>> = {
  deactivate: (site, host, { by }) => {
    checkDeactivation(site, host);
    deactivate(site, host, by);
    return DONE;
  },
  activate: (site, host, { by }) => {
    if (host.status === "up") throw conflict("Cannot activate Host. Host in Up status.");
    if (host.status === "non_responsive") throw conflict("Cannot activate Host. Host is non responsive.");
    activate(site, host, by);
    return DONE;
  },
  fence,
  forceselectspm: (site, host) => {
    checkForcedSpm(site, host);
    const before = site.hostsOf(site.dataCenterOf(host)).find(({ spm }) => spm !== "none");
    if (before !== undefined) before.spm = "none";
    site.events.add("spmForced", `Host ${host.name} was force selected.`, { host: host.id });
    contend(site, host);
    return DONE;
  },
};

const NO_MAINTENANCE = "Cannot switch Host to Maintenance mode.";

const LEAVES_FOR_MAINTENANCE: ReadonlySet<HostStatus> = new Set([
  "up",
  "down",
  "error",
  "non_operational",
  "preparing_for_maintenance",
  "install_failed",
  "non_responsive",
]);

function checkDeactivation(site: Inventory, host: Host): void {
  const { status, spm } = host;
  const vms = site.vmsOn(host);
  if (status === "maintenance") throw conflict(`${NO_MAINTENANCE} Host is already in Maintenance mode.`);
  if (!LEAVES_FOR_MAINTENANCE.has(status)) throw conflict(`${NO_MAINTENANCE} Host is not operational.`);
  if (status === "non_responsive" && spm !== "none") {
    throw conflict(
      `${NO_MAINTENANCE}\nHost is Storage Pool Manager and is in Non Responsive state.\n` +
        "- If power management is configured, engine will try to fence the host automatically.\n" +
        "- Otherwise, either bring the node back up, or release the SPM resource.",
    );
  }
  if (status === "non_responsive" && vms.length > 0) {
    throw conflict(`${NO_MAINTENANCE} Host still has running VMs on it and is in Non Responsive state.`);
  }
  if (spm === "contending")
    throw conflict(`${NO_MAINTENANCE} Host is contending for Storage Pool Manager, please try again later.`);
  if (spm === "spm" && host.hasTasks)
    throw conflict(
      `${NO_MAINTENANCE} Host has asynchronous running tasks, wait for operation to complete and retry.`,
    );
  if (vms.some(({ affinity }) => affinity === "pinned")) {
    throw conflict(`${NO_MAINTENANCE} The following Hosts have non-migratable VMs: ${host.name}.`);
  }
  if (vms.some((vm) => migrationTargets(site, vm).length === 0)) {
    throw conflict(
      `${NO_MAINTENANCE} The following Hosts have running VMs and cannot be switched to maintenance mode: ${host.name}.`,
    );
  }
}

function noForce(why: string): Refusal {
  return conflict(`Cannot force select SPM. ${why}`);
}

function checkForcedSpm(site: Inventory, host: Host): void {
  const dataCenter = site.dataCenterOf(host);
  if (host.spm !== "none") throw noForce(`The Host ${host.name} is already SPM or contending.`);
  if (host.status !== "up") throw noForce("Host status must be Up.");
  if (dataCenter.status !== "up") throw noForce("The Data Center is not up.");
  if (host.spmPriority < 0) throw noForce(`The Host ${host.name} is marked to never be selected as SPM.`);
  if (site.hostsOf(dataCenter).some(({ hasTasks }) => hasTasks)) {
    throw noForce("The SPM Host has running tasks.");
  }
}

function fence(site: Inventory, host: Host, { action, version }: ActionCall): HostOutcome {
  const type = (childText(action, "fence_type") ?? "").toLowerCase();
  switch (type) {
    case "":
      throw new Refusal("bad parameters", "Action [fenceType] required for fence", {
        reason: "Incomplete parameters",
      });
    case "manual":
      fenceManually(site, host);
      return DONE;
    case "status":
      return powerStatus(site, host, version);
    case "restart":
    case "start":
    case "stop":
      fenceByPower(site, host, type);
      return DONE;
    default:
      throw new Refusal("bad parameters", `${type} is not a member of FenceType`, {
        reason: "Invalid value",
      });
  }
}

const FENCED_BY_HAND: ReadonlySet<HostStatus> = new Set([
  "down",
  "install_failed",
  "maintenance",
  "non_operational",
  "non_responsive",
  "reboot",
  "installing",
  "connecting",
  "kdumping",
]);

const FREES_SPM: ReadonlySet<DataCenterStatus> = new Set(["not_operational", "problematic", "maintenance"]);

function noFence(why: string): Refusal {
  return conflict(`Cannot confirm 'Host has been rebooted' Host. ${why}`);
}

function fenceManually(site: Inventory, host: Host): void {
  if (!FENCED_BY_HAND.has(host.status)) {
    throw noFence('Valid Host statuses are "Non operational", "Maintenance" or "Connecting".');
  }
  const dataCenter = site.dataCenterOf(host);
  if (host.spm !== "none" && !dataCenter.isLocal) {
    if (spmCandidates(site, dataCenter).length === 0)
      throw noFence("There are no other Hosts that can be the SPM.");
    if (!FREES_SPM.has(dataCenter.status)) throw noFence("Unknown Data Center status.");
  }
  declareDead(site, host);
}

function powerStatus(site: Inventory, host: Host, version: ApiVersion): HostOutcome {
  checkPowerManagement(site, host, "check");
  const word = host.isAlive ? "on" : "off";
  if (host.powerManagement === "fails") return { added: [], failure: "[Power Management test failed.]" };
  const status = version === 4 ? leaf("status", word) : group("status", [leaf("state", word)]);
  return { added: [group("power_management", [status])] };
}

function fenceByPower(site: Inventory, host: Host, type: "restart" | "start" | "stop"): void {
  checkPowerManagement(site, host, type);
  if (type === "stop" && host.status !== "maintenance") {
    throw conflict(
      "Cannot perform Stop operation, Host has to be in Maintenance mode in order to be stopped.",
    );
  }
  const { fencedAt } = host;
  if (fencedAt !== undefined && site.clock.now - fencedAt < QUIET_MS) {
    throw conflict(`Cannot ${type} Host. Another Power Management action was performed a short time ago.`);
  }
  host.fencedAt = site.clock.now;
  if (type === "restart") powerCycle(site, host);
  else if (type === "stop") {
    powerOff(site, host);
    moveHost(site, host, "down");
  } else {
    host.isAlive = true;
    activate(site, host, undefined);
  }
}

function checkPowerManagement(site: Inventory, host: Host, verb: string): void {
  if (host.powerManagement === "none") {
    throw conflict(`Cannot ${verb} Host. Power Management is not configured for this Host.`);
  }
  if (!site.hosts.some((other) => other !== host && other.status === "up")) {
    throw conflict(
      `Cannot ${verb} Host. There is no other Host in the Data Center that can be used to test it.`,
    );
  }
}

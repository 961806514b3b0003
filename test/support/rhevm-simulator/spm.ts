import type { Inventory } from "./inventory.ts";
import type { DataCenter, Host, HostStatus } from "./model.ts";

/** States in which a host's SPM role stays its own. */
const KEEPS_ROLE: ReadonlySet<HostStatus> = new Set(["up", "connecting", "unassigned", "initializing"]);

/**
 * Brings a data centre's SPM role in line with its hosts: a host that leaves `up` loses it and another that is up is
 * elected; one that does not respond holds it, and the data centre is problematic until that host is fenced.
 */
export function settleSpm(site: Inventory, dataCenter: DataCenter): void {
  if (dataCenter.status === "uninitialized" || dataCenter.status === "maintenance") return;
  const holder = site.hostsOf(dataCenter).find(({ spm }) => spm !== "none");
  if (holder === undefined) {
    elect(site, dataCenter);
  } else if (holder.spm === "contending") {
    if (holder.status !== "up") dropRole(site, holder);
  } else if (holder.status === "non_responsive") {
    dataCenter.status = "problematic";
  } else if (!KEEPS_ROLE.has(holder.status)) {
    dropRole(site, holder);
  } else if (holder.status === "up") {
    dataCenter.status = "up";
  }
}

/** Takes the role from a host; another is elected, this one only when there is no other. */
export function dropRole(site: Inventory, host: Host): void {
  host.spm = "none";
  const dataCenter = site.dataCenterOf(host);
  site.sequences.cancel(dataCenter.id);
  settleSpm(site, dataCenter);
}

/** Gives the role to a host: at once contending, then the SPM. */
export function contend(site: Inventory, host: Host): void {
  const dataCenter = site.dataCenterOf(host);
  host.spm = "contending";
  dataCenter.status = "contend";
  const won = () => {
    host.spm = "spm";
    settleSpm(site, dataCenter);
  };
  site.begin(dataCenter.id, [{ afterMs: site.delays.spmElectionMs, run: won }]);
}

function elect(site: Inventory, dataCenter: DataCenter): void {
  const [chosen] = spmCandidates(site, dataCenter).toSorted((a, b) => b.spmPriority - a.spmPriority);
  if (chosen === undefined) dataCenter.status = "not_operational";
  else contend(site, chosen);
}

/** Hosts that can take the role. */
export function spmCandidates(site: Inventory, dataCenter: DataCenter): Host[] {
  return site.hostsOf(dataCenter).filter(({ status, spmPriority }) => status === "up" && spmPriority >= 0);
}

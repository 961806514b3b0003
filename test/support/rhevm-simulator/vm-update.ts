import type { Inventory } from "./inventory.ts";
import type { Payload, PayloadFile, Vm } from "./model.ts";
import { conflict, Refusal } from "./refusal.ts";
import type { ApiVersion, Release } from "./release.ts";
import { placementIn } from "./vm-actions.ts";
import { childNode, childText, type XmlNode } from "./xml-node.ts";

/** Most characters of a payload's file. Source: PayloadSize; the engine's message says twice as much. */
const PAYLOAD_LIMIT = 8192;

/**
 * Changes what the document names, and nothing else. A payload replaces the one before, and is seen at the next start.
 *
 * @throws {Refusal}
 */
export function updateVm(site: Inventory, vm: Vm, document: XmlNode, version: ApiVersion): void {
  const payloads = childNode(document, "payloads");
  if (payloads !== undefined) {
    const first = childNode(payloads, "payload");
    if (first !== undefined) vm.payload = payloadIn(first, site.release, version);
    else if (site.release.payloadFiles === "elements") vm.payload = undefined; // before 3.3 nothing removes one
  }
  updateCluster(site, vm, document);
  const availability = childNode(document, "high_availability");
  if (availability !== undefined) vm.isHighlyAvailable = childText(availability, "enabled") === "true";
  updatePlacement(vm, document);
  site.events.add("vmChanged", `VM ${vm.name} configuration was updated.`, { vm: vm.id });
}

/** Source: ovirt-engine, ChangeVMClusterCommand and its validator: the VM is down, the data centre stays. */
function updateCluster(site: Inventory, vm: Vm, document: XmlNode): void {
  const id = childNode(document, "cluster")?.attributes["id"];
  if (id === undefined || id === vm.clusterId) return;
  if (vm.status !== "down")
    throw conflict("Cannot change a VM's cluster while the VM is running. Please stop the VM and retry.");
  const [from, to] = [vm.clusterId, id].map(
    (wanted) => site.clusters.find((cluster) => cluster.id === wanted)?.dataCenterId,
  );
  if (to === undefined || from !== to)
    throw conflict("Cannot edit VM. The target cluster belongs to a different Data Center.");
  vm.clusterId = id;
}

function updatePlacement(vm: Vm, document: XmlNode): void {
  const policy = childNode(document, "placement_policy");
  if (policy === undefined) return;
  const affinity = childText(policy, "affinity");
  if (affinity === "migratable" || affinity === "user_migratable" || affinity === "pinned")
    vm.affinity = affinity;
  vm.allowedHostIds = placementIn(document);
}

function payloadIn(payload: XmlNode, release: Release, version: ApiVersion): Payload {
  const type = version === 4 ? childText(payload, "type") : payload.attributes["type"];
  if (type === undefined) {
    throw new Refusal("bad parameters", "Payload [type] required for update", {
      reason: "Incomplete parameters",
    });
  }
  if (type !== "cdrom" && type !== "floppy") throw conflict("Cannot edit VM. Payload type is not supported.");
  const files = filesIn(payload, release);
  if (files.some(({ content }) => content.length > PAYLOAD_LIMIT)) {
    throw new Refusal("bad parameters", "[Payload is limited to 16K]");
  }
  return { type, files, volumeId: childText(payload, "volume_id") };
}

function filesIn(payload: XmlNode, release: Release): PayloadFile[] {
  if (release.payloadFiles === "attributes") {
    const file = childNode(payload, "file"); // one only
    if (file === undefined) return [];
    return [{ name: file.attributes["name"] ?? "", content: childText(file, "content") ?? "" }];
  }
  const files = childNode(payload, "files");
  if (files === undefined || typeof files.content === "string") return [];
  return files.content.map((file) => ({
    name: childText(file, "name") ?? "",
    content: childText(file, "content") ?? "",
  }));
}

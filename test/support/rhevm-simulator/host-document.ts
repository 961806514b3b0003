import type { Inventory } from "./inventory.ts";
import type { Host } from "./model.ts";
import { actionLinks, hrefOf, partLinks, reference, status, type View } from "./view.ts";
import { group, leaf, node, type XmlNode } from "./xml-node.ts";

const VERBS = ["activate", "deactivate", "fence", "install", "iscsilogin"] as const;
const PARTS = ["storage", "nics", "tags", "statistics"] as const;

/** Verbs that a host has in a release. */
export function hostVerbs({ release }: Pick<View, "release">): readonly string[] {
  return release.hasForceSelectSpm ? [...VERBS, "forceselectspm"] : VERBS;
}

/** A host as the version writes it. */
export function hostDocument(view: View, site: Inventory, host: Host): XmlNode {
  const href = hrefOf(view, "hosts", host.id);
  const content = view.version === 3 ? version3(view, site, host) : version4(view, site, host);
  return node("host", { href, id: host.id }, [
    actionLinks(href, hostVerbs(view)),
    leaf("name", host.name),
    ...(view.version === 4 ? [leaf("comment", "")] : []),
    ...partLinks(href, PARTS),
    leaf("address", host.address),
    group("certificate", [
      leaf("organization", "simulated.example.com"),
      leaf("subject", `O=simulated.example.com,CN=${host.address}`),
    ]),
    ...content,
  ]);
}

function version3(view: View, site: Inventory, host: Host): XmlNode[] {
  const priority = String(host.spmPriority);
  const isSpm = host.spm === "spm";
  return [
    ...status(view, host.status),
    reference(view, "clusters", host.clusterId),
    leaf("port", 54_321),
    leaf("type", "rhel"),
    { name: "storage_manager", attributes: { priority }, content: String(isSpm) },
    ...(view.release.hasSpmElement
      ? [group("spm", [leaf("priority", priority), ...status(view, host.spm)])]
      : []),
    powerManagement(host),
    ...(view.release.hasTypedErrors ? [hardware(host)] : []),
    summary(site, host),
  ];
}

/** The SPM's state comes before the host's own: a reader that takes the first `status` is wrong. */
function version4(view: View, site: Inventory, host: Host): XmlNode[] {
  return [
    leaf("external_status", "ok"),
    hardware(host),
    leaf("kdump_status", "disabled"),
    leaf("port", 54_321),
    powerManagement(host),
    leaf("protocol", "stomp"),
    group("spm", [leaf("priority", host.spmPriority), ...status(view, host.spm)]),
    ...status(view, host.status),
    summary(site, host),
    leaf("type", "rhel"),
    reference(view, "clusters", host.clusterId),
  ];
}

function hardware(host: Host): XmlNode {
  return group("hardware_information", [leaf("manufacturer", "Simulated"), leaf("uuid", host.hardwareUuid)]);
}

function powerManagement(host: Host): XmlNode {
  return group("power_management", [leaf("enabled", host.powerManagement !== "none")]);
}

function summary(site: Inventory, host: Host): XmlNode {
  const vms = site.vmsOn(host);
  return group("summary", [
    leaf("active", vms.length),
    leaf("migrating", vms.filter((vm) => vm.status === "migrating").length),
    leaf("total", vms.length),
  ]);
}

import type { Payload, Vm } from "./model.ts";
import { actionLinks, hrefOf, partLinks, reference, status, type View } from "./view.ts";
import { group, leaf, node, type XmlNode } from "./xml-node.ts";

const VERBS_3 = ["migrate", "cancelmigration", "shutdown", "start", "stop", "suspend"] as const;
const VERBS_4 = ["migrate", "reboot", "cancelmigration", "shutdown", "start", "stop", "suspend"] as const;
const PARTS_3 = ["disks", "nics", "cdroms", "snapshots", "statistics"] as const;
const PARTS_4 = ["snapshots", "reporteddevices", "diskattachments", "nics", "cdroms", "statistics"] as const;
const MEMORY_BYTES = 1_073_741_824;

/** Verbs that a VM has in a release. */
export function vmVerbs({ release }: Pick<View, "release">): readonly string[] {
  return release.major > 3 || release.minor > 3 ? VERBS_4 : VERBS_3;
}

/** A VM as the version writes it: the state is near the beginning in 3, near the end in 4. */
export function vmDocument(view: View, vm: Vm): XmlNode {
  const href = hrefOf(view, "vms", vm.id);
  return node(
    "vm",
    { href, id: vm.id },
    view.version === 3 ? version3(view, vm, href) : version4(view, vm, href),
  );
}

function version3(view: View, vm: Vm, href: string): XmlNode[] {
  return [
    actionLinks(href, vmVerbs(view)),
    leaf("name", vm.name),
    leaf("description", ""),
    ...partLinks(href, PARTS_3),
    leaf("type", "server"),
    ...statusOf(view, vm),
    leaf("memory", MEMORY_BYTES),
    group("cpu", [node("topology", { sockets: "1", cores: "1" })]),
    node("os", { type: "other" }, [node("boot", { dev: "hd" })]),
    highAvailability(vm),
    group("display", [leaf("type", "spice"), leaf("monitors", 1)]),
    ...hostOf(view, vm),
    reference(view, "clusters", vm.clusterId),
    leaf("origin", "rhev"),
    leaf("stateless", vm.isStateless),
    ...initializationOf(view, vm),
    ...payloadsOf(view, vm),
    ...placementOf(view, vm),
    group("memory_policy", [leaf("guaranteed", MEMORY_BYTES)]),
    group("usb", [leaf("enabled", false)]),
  ];
}

function version4(view: View, vm: Vm, href: string): XmlNode[] {
  return [
    actionLinks(href, vmVerbs(view)),
    leaf("name", vm.name),
    leaf("description", ""),
    leaf("comment", ""),
    ...partLinks(href, PARTS_4),
    group("bios", [group("boot_menu", [leaf("enabled", false)]), leaf("type", "i440fx_sea_bios")]),
    group("cpu", [
      leaf("architecture", "x86_64"),
      group("topology", [leaf("cores", 1), leaf("sockets", 1), leaf("threads", 1)]),
    ]),
    group("display", [leaf("monitors", 1), leaf("type", "spice")]),
    highAvailability(vm),
    leaf("memory", MEMORY_BYTES),
    leaf("origin", "ovirt"),
    group("os", [group("boot", [group("devices", [leaf("device", "hd")])]), leaf("type", "other")]),
    ...initializationOf(view, vm),
    ...payloadsOf(view, vm),
    ...placementOf(view, vm),
    leaf("stateless", vm.isStateless),
    leaf("type", "server"),
    group("usb", [leaf("enabled", false)]),
    reference(view, "clusters", vm.clusterId),
    leaf("next_run_configuration_exists", false),
    leaf("run_once", false),
    ...statusOf(view, vm),
    leaf("stop_reason", vm.stopReason),
    ...hostOf(view, vm),
  ];
}

function statusOf(view: View, vm: Vm): XmlNode[] {
  return vm.status === undefined ? [] : status(view, vm.status, vm.statusDetail);
}

function highAvailability(vm: Vm): XmlNode {
  return group("high_availability", [leaf("enabled", vm.isHighlyAvailable), leaf("priority", 1)]);
}

function hostOf(view: View, vm: Vm): XmlNode[] {
  return vm.hostId === undefined || view.isFiltered ? [] : [reference(view, "hosts", vm.hostId)];
}

function placementOf(view: View, vm: Vm): XmlNode[] {
  if (view.isFiltered) return [];
  const hosts = vm.allowedHostIds.map((id) => reference(view, "hosts", id));
  const allowed = view.version === 3 ? hosts.slice(0, 1) : [group("hosts", hosts)];
  return [group("placement_policy", [leaf("affinity", vm.affinity), ...(hosts.length === 0 ? [] : allowed)])];
}

/** In version 4 it holds the whole configuration too, for any VM. Source: recorded answers of 4.3. */
function initializationOf(view: View, { initialHostName }: Vm): XmlNode[] {
  if (!view.hasAllContent) return [];
  const configuration = group("configuration", [leaf("data", "<ovf/>"), leaf("type", "ovf")]);
  const own =
    initialHostName === undefined
      ? []
      : [leaf("host_name", initialHostName), leaf("regenerate_ssh_keys", false)];
  const content = view.version === 4 ? [configuration, ...own] : own;
  return content.length === 0 ? [] : [group("initialization", content)];
}

function payloadsOf(view: View, vm: Vm): XmlNode[] {
  if (vm.payload === undefined || !view.hasAllContent) return [];
  return [group("payloads", [payloadNode(view, vm.payload)])];
}

function payloadNode(view: View, { type, files, volumeId }: Payload): XmlNode {
  const volume = volumeId === undefined ? [] : [leaf("volume_id", volumeId)];
  if (view.release.payloadFiles === "attributes") {
    const written = files.map(({ name, content }) => node("file", { name }, [leaf("content", content)]));
    return node("payload", { type }, written);
  }
  const written = group(
    "files",
    files.map(({ name, content }) => group("file", [leaf("name", name), leaf("content", content)])),
  );
  return view.version === 3
    ? node("payload", { type }, [written, ...volume])
    : group("payload", [written, leaf("type", type), ...volume]);
}

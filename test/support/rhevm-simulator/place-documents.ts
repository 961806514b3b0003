import type { EngineEvent } from "./event-log.ts";
import type { Cluster, DataCenter, StorageDomain } from "./model.ts";
import { hrefOf, partLinks, reference, status, timeText, type View } from "./view.ts";
import { group, leaf, node, type XmlNode } from "./xml-node.ts";

/** A cluster; it names its data centre. */
export function clusterDocument(view: View, cluster: Cluster): XmlNode {
  const href = hrefOf(view, "clusters", cluster.id);
  return node("cluster", { href, id: cluster.id }, [
    leaf("name", cluster.name),
    leaf("description", ""),
    ...partLinks(href, ["networks", "permissions"]),
    group("error_handling", [leaf("on_error", "migrate")]),
    versionOf(view),
    leaf("virt_service", true),
    reference(view, "datacenters", cluster.dataCenterId),
  ]);
}

/** A data centre; which host is its SPM is told by the hosts only. */
export function dataCenterDocument(view: View, dataCenter: DataCenter): XmlNode {
  const href = hrefOf(view, "datacenters", dataCenter.id);
  const kind = view.version === 3 ? leaf("storage_type", "nfs") : leaf("local", dataCenter.isLocal);
  return node("data_center", { href, id: dataCenter.id }, [
    leaf("name", dataCenter.name),
    leaf("description", ""),
    ...partLinks(href, ["clusters", "storagedomains"]),
    kind,
    ...status(view, dataCenter.status),
    leaf("storage_format", "v3"),
    versionOf(view),
  ]);
}

/** A storage domain; its state is shown under its data centre, or when it belongs to none. */
export function storageDomainDocument(view: View, domain: StorageDomain, dataCenter?: DataCenter): XmlNode {
  const place = dataCenter === undefined ? view.root : `${view.root}/datacenters/${dataCenter.id}`;
  const isShown = dataCenter !== undefined || domain.status === "unattached";
  // without an SPM nobody tells the engine of them
  const isKnown = dataCenter?.status !== "problematic" && dataCenter?.status !== "not_operational";
  return node("storage_domain", { href: `${place}/storagedomains/${domain.id}`, id: domain.id }, [
    leaf("name", domain.name),
    leaf("master", domain.isMaster),
    ...(isShown ? status(view, isKnown ? domain.status : "unknown") : []),
    group("storage", [
      leaf("address", "storage.example.com"),
      leaf("path", `/export/${domain.name}`),
      leaf("type", "nfs"),
    ]),
    leaf("type", "data"),
  ]);
}

/** An event of the audit log. */
export function eventDocument(view: View, event: EngineEvent): XmlNode {
  const id = String(event.id);
  const { vm, host, cluster, dataCenter } = event.subjects;
  return node("event", { href: hrefOf(view, "events", id), id }, [
    leaf("description", event.description),
    leaf("code", event.code),
    leaf("correlation_id", event.correlationId ?? ""),
    leaf("custom_id", -1),
    leaf("flood_rate", 30),
    ...(view.version === 4 ? [leaf("index", event.id)] : []),
    leaf("origin", "oVirt"),
    leaf("severity", event.severity),
    leaf("time", timeText(event.time)),
    ...(cluster === undefined ? [] : [reference(view, "clusters", cluster)]),
    ...(dataCenter === undefined ? [] : [reference(view, "datacenters", dataCenter)]),
    ...(host === undefined ? [] : [reference(view, "hosts", host)]),
    ...(vm === undefined ? [] : [reference(view, "vms", vm)]),
  ]);
}

function versionOf({ version, release: { major, minor } }: View): XmlNode {
  if (version === 3) return node("version", { major: String(major), minor: String(minor) });
  return group("version", [leaf("major", major), leaf("minor", minor)]);
}

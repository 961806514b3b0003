import { type ApiCall, faultReply, xmlReply } from "./api-call.ts";
import type { EngineEvent } from "./event-log.ts";
import { hostDocument } from "./host-document.ts";
import type { HttpReply } from "./http-message.ts";
import type { Inventory } from "./inventory.ts";
import type { Vm } from "./model.ts";
import {
  clusterDocument,
  dataCenterDocument,
  eventDocument,
  storageDomainDocument,
} from "./place-documents.ts";
import { parseSearch, type Search, SearchError } from "./search-language.ts";
import { type Fields, searched } from "./search-match.ts";
import { isTrue, parameterOf } from "./target.ts";
import { COLLECTIONS, type CollectionName } from "./view.ts";
import { vmDocument } from "./vm-document.ts";
import { group, type XmlNode } from "./xml-node.ts";

/** A collection that can be searched: its things, what they are searched by, and how they are written. */
interface Collection<T> {
  readonly things: readonly T[];
  readonly keys: readonly string[];
  readonly fieldsOf: (thing: T) => Fields;
  readonly documentOf: (thing: T) => XmlNode;
}

/** Answers a collection: what the search finds, the page of it, not more than the limit. */
export function listReply(call: ApiCall, name: CollectionName): HttpReply {
  try {
    return xmlReply(call, 200, group(pluralOf(name), itemsOf(call, name)));
  } catch (error) {
    if (error instanceof SearchError) return faultReply(call, 400, "Operation Failed", error.message);
    throw error;
  }
}

function pluralOf(name: CollectionName): string {
  return `${COLLECTIONS[name]}s`;
}

function itemsOf(call: ApiCall, name: CollectionName): XmlNode[] {
  switch (name) {
    case "vms":
      return documents(call, vmCollection(call));
    case "hosts":
      return documents(call, hostCollection(call));
    case "clusters":
      return documents(call, clusterCollection(call));
    case "datacenters":
      return documents(call, dataCenterCollection(call));
    case "storagedomains":
      return documents(call, storageCollection(call));
    case "events":
      return documents(call, eventCollection(call));
  }
}

function documents<T>(call: ApiCall, { things, keys, fieldsOf, documentOf }: Collection<T>): XmlNode[] {
  const { release, version } = call.view;
  const sensitive = parameterOf(call.target, "case_sensitive", call.view);
  const isCaseSensitive = sensitive === undefined ? version === 3 && release.major === 3 : isTrue(sensitive);
  const search = parseSearch(parameterOf(call.target, "search", call.view) ?? "");
  const found = searched(things, search, keys, fieldsOf, isCaseSensitive);
  return pageOf(found, search, limitOf(call)).map(documentOf);
}

function limitOf({ target, view }: ApiCall): number {
  const max = Number(parameterOf(target, "max", view));
  if (Number.isInteger(max) && max >= 0) return max;
  return view.release.listLimit ?? Number.POSITIVE_INFINITY;
}

function pageOf<T>(found: readonly T[], { page }: Search, limit: number): readonly T[] {
  if (!Number.isFinite(limit)) return page === 1 ? found : [];
  return found.slice((page - 1) * limit, page * limit);
}

/** The engine's name of a VM's state in a search: `poweringup`. */
function searchWord(status: Vm["status"]): string {
  if (status === "migrating") return "migratingfrom";
  return (status ?? "imageillegal").replaceAll("_", "");
}

function vmCollection({ site, view, user }: ApiCall): Collection<Vm> {
  const isShown = ({ name }: Vm) => !view.isFiltered || user.ownVms === "all" || user.ownVms.includes(name);
  return {
    things: site.vms.filter(isShown),
    keys: ["name", "description", "status", "cluster", "host", "datacenter"],
    fieldsOf: (vm) => ({ name: vm.name, status: searchWord(vm.status), ...placeFields(site, vm) }),
    documentOf: (vm) => vmDocument(view, vm),
  };
}

function placeFields(site: Inventory, { clusterId, hostId }: Pick<Vm, "clusterId" | "hostId">): Fields {
  const cluster = site.cluster(clusterId);
  return {
    cluster: cluster.name,
    datacenter: site.dataCenter(cluster.dataCenterId).name,
    ...(hostId === undefined ? {} : { host: site.host(hostId).name }),
  };
}

function hostCollection({ site, view }: ApiCall): Collection<Inventory["hosts"][number]> {
  return {
    things: view.isFiltered ? [] : site.hosts,
    keys: ["name", "status", "cluster", "datacenter", "address"],
    fieldsOf: ({ name, status, address, clusterId }) => {
      const place = placeFields(site, { clusterId, hostId: undefined });
      return { name, address, status: status.replaceAll("_", ""), ...place };
    },
    documentOf: (host) => hostDocument(view, site, host),
  };
}

function clusterCollection({ site, view }: ApiCall): Collection<Inventory["clusters"][number]> {
  return {
    things: site.clusters,
    keys: ["name", "datacenter"],
    fieldsOf: ({ name, dataCenterId }) => ({ name, datacenter: site.dataCenter(dataCenterId).name }),
    documentOf: (cluster) => clusterDocument(view, cluster),
  };
}

function dataCenterCollection({ site, view }: ApiCall): Collection<Inventory["dataCenters"][number]> {
  return {
    things: site.dataCenters,
    keys: ["name", "status"],
    fieldsOf: ({ name, status }) => ({ name, status: status.replaceAll("_", "") }),
    documentOf: (dataCenter) => dataCenterDocument(view, dataCenter),
  };
}

function storageCollection({ site, view }: ApiCall): Collection<Inventory["storageDomains"][number]> {
  return {
    things: site.storageDomains,
    keys: ["name", "status", "datacenter"],
    fieldsOf: ({ name, status, dataCenterId }) => ({
      name,
      status,
      datacenter: site.dataCenter(dataCenterId).name,
    }),
    documentOf: (domain) => storageDomainDocument(view, domain),
  };
}

/** Events are listed newest first; with `from`, those after that id only. */
function eventCollection(call: ApiCall): Collection<EngineEvent> {
  const { site, view, target } = call;
  const from = Number(parameterOf(target, "from", view) ?? Number.NEGATIVE_INFINITY);
  return {
    things: view.isFiltered ? [] : site.events.all.filter(({ id }) => id > from).toReversed(),
    keys: ["type", "severity", "message", "correlation_id", "vm.name", "event_vm", "host.name", "event_host"],
    fieldsOf: (event) => eventFields(site, event),
    documentOf: (event) => eventDocument(view, event),
  };
}

function eventFields(
  site: Inventory,
  { code, severity, description, correlationId, subjects }: EngineEvent,
): Fields {
  const vm = site.vms.find(({ id }) => id === subjects.vm)?.name;
  const host = site.hosts.find(({ id }) => id === subjects.host)?.name;
  return {
    type: code,
    severity,
    message: description,
    ...(correlationId === undefined ? {} : { correlation_id: correlationId }),
    ...(vm === undefined ? {} : { "vm.name": vm, event_vm: vm }),
    ...(host === undefined ? {} : { "host.name": host, event_host: host }),
  };
}

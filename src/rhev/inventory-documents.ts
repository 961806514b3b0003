import type { XmlElement } from "../xml.ts";
import { flagAt, idAt, membersOf, ownId, textAt, wordAt } from "./elements.ts";

export interface RhevCluster {
  readonly id: string;
  readonly name: string;
  readonly dataCenterId: string | undefined;
}

export interface DataCenter {
  readonly id: string;
  readonly name: string;
  /** As it came: `up`, `not_operational`, `problematic`, `maintenance`, `contend`, `uninitialized`. */
  readonly status: string | undefined;
}

export interface StorageDomain {
  readonly id: string;
  readonly name: string;
  /** As it came; only told where the domain is read as part of a data centre, or is unattached. */
  readonly status: string | undefined;
  readonly isMaster: boolean;
}

/** Reads a list of clusters. */
export function clustersOf(root: XmlElement, source: string): readonly RhevCluster[] {
  return membersOf(root, "clusters", "cluster", source).map((element) => clusterOf(element, source));
}

/** Reads one cluster. */
export function clusterOf(element: XmlElement, source: string): RhevCluster {
  return {
    id: ownId(element, source),
    name: textAt(element, "name") ?? "",
    dataCenterId: idAt(element, "data_center"),
  };
}

/** Reads a list of data centres. */
export function dataCentersOf(root: XmlElement, source: string): readonly DataCenter[] {
  return membersOf(root, "data_centers", "data_center", source).map((element) =>
    dataCenterOf(element, source),
  );
}

/** Reads one data centre. */
export function dataCenterOf(element: XmlElement, source: string): DataCenter {
  return {
    id: ownId(element, source),
    name: textAt(element, "name") ?? "",
    status: wordAt(element, "status"),
  };
}

/** Reads the storage domains of a data centre. */
export function storageDomainsOf(root: XmlElement, source: string): readonly StorageDomain[] {
  return membersOf(root, "storage_domains", "storage_domain", source).map((element) => ({
    id: ownId(element, source),
    name: textAt(element, "name") ?? "",
    status: wordAt(element, "status"),
    isMaster: flagAt(element, "master"),
  }));
}

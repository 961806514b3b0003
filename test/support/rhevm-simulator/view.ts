import type { ApiVersion, Release } from "./release.ts";
import { group, leaf, node, type XmlNode } from "./xml-node.ts";

/** In which form a document is written, and for whom. */
export interface View {
  readonly version: ApiVersion;
  /** How hrefs begin. */
  readonly root: string;
  readonly release: Release;
  /** For a user who sees own objects only: nothing about hosts. */
  readonly isFiltered: boolean;
  /** Payloads are shown. */
  readonly hasAllContent: boolean;
}

/** What the API calls its collections, and one of their elements in a document. */
export const COLLECTIONS = {
  vms: "vm",
  hosts: "host",
  clusters: "cluster",
  datacenters: "data_center",
  storagedomains: "storage_domain",
  events: "event",
} as const;

/** A collection by its name in a path. */
export type CollectionName = keyof typeof COLLECTIONS;

/** An element that names a thing by its id and place: `<host href="…" id="…"/>`. */
export function reference(view: View, collection: CollectionName, id: string): XmlNode {
  return node(COLLECTIONS[collection], { href: hrefOf(view, collection, id), id });
}

/** Where a thing is found. */
export function hrefOf(view: View, collection: CollectionName, id: string): string {
  return `${view.root}/${collection}/${id}`;
}

/** A state: nested in version 3, plain in 4. */
export function status(view: View, word: string, detail?: string): XmlNode[] {
  if (view.version === 3) {
    return [
      group("status", [leaf("state", word), ...(detail === undefined ? [] : [leaf("detail", detail)])]),
    ];
  }
  return [leaf("status", word), ...(detail === undefined ? [] : [leaf("status_detail", detail)])];
}

/** The links of a thing's actions: the same in every state. */
export function actionLinks(href: string, verbs: readonly string[]): XmlNode {
  return group(
    "actions",
    verbs.map((verb) => node("link", { href: `${href}/${verb}`, rel: verb })),
  );
}

/** Links to what belongs to a thing. */
export function partLinks(href: string, parts: readonly string[]): XmlNode[] {
  return parts.map((part) => node("link", { href: `${href}/${part}`, rel: part }));
}

/** A point in time as engines write it. */
export function timeText(time: Date): string {
  return time.toISOString().replace("Z", "+00:00");
}

import type { Inventory } from "./inventory.ts";
import { COLLECTIONS, timeText, type View } from "./view.ts";
import { group, leaf, node, type XmlNode } from "./xml-node.ts";

/** The document at the API's root: where everything is, and which product this is. */
export function rootDocument(view: View, site: Inventory): XmlNode {
  const links = Object.keys(COLLECTIONS).flatMap((name) => {
    const href = `${view.root}/${name}`;
    const search = `${href}${name === "events" ? ";from={event_id}" : ""}?search={query}`;
    return [node("link", { href, rel: name }), node("link", { href: search, rel: `${name}/search` })];
  });
  return group("api", [
    ...links,
    group("product_info", [
      leaf("name", view.release.product),
      leaf("vendor", view.release.vendor),
      ...versionOf(view),
    ]),
    ...(view.isFiltered ? [] : [summaryOf(site)]),
    leaf("time", timeText(site.clock.date)),
  ]);
}

function versionOf({ version, release: { major, minor } }: View): XmlNode[] {
  const full = leaf("full_version", `${major}.${minor}.0-simulated`);
  if (version === 3) {
    return [node("version", { major: String(major), minor: String(minor), build: "0", revision: "0" }), full];
  }
  const parts = { build: 0, major, minor, revision: 0 };
  return [group("version", [full, ...Object.entries(parts).map(([name, value]) => leaf(name, value))])];
}

function count(total: number, active: number): XmlNode[] {
  return [leaf("active", active), leaf("total", total)];
}

function summaryOf({ hosts, vms }: Inventory): XmlNode {
  return group("summary", [
    group("hosts", count(hosts.length, hosts.filter(({ status }) => status === "up").length)),
    group("vms", count(vms.length, vms.filter(({ hostId }) => hostId !== undefined).length)),
  ]);
}

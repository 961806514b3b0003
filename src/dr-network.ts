import { AgentError } from "./agent-error.ts";
import type { Attributes } from "./attributes.ts";
import {
  addressText,
  type IpAddress,
  isHostAddress,
  isInNetwork,
  isLinkLocal,
  networkText,
  parseIpAddress,
  prefixOf,
} from "./ip-address.ts";
import { printable } from "./tuples.ts";

/** The network setting that a guest gets at its next start: one address, validated as a whole. */
export interface NetworkSetting {
  /** IPv4 or IPv6, in its canonical form */
  readonly address: string;
  /** bits of the network: 1 to 32 for IPv4, 1 to 128 for IPv6 */
  readonly prefix: number;
  readonly gateway: string | undefined;
  /** at most three, of either family */
  readonly dnsServers: readonly string[];
  /** at most six, without a final dot */
  readonly dnsSearchPath: readonly string[];
  /** the NIC's name in the guest; undefined: the first suitable one */
  readonly device: string | undefined;
}

/** What a resolver of the C library reads of each. Source: resolv.h, MAXNS and MAXDNSRCH; resolv.conf(5), 256 characters. */
const DNS_SERVERS_AT_MOST = 3;
const DOMAINS_AT_MOST = 6;
const SEARCH_PATH_CHARACTERS = 256;

/** The kernel keeps 15 characters of an interface's name. Source: linux/if.h, IFNAMSIZ. */
const DEVICE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;

/** A label of a domain name; underscores are no host names, and are in use. Source: RFC 1035, 2.3.4. */
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/**
 * Turns DROpts into a network setting; undefined where ConfigureNetwork is 0: then the other keys are not looked at.
 *
 * @throws {AgentError} BAD_ATTRIBUTE naming resource, key and value of the first thing that is wrong
 */
export function networkSettingOf(
  resource: string,
  { drOpts }: Pick<Attributes, "drOpts">,
): NetworkSetting | undefined {
  if (!drOpts.configureNetwork) return undefined;
  const key = refusals(resource);
  const address = required(drOpts.ipAddress, key("IPAddress"), "the address that the guest gets");
  const own = hostAddress(address, key("IPAddress"));
  if (isLinkLocal(own)) throw key("IPAddress")(address, "is link-local: no other network reaches it");
  const prefix = networkPrefix(required(drOpts.netmask, key("Netmask"), "a mask or prefix"), own, key);
  return {
    address: addressText(own),
    prefix,
    gateway: gatewayOf(drOpts.gateway, own, prefix, key("Gateway")),
    dnsServers: dnsServersOf(drOpts.dnsServers, key("DNSServers")),
    dnsSearchPath: searchPathOf(drOpts.dnsSearchPath, key("DNSSearchPath")),
    device: deviceOf(drOpts.device, key("Device")),
  };
}

type Refuse = (value: string, rule: string) => AgentError;

function refusals(resource: string): (key: string) => Refuse {
  return (key) => (value, rule) =>
    new AgentError("BAD_ATTRIBUTE", `resource ${resource}: DROpts.${key} = "${printable(value)}": ${rule}`);
}

function required(value: string | undefined, refuse: Refuse, what: string): string {
  if (value === undefined) throw refuse("", `is required where ConfigureNetwork is 1: ${what}`);
  return value;
}

function hostAddress(text: string, refuse: Refuse): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw refuse(text, "is no IPv4 or IPv6 address");
  if (!isHostAddress(address)) throw refuse(text, "is no address of one host");
  return address;
}

function networkPrefix(text: string, own: IpAddress, key: (name: string) => Refuse): number {
  const prefix = prefixOf(text, own);
  if (prefix === undefined)
    throw key("Netmask")(
      text,
      `is no netmask or prefix for ${addressText(own)}: for instance ${own.bits === 32 ? "255.255.255.0 or 24" : "64"}`,
    );
  refuseEnds(own, own, prefix, key("IPAddress"));
  return prefix;
}

/** No host has the first or the last address of a network; those of one or two addresses have neither, nor IPv6. */
function refuseEnds(address: IpAddress, own: IpAddress, prefix: number, refuse: Refuse): void {
  if (own.bits === 128 || prefix >= 31) return;
  const last = (1n << BigInt(own.bits - prefix)) - 1n;
  const host = address.value & last;
  if (host !== 0n && host !== last) return;
  const what = host === 0n ? "network itself" : "broadcast address";
  throw refuse(addressText(address), `is the ${what} of ${networkText(own, prefix)}, as Netmask has it`);
}

function gatewayOf(
  text: string | undefined,
  own: IpAddress,
  prefix: number,
  refuse: Refuse,
): string | undefined {
  if (text === undefined) return undefined;
  const gateway = hostAddress(text, refuse);
  if (gateway.bits !== own.bits) throw refuse(text, `is of another kind than IPAddress ${addressText(own)}`);
  if (gateway.value === own.value) throw refuse(text, "is the guest's own address");
  // an IPv6 router has a link-local address on each of its networks
  const isOnLink = isInNetwork(gateway, own, prefix) || (own.bits === 128 && isLinkLocal(gateway));
  if (!isOnLink)
    throw refuse(
      text,
      `is not in the network ${networkText(own, prefix)} of IPAddress ${addressText(own)} and Netmask`,
    );
  refuseEnds(gateway, own, prefix, refuse);
  return addressText(gateway);
}

function dnsServersOf(texts: readonly string[], refuse: Refuse): readonly string[] {
  const servers = texts.map((text) => addressText(hostAddress(text, refuse)));
  const different = [...new Set(servers)];
  if (different.length > DNS_SERVERS_AT_MOST)
    throw refuse(texts.join(" "), `are ${different.length} servers: a guest uses ${DNS_SERVERS_AT_MOST}`);
  return different;
}

function searchPathOf(texts: readonly string[], refuse: Refuse): readonly string[] {
  const domains = [...new Set(texts.map((text) => domainOf(text, refuse)))];
  if (domains.length > DOMAINS_AT_MOST)
    throw refuse(texts.join(" "), `are ${domains.length} domains: a guest uses ${DOMAINS_AT_MOST}`);
  if (domains.join(" ").length > SEARCH_PATH_CHARACTERS)
    throw refuse(
      texts.join(" "),
      `is longer than the ${SEARCH_PATH_CHARACTERS} characters that a guest uses`,
    );
  return domains;
}

function domainOf(text: string, refuse: Refuse): string {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  const isName = name.length <= 253 && name.split(".").every((label) => LABEL.test(label));
  if (!isName) throw refuse(text, "is no domain name");
  return name;
}

function deviceOf(text: string | undefined, refuse: Refuse): string | undefined {
  if (text === undefined) return undefined;
  if (!DEVICE_NAME.test(text)) throw refuse(text, "is no name of a NIC in a guest, as eth0 or ens3");
  if (text === "lo" || text === "all" || text === "default") throw refuse(text, "is no NIC of a guest");
  return text;
}

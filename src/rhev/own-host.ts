import type { RhevHost } from "./host-document.ts";
import { isCalled } from "./host-words.ts";
import { oneLine } from "./one-line.ts";

/** What this system knows of itself, all in lower case. */
export interface OwnIdentity {
  /** Its host name, full and short. */
  readonly names: readonly string[];
  /** Its addresses on networks, without those that every host has. */
  readonly addresses: readonly string[];
  /** UUIDs of its hardware, as the firmware and vdsm tell them. */
  readonly hardwareUuids: readonly string[];
}

/** Which of the engine's hosts this system is. */
export type OwnHost =
  | { readonly kind: "found"; readonly host: RhevHost; readonly by: string }
  | { readonly kind: "none" | "several"; readonly reason: string };

/** What of a name is shown. */
const NAME_CHARACTERS = 80;

/**
 * Finds this system among the engine's hosts. The configuration decides alone where it names one; else hosts are taken that
 * have its hardware UUID, its address or its name. If that is more than one, nobody guesses.
 *
 * @param configured name, address or id of the host in RHEV-M
 */
export function ownHostOf(
  hosts: readonly RhevHost[],
  identity: OwnIdentity,
  configured: string | undefined,
): OwnHost {
  const matches = hosts.flatMap((host) => {
    const by = configured === undefined ? likeness(host, identity) : likenessTo(host, configured);
    return by === undefined ? [] : [{ host, by }];
  });
  const [first, second] = matches;
  if (first === undefined) return { kind: "none", reason: noneReason(hosts, configured) };
  if (second === undefined) return { kind: "found", ...first };
  const list = matches.map(({ host, by }) => `${oneLine(host.name, NAME_CHARACTERS)} (by ${by})`).join(", ");
  return {
    kind: "several",
    reason: `several hosts of RHEV-M may be this system: ${list}; name the right one in rhev.host`,
  };
}

function noneReason(hosts: readonly RhevHost[], configured: string | undefined): string {
  if (configured !== undefined)
    return `RHEV-M has no host with the name, address or id ${oneLine(configured, NAME_CHARACTERS)}, which rhev.host names as this system`;
  return `none of the ${hosts.length} hosts of RHEV-M has this system's hardware UUID, address or name: name it in rhev.host`;
}

function likenessTo(host: RhevHost, configured: string): string | undefined {
  return isCalled(host, configured) ? "rhev.host" : undefined;
}

function likeness(host: RhevHost, { names, addresses, hardwareUuids }: OwnIdentity): string | undefined {
  if (host.hardwareUuid !== undefined && hardwareUuids.includes(host.hardwareUuid)) return "hardware UUID";
  const address = host.address?.toLowerCase();
  if (address !== undefined && [...names, ...addresses].includes(address)) return "address";
  return names.includes(host.name.toLowerCase()) ? "name" : undefined;
}

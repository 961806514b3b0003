/** Values of DROpts for a guest: one site's. */
export interface SiteNetwork {
  readonly address: string;
  /** default: 255.255.255.0 */
  readonly netmask?: string;
  readonly gateway: string;
  readonly dns: string;
  readonly search: string;
}

export const NORTH: SiteNetwork = {
  address: "10.1.2.3",
  gateway: "10.1.2.1",
  dns: "10.1.2.53",
  search: "north.example.com",
};
export const SOUTH: SiteNetwork = {
  address: "10.9.2.3",
  gateway: "10.9.2.1",
  dns: "10.9.2.53",
  search: "south.example.com",
};

/** IPv6, by a link-local gateway, with several servers and domains. */
export const EAST: SiteNetwork = {
  address: "2001:db8:1::3",
  netmask: "64",
  gateway: "fe80::1",
  dns: "2001:db8:1::53 10.1.2.53",
  search: "east.example.com example.com",
};

/** DROpts as the framework passes it; undefined: switched off. */
export function drOptions(site: SiteNetwork | undefined): readonly string[] {
  const { address, netmask = "255.255.255.0", gateway, dns, search } = site ?? NORTH;
  const values = {
    ConfigureNetwork: site === undefined ? "0" : "1",
    IPAddress: address,
    Netmask: netmask,
    Gateway: gateway,
    DNSServers: dns,
    DNSSearchPath: search,
    Device: "NONE",
  };
  return Object.entries(values).flat();
}

/** Values of DROpts for a guest: one site's, IPv4. */
export interface SiteNetwork {
  readonly address: string;
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

/** DROpts as the framework passes it; undefined: switched off. */
export function drOptions(site: SiteNetwork | undefined): readonly string[] {
  const { address, gateway, dns, search } = site ?? NORTH;
  const values = {
    ConfigureNetwork: site === undefined ? "0" : "1",
    IPAddress: address,
    Netmask: "255.255.255.0",
    Gateway: gateway,
    DNSServers: dns,
    DNSSearchPath: search,
    Device: "NONE",
  };
  return Object.entries(values).flat();
}

import { describe, expect, it } from "vitest";
import type { NetworkSetting } from "../../src/dr-network.ts";
import { payloadFileOf } from "../../src/payload-file.ts";
import { type GuestRoot, makeGuestRoot } from "../support/guest-root.ts";

const FOUR: NetworkSetting = {
  address: "10.1.2.3",
  prefix: 24,
  gateway: "10.1.2.1",
  dnsServers: ["10.1.2.53", "2001:db8::53"],
  dnsSearchPath: ["site-a.example.com", "example.com"],
  device: undefined,
};
const SIX: NetworkSetting = { ...FOUR, address: "2001:db8:1::3", prefix: 64, gateway: "fe80::1" };

function payload(setting: NetworkSetting): string {
  return payloadFileOf(setting, { resource: "web1_res", guest: "web1", site: undefined }).content;
}

/** The first eight digits of its checksum, by which the service names what it makes. */
const shortOf = (content: string) => content.slice(content.indexOf("sha256=") + 7).slice(0, 8);

/** A guest with systemd; units are enabled, and active if they run. */
async function systemdGuest(units: Readonly<Record<string, "runs" | "rests">>): Promise<GuestRoot> {
  const guest = await makeGuestRoot("dash");
  await guest.write("/run/systemd/system/x", "");
  const enabled = Object.keys(units).join("|") || "none";
  const active =
    Object.keys(units)
      .filter((unit) => units[unit] === "runs")
      .join("|") || "none";
  await guest.program(
    "systemctl",
    `case "$1 $3" in
    "is-enabled "*) case $3 in ${enabled}) exit 0;; esac; exit 1;;
    "is-active "*) case $3 in ${active}) exit 0;; esac; exit 1;;
    esac`,
  );
  return guest;
}

describe("vcs-net-reconfig with systemd-networkd", () => {
  it("writes a file that comes before all others, before the network is there", async () => {
    const guest = await systemdGuest({ "systemd-networkd": "rests" });
    await guest.write("/etc/resolv.conf", "nameserver 192.0.2.1\n");
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).code).toBe(0);
    expect(await guest.read("/etc/systemd/network/00-vcs-net-reconfig.network")).toBe(
      `# Made by vcs-net-reconfig from the CD-ROM of the cluster's agent
[Match]
Name=eth0

[Network]
Address=10.1.2.3/24
Gateway=10.1.2.1
DNS=10.1.2.53
DNS=2001:db8::53
Domains=site-a.example.com example.com
`,
    );
    expect(await guest.read("/etc/resolv.conf")).toBe(
      "search site-a.example.com example.com\nnameserver 10.1.2.53\nnameserver 2001:db8::53\n",
    );
    expect(await guest.calls()).toEqual([]);
  });

  it("leaves the resolver to systemd-resolved, and has a networkd that runs read the file", async () => {
    const guest = await systemdGuest({ "systemd-networkd": "runs", "systemd-resolved": "rests" });
    await guest.program("networkctl");
    await guest.insert(payload(SIX));

    expect((await guest.boot()).code).toBe(0);
    expect(await guest.read("/etc/systemd/network/00-vcs-net-reconfig.network")).toContain(
      "Address=2001:db8:1::3/64\nGateway=fe80::1\n",
    );
    expect(await guest.read("/etc/resolv.conf")).toBeUndefined();
    expect(await guest.calls()).toEqual(["networkctl reload", "networkctl reconfigure eth0"]);
  });

  it("restarts a networkd that is too old to read a file anew, and takes the file away when that fails", async () => {
    const guest = await systemdGuest({ "systemd-networkd": "runs", "systemd-resolved": "runs" });
    await guest.program("networkctl", "exit 1");
    await guest.program("systemctl", 'case "$1" in restart) exit 1;; esac');
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).code).toBe(1);
    expect(await guest.read("/etc/systemd/network/00-vcs-net-reconfig.network")).toBeUndefined();
  });
});

describe("vcs-net-reconfig with NetworkManager", () => {
  /** nmcli as far as the service asks it: eth0 has the connection aaaa. */
  const NMCLI = `case "$*" in
    "-t -f RUNNING general") echo running;;
    "-t -f DEVICE,STATE device") printf 'lo:unmanaged\\neth0:connected\\n';;
    "-t -f UUID,DEVICE connection show --active") printf 'bbbb:eth1\\naaaa:eth0\\n';;
    "-t -f NAME connection show") printf 'Wired\\nvcs-net-reconfig-0000aaaa\\n';;
    "-t -f ipv"*" connection show vcs-net-reconfig-"*) echo "$3:auto";;
    esac`;

  it("makes a connection from the one that the NIC has, and removes earlier ones of its own", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    await guest.program("nmcli", NMCLI);
    const content = payload(FOUR);
    await guest.insert(content);

    expect((await guest.boot()).code).toBe(0);
    const name = `vcs-net-reconfig-${shortOf(content)}`;
    expect((await guest.calls()).filter((call) => !call.startsWith("nmcli -t"))).toEqual([
      `nmcli connection delete ${name}`,
      `nmcli connection clone uuid aaaa ${name}`,
      `nmcli connection modify ${name} connection.interface-name eth0 connection.autoconnect yes connection.autoconnect-priority 999 ipv4.method manual ipv4.addresses 10.1.2.3/24 ipv4.gateway 10.1.2.1 ipv4.dns-search site-a.example.com,example.com ipv4.dns 10.1.2.53`,
      `nmcli connection modify ${name} ipv6.dns-search  ipv6.dns 2001:db8::53`,
      `nmcli connection up ${name} ifname eth0`,
      "nmcli connection delete vcs-net-reconfig-0000aaaa",
    ]);
  });

  it("gives no servers to a family that the NIC does not have: NetworkManager would refuse all of it", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    await guest.program("nmcli", NMCLI.replace('"$3:auto"', '"$3:disabled"'));
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).code).toBe(0);
    expect((await guest.calls()).join("\n")).not.toContain("ipv6.dns");
  });

  it("makes a new one for a NIC that has none, IPv6 too", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    await guest.program("nmcli", NMCLI.replace("\\naaaa:eth0", ""));
    const content = payload(SIX);
    await guest.insert(content);
    await guest.boot();

    const name = `vcs-net-reconfig-${shortOf(content)}`;
    const calls = await guest.calls();
    expect(calls).toContain(`nmcli connection add type ethernet con-name ${name} ifname eth0`);
    expect(calls.join("\n")).toContain(
      "ipv6.method manual ipv6.addresses 2001:db8:1::3/64 ipv6.gateway fe80::1 ipv6.dns-search",
    );
  });

  it("removes it and brings the old one back when it does not come up", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs" });
    await guest.program("nmcli", `case "$1 $2 $3" in "connection up vcs-"*) exit 4;; esac\n${NMCLI}`);
    const content = payload(FOUR);
    await guest.insert(content);

    expect((await guest.boot()).code).toBe(1);
    expect((await guest.calls()).slice(-2)).toEqual([
      `nmcli connection delete vcs-net-reconfig-${shortOf(content)}`,
      "nmcli connection up uuid aaaa",
    ]);
  });

  it("waits for a NetworkManager that does not run yet", async () => {
    const guest = await systemdGuest({ NetworkManager: "rests" });
    await guest.program("nmcli", "exit 8");
    await guest.insert(payload(FOUR));

    const { code, said } = await guest.boot();

    expect(code).toBe(0);
    expect(said).toContain("does not run yet: its service takes the settings up");
    expect((await guest.calls()).every((call) => call.startsWith("nmcli -t"))).toBe(true);
    await guest.program("nmcli", NMCLI);
    expect((await guest.boot()).said).toContain("applied");
  });

  it("leaves a NIC to systemd-networkd that it does not manage", async () => {
    const guest = await systemdGuest({ NetworkManager: "runs", "systemd-networkd": "rests" });
    await guest.program("nmcli", NMCLI.replace("eth0:connected", "eth0:unmanaged"));
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).said).toContain("by networkd");
  });
});

describe("vcs-net-reconfig with netplan", () => {
  const CLOUD = "network: {ethernets: {nic0: {match: {macaddress: '52:54:00:00:00:02'}, dhcp4: true}}}\n";
  /** netplan as far as the service asks it: two definitions, of which none is for eth0. */
  const NETPLAN = `case "$*" in
    "get ethernets") printf 'nic0:\\n  dhcp4: true\\nother:\\n  dhcp4: true\\n';;
    "get ethernets.nic0.addresses") printf -- '- "192.0.2.7/24"\\n- "2001:db8::7/64"\\n- "2001:db8::8/64":\\n    label: "x"\\n';;
    "get ethernets.nic0.mtu") echo 1400;;
    "get ethernets.nic0.dhcp6") echo true;;
    "get ethernets.nic0.dhcp4") echo true;;
    "get "*) echo null;;
    esac`;
  const matching = (key: string, value: string) =>
    NETPLAN.replace("case", `case "$*" in "get ethernets.nic0.${key}") echo '"${value}"'; exit;; esac; case`);

  async function netplanGuest(netplan: string): Promise<GuestRoot> {
    const guest = await systemdGuest({ "systemd-networkd": "runs" });
    await guest.program("netplan", netplan);
    await guest.write("/etc/netplan/50-cloud-init.yaml", CLOUD);
    return guest;
  }

  it.each([
    ["its MAC address", "match.macaddress", "52:54:00:00:00:02"],
    ["a pattern", "match.name", "et*"],
    ["the name it gives", "set-name", "eth0"],
  ])(
    "writes a definition before the NIC's own, which is known by %s, and leaves that as it is",
    async (_, key, value) => {
      const guest = await netplanGuest(matching(key, value));
      await guest.insert(payload(FOUR));

      expect((await guest.boot()).said).toContain("by netplan");
      expect((await guest.calls()).filter((call) => !call.startsWith("netplan get"))).toEqual([
        "netplan generate",
        "netplan apply",
      ]);
      expect(await guest.read("/etc/netplan/50-cloud-init.yaml")).toBe(CLOUD);
      expect(await guest.read("/etc/netplan/90-vcs-net-reconfig.yaml")).toBe(
        `# Made by vcs-net-reconfig from the CD-ROM of the cluster's agent
network:
  version: 2
  ethernets:
    "00-vcs-net-reconfig":
      match: {name: "eth0"}
      addresses: ["10.1.2.3/24", "2001:db8::7/64", "2001:db8::8/64"]
      mtu: 1400
      dhcp6: true
      routes: [{to: "0.0.0.0/0", via: "10.1.2.1"}]
      nameservers:
        addresses: ["10.1.2.53", "2001:db8::53"]
        search: ["site-a.example.com", "example.com"]
`,
      );
    },
  );

  it("takes nothing from definitions of other NICs", async () => {
    const guest = await netplanGuest(NETPLAN);
    await guest.insert(payload(SIX));
    await guest.boot();

    expect(await guest.read("/etc/netplan/90-vcs-net-reconfig.yaml")).toContain(
      `      match: {name: "eth0"}
      addresses: ["2001:db8:1::3/64"]
      routes: [{to: "::/0", via: "fe80::1"}]
`,
    );
  });

  it("takes its file away when netplan does not take it", async () => {
    const guest = await netplanGuest(`case "$1" in generate) exit 1;; esac\n${NETPLAN}`);
    await guest.insert(payload(SIX));

    expect((await guest.boot()).code).toBe(1);
    expect(await guest.read("/etc/netplan/50-cloud-init.yaml")).toBe(CLOUD);
    expect(await guest.read("/etc/netplan/90-vcs-net-reconfig.yaml")).toBeUndefined();
    expect((await guest.calls()).at(-1)).toBe("netplan apply");
  });

  it("leaves a NIC to the NetworkManager that does what netplan says", async () => {
    const guest = await systemdGuest({ NetworkManager: "rests" });
    await guest.program("netplan", NETPLAN);
    await guest.program("nmcli", "exit 8");
    await guest.write("/etc/netplan/01-all.yaml", "network:\n  renderer: NetworkManager\n");
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).said).toContain("NetworkManager has eth0 and does not run yet");
  });
});

describe("vcs-net-reconfig with ifcfg files", () => {
  const OLD = `DEVICE=eth0
HWADDR=52:54:00:00:00:02
BOOTPROTO=dhcp
ONBOOT=no
NM_CONTROLLED=no
MTU=1400
IPADDR=192.0.2.7
NETMASK=255.255.255.0
GATEWAY=192.0.2.1
DNS1=192.0.2.53
`;

  /** As RHEL 6: no systemd. */
  async function ifcfgGuest(): Promise<GuestRoot> {
    const guest = await makeGuestRoot("bash");
    await guest.write("/etc/sysconfig/network-scripts/ifcfg-eth0", OLD);
    await guest.write("/etc/sysconfig/network-scripts/ifup", "");
    await guest.program("ifup");
    await guest.program("ifdown");
    return guest;
  }

  it("writes the address and leaves what is not about it", async () => {
    const guest = await ifcfgGuest();
    await guest.insert(payload(FOUR));

    expect((await guest.boot()).said).toContain("by ifcfg");
    expect(await guest.read("/etc/sysconfig/network-scripts/ifcfg-eth0")).toBe(`DEVICE=eth0
HWADDR=52:54:00:00:00:02
NM_CONTROLLED=no
MTU=1400
ONBOOT=yes
BOOTPROTO=none
IPADDR=10.1.2.3
PREFIX=24
GATEWAY=10.1.2.1
DNS1=10.1.2.53
DNS2=2001:db8::53
DOMAIN="site-a.example.com example.com"
`);
    expect(await guest.calls()).toEqual([]);
  });

  it("writes IPv6 beside an IPv4 address, and has a network that runs take it up", async () => {
    const guest = await ifcfgGuest();
    await guest.write("/var/lock/subsys/network", "");
    await guest.insert(payload(SIX));
    await guest.boot();

    const written = await guest.read("/etc/sysconfig/network-scripts/ifcfg-eth0");
    expect(written).toContain("IPADDR=192.0.2.7\nNETMASK=255.255.255.0\nGATEWAY=192.0.2.1\n");
    expect(written).toContain(
      "IPV6INIT=yes\nIPV6_AUTOCONF=no\nIPV6ADDR=2001:db8:1::3/64\nIPV6_DEFAULTGW=fe80::1%eth0\n",
    );
    expect(written).toContain("BOOTPROTO=dhcp\n");
    expect(await guest.calls()).toEqual(["ifdown eth0", "ifup eth0"]);
  });
});

describe("vcs-net-reconfig with nothing that it knows", () => {
  it("changes nothing and says so", async () => {
    const guest = await makeGuestRoot("dash");
    await guest.insert(payload(FOUR));
    const { code, said } = await guest.boot();

    expect(code).toBe(1);
    expect(said).toContain("nothing known manages eth0");
  });
});

import { describe, expect, it } from "vitest";
import { type GuestRoot, makeGuestRoot } from "../support/guest-root.ts";
import { FOUR, payload, SIX, systemdGuest } from "../support/systemd-guest.ts";

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

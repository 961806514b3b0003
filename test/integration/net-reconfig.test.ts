import { describe, expect, it } from "vitest";
import type { NetworkSetting } from "../../src/dr-network.ts";
import { payloadFileOf } from "../../src/payload-file.ts";
import { addNic, type GuestRoot, makeGuestRoot, SHELLS, type Shell } from "../support/guest-root.ts";
import { run } from "../support/lab/run.ts";
import { containing } from "../support/matching.ts";
import { sealed } from "../support/payload-disc.ts";

const SETTING: NetworkSetting = {
  address: "10.1.2.3",
  prefix: 24,
  gateway: "10.1.2.1",
  dnsServers: ["10.1.2.53", "10.1.2.54"],
  dnsSearchPath: ["site-a.example.com", "example.com"],
  device: undefined,
};

function payload(changes: Partial<NetworkSetting> = {}): string {
  const origin = { resource: "web1_res", guest: "web1", site: "north" };
  return payloadFileOf({ ...SETTING, ...changes }, origin).content;
}

const HOSTILE = [
  "$(touch /owned)",
  "`touch /owned`",
  "x;touch /owned",
  "x'\"|touch /owned",
  "%24%28touch%20/owned%29",
];

const INTERFACES = `# The loopback network interface
auto lo
iface lo inet loopback

allow-hotplug eth0
iface eth0 inet dhcp
    mtu 1400
    up echo \\
       address of a friend
iface eth0 inet6 auto

auto eth1
iface eth1 inet static
    address 192.168.7.7/24
`;

/** A guest with ifupdown. */
async function ifupdownGuest(shell: Shell): Promise<GuestRoot> {
  const guest = await makeGuestRoot(shell);
  await guest.program("ifup");
  await guest.program("ifdown");
  await guest.write("/etc/network/interfaces", INTERFACES);
  await guest.write(
    "/etc/resolv.conf",
    "# mine\nsearch old.example.com\nnameserver 192.0.2.1\noptions edns0\n",
  );
  return guest;
}

describe.each(SHELLS)("vcs-net-reconfig under %s", (shell) => {
  it("changes the NIC's address and the resolver, and leaves all other lines as they are", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.insert(payload());

    const { code, said } = await guest.boot();

    expect(said).toContain("resource web1_res, guest web1, site north: eth0 gets 10.1.2.3/24 by ifupdown");
    expect(code).toBe(0);
    expect(await guest.read("/etc/network/interfaces")).toBe(`# The loopback network interface
auto lo
iface lo inet loopback

allow-hotplug eth0
iface eth0 inet static
    address 10.1.2.3
    netmask 255.255.255.0
    gateway 10.1.2.1
    dns-nameservers 10.1.2.53 10.1.2.54
    dns-search site-a.example.com example.com
    mtu 1400
    up echo \\
       address of a friend
iface eth0 inet6 auto

auto eth1
iface eth1 inet static
    address 192.168.7.7/24
`);
    expect(await guest.read("/etc/resolv.conf")).toBe(
      "search site-a.example.com example.com\nnameserver 10.1.2.53\nnameserver 10.1.2.54\n# mine\noptions edns0\n",
    );
    expect(await guest.calls()).toEqual([]);
    expect(await guest.read("/dev/console")).toContain("vcs-net-reconfig: settings ");
  });

  it("applies a payload once, and another one again", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.insert(payload());
    await guest.boot();
    await guest.write("/etc/network/interfaces", "# the administrator's own again\n");
    expect((await guest.boot()).said).toContain("are in place already");
    expect(await guest.read("/etc/network/interfaces")).toBe("# the administrator's own again\n");
    await guest.insert(payload({ address: "10.1.2.4" }));
    await guest.boot();

    expect(await guest.read("/etc/network/interfaces")).toContain(
      "address 10.1.2.4\n    netmask 255.255.255.0\n",
    );
  });

  it("does nothing and says nothing without a CD-ROM of ours", async () => {
    const guest = await ifupdownGuest(shell);
    const before = await guest.files();
    expect(await guest.boot()).toEqual({ code: 0, said: "" });
    await guest.insert(payload(), "VCSNETWORK");
    expect(await guest.boot()).toEqual({ code: 0, said: "" });

    expect(await guest.files()).toEqual(before);
  });

  it("waits for udev, and for a drive that the kernel has found and not yet made a CD-ROM of", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.insert(payload());
    await run("mv", [guest.path("/dev/sr0"), guest.path("/late")]);
    await guest.write("/sys/class/ata_device/dev2.1/class", "atapi\n");
    const steps =
      "[ -e /busy ] || { : >/busy; exit 1; }; [ -e /seen ] || { : >/seen; exit 0; }; mv /late /dev/sr0";
    await guest.program("udevadm", steps);

    expect((await guest.boot()).said).toContain("eth0 gets 10.1.2.3/24");
  });

  it("says so when it is stopped, and leaves the guest as it was", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.insert(payload());
    await guest.write("/run/network/ifstate", "eth0=eth0\n");
    await guest.program("ifdown", "kill -TERM $PPID");
    const { "/etc/network/interfaces": interfaces } = await guest.files();

    const { code, said } = await guest.boot();

    expect(code).toBe(1);
    expect(said).toContain("error: it was stopped before its end");
    expect(await guest.read("/etc/network/interfaces")).toBe(interfaces);
  });

  it("takes the payload from a CD-ROM without a name, which RHEV-M 3.1 makes, and ignores another such one", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.insert(undefined, "CDROM");
    expect(await guest.boot()).toEqual({ code: 0, said: "" });
    await guest.insert(payload(), "CDROM");

    expect((await guest.boot()).said).toContain("eth0 gets 10.1.2.3/24");
  });

  it("passes over an empty drive, and a CD-ROM without a name that cannot be mounted", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.insert(undefined, "CDROM");
    // a drive without a disc cannot be opened, as this one without a driver
    await run("mknod", [guest.path("/dev/sr1"), "b", "11", "200"]);
    await guest.program("mount", "exit 32");
    expect(await guest.boot()).toEqual({ code: 0, said: "" });
    await run("mv", [guest.path("/dev/sr0"), guest.path("/dev/sr2")]);
    await guest.insert(payload());
    await run("mv", [guest.path("/dev/sr0"), guest.path("/dev/sr3")]);
    await guest.program("mount", 'case $5 in */sr3) cp /cdrom/vcsnet.conf "$6/";; *) exit 32;; esac');

    expect((await guest.boot()).said).toContain("eth0 gets 10.1.2.3/24");
  });

  it.each([
    ["without the file", undefined, "has no readable file vcsnet.conf"],
    ["cut off", payload().slice(0, 120), "its checksum is wrong"],
    ["without its last line", payload().replace(/sha256=.*\n/, ""), "its checksum is wrong"],
    ["changed", payload().replace("10.1.2.3", "10.1.2.9"), "its checksum is wrong"],
    ["empty", "", "its first line is none of ours"],
    ["foreign", sealed("address=10.1.2.3\nprefix=24\n"), "its first line is none of ours"],
    ["a script", "#!/bin/sh\nreboot\n", "it holds signs that no payload has"],
    ["too long", sealed(`vcsnet=1\n${"dns=10.1.2.53\n".repeat(700)}`), "it is longer than 8192"],
    ["of another version", sealed("vcsnet=2\naddress=10.1.2.3\n"), "it is of version 2"],
    ["with an unknown key", sealed("vcsnet=1\nPATH=x\n"), "it has an unknown key"],
    ["with two addresses", sealed("vcsnet=1\naddress=10.1.2.3\naddress=10.1.2.4\n"), "the key address twice"],
    ["with two guests", sealed("vcsnet=1\nguest=web1\nguest=web2\n"), "the key guest twice"],
    ["without an address", sealed("vcsnet=1\nprefix=24\n"), "address is no address"],
    ["with a bad address", sealed("vcsnet=1\naddress=10.1.2.300\nprefix=24\n"), "address is no address"],
    ...["0.0.0.0", "127.0.0.2", "224.0.0.5", "255.255.255.255", "::", "::1", "ff02::1"].map(
      (address): [string, string, string] => [
        `with the address ${address}`,
        sealed(`vcsnet=1\naddress=${address}\nprefix=24\n`),
        "address is no address of one host",
      ],
    ),
    ["with the bad address 1:2:3", sealed("vcsnet=1\naddress=1:2:3\nprefix=64\n"), "address is no address"],
    [
      "with the bad address 12345::1",
      sealed("vcsnet=1\naddress=12345::1\nprefix=64\n"),
      "address is no address",
    ],
    [
      "with the bad address 1:2:3:4:5:6:7:8:9",
      sealed("vcsnet=1\naddress=1:2:3:4:5:6:7:8:9\nprefix=64\n"),
      "address is no address",
    ],
    ["with the bad address :1::2", sealed("vcsnet=1\naddress=:1::2\nprefix=64\n"), "address is no address"],
    ["with the bad address 1::2:", sealed("vcsnet=1\naddress=1::2:\nprefix=64\n"), "address is no address"],
    [
      "with a bad prefix",
      sealed("vcsnet=1\naddress=10.1.2.3\nprefix=33\n"),
      "prefix is no number of 1 to 32",
    ],
    ["with NULs", sealed("vcsnet=1\naddress=10.1.2.3\0\nprefix=24\n"), "it holds signs"],
    [
      "with another kind of gateway",
      sealed("vcsnet=1\naddress=10.1.2.3\nprefix=24\ngateway=fe80::1\n"),
      "gateway is no address of the same kind",
    ],
    [
      "with a path for a NIC",
      sealed("vcsnet=1\naddress=10.1.2.3\nprefix=24\ndevice=..\n"),
      "device is no name of a NIC",
    ],
  ])(
    "changes nothing for a payload that is %s, and says so on the console",
    async (_, content, complaint) => {
      const guest = await ifupdownGuest(shell);
      await guest.insert(content);
      const before = await guest.files();

      const { code, said } = await guest.boot();

      expect(said).toContain(complaint);
      expect(code).toBe(1);
      expect(await guest.read("/dev/console")).toContain(complaint);
      expect(await guest.files()).toEqual(before);
      expect(await guest.calls()).toEqual([]);
    },
  );

  it.each(["resource", "guest", "site", "address", "prefix", "gateway", "dns", "search", "device"])(
    "executes nothing of a value, whatever stands in %s",
    async (key) => {
      const guest = await ifupdownGuest(shell);
      const others = payload()
        .split("\n")
        .filter((line) => !/^(?:sha256=|$)/.test(line) && !line.startsWith(`${key}=`));
      const before = await guest.files();
      for (const hostile of HOSTILE) {
        await guest.insert(sealed([...others, `${key}=${hostile}`, ""].join("\n")));

        expect((await guest.boot()).code).toBe(1);
        expect(await guest.read("/owned")).toBeUndefined();
        expect(await guest.files()).toEqual(before);
      }
    },
  );

  it("puts everything back when a step fails", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.program("ifup", "exit 1");
    await guest.write("/run/network/ifstate", "eth0=eth0\n");
    await guest.insert(payload());
    const { "/etc/network/interfaces": interfaces, "/etc/resolv.conf": resolver } = await guest.files();

    const { code, said } = await guest.boot();

    expect(code).toBe(1);
    expect(said).toContain("could not be applied: what was before is back");
    expect(await guest.read("/etc/network/interfaces")).toBe(interfaces);
    expect(await guest.read("/etc/resolv.conf")).toBe(resolver);
    expect(await guest.read("/var/lib/vcs-net-reconfig/applied")).toBeUndefined();
    await guest.program("ifup");
    expect((await guest.boot()).code).toBe(0);
    expect(await guest.read("/etc/network/interfaces")).toContain("address 10.1.2.3\n");
  });

  it("puts back what a run left that was cut off", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.insert(payload());
    await guest.boot();
    await guest.write("/var/lib/vcs-net-reconfig/backup/unfinished", "");
    await guest.insert(undefined, "OTHER");

    expect((await guest.boot()).said).toContain("an earlier run was cut off: what was before is put back");
    expect(await guest.read("/etc/network/interfaces")).toBe(INTERFACES);
  });

  it("is held up by a run that goes on, and not by what one left that was killed", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.insert(payload());
    await guest.write("/run/vcs-net-reconfig/pid", "77\n");
    await guest.write("/proc/77/cmdline", "/bin/sh\0/usr/sbin/vcs-net-reconfig\0");
    expect(await guest.boot()).toMatchObject({
      code: 1,
      said: containing("it runs already, as process 77"),
    });
    await guest.write("/proc/77/cmdline", "/bin/login\0");

    expect((await guest.boot()).said).toContain("eth0 gets 10.1.2.3/24");
    expect(await guest.read("/run/vcs-net-reconfig/pid")).toBeUndefined();
  });

  it("takes the NIC that is named, else the first plain one", async () => {
    const guest = await ifupdownGuest(shell);
    await guest.write("/sys/class/net/lo/type", "772\n");
    await guest.write("/sys/class/net/lo/ifindex", "1\n");
    await addNic(guest.write, "eth1", 3);
    await addNic(guest.write, "bond0", 1);
    await guest.write("/sys/class/net/bond0/master/x", "");
    await guest.insert(payload());
    expect((await guest.boot()).said).toContain(": eth0 gets");
    await guest.insert(payload({ device: "eth1" }));
    expect((await guest.boot()).said).toContain(": eth1 gets");
    await guest.insert(payload({ device: "ens9" }));

    expect((await guest.boot()).said).toContain(
      "this guest has no NIC ens9: its NICs are bond0 eth0 eth1 lo",
    );
  });
});

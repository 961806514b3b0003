import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryFile } from "../repository.ts";
import type { Accelerator } from "./guest-files.ts";
import { run } from "./run.ts";

/** Debian's own archive may be slow. */
const BUILD_LIMIT_MS = 900_000;

/** The first words make an emulated boot shorter. */
const COMMAND_LINE =
  "console=ttyS0 quiet loglevel=3 panic=0 nokaslr mitigations=off no_timer_check cryptomgr.notests random.trust_cpu=on audit=0 net.ifnames=0 systemd.show_status=no";

/** Says on the console what the kernel and the resolver know, once the guest is in a network. */
const REPORT = `[Unit]
After=vcs-net-reconfig.service networking.service systemd-networkd.service
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do ip route | grep -q default && break; sleep 1; done; echo VKG-REPORT; ip -o -4 addr show dev eth0; ip route; cat /etc/resolv.conf; journalctl -b --no-pager -u vcs-net-reconfig -o short-monotonic; echo VKG-END'
[Install]
WantedBy=multi-user.target
`;

export interface DebianGuest {
  readonly name: string;
  /** What manages eth0. */
  readonly manager: "ifupdown" | "networkd";
  /** Where its disk and log are. */
  readonly folder: string;
  readonly accel: Accelerator;
}

/**
 * Makes a small Debian guest with the service of guest/ in it, whose NIC eth0 would ask DHCP: its disk in the folder.
 *
 * @returns the domain's XML, and the log of its console
 */
export async function makeDebianGuest(
  guest: DebianGuest,
): Promise<{ readonly xml: string; readonly log: string }> {
  const { name, manager, folder } = guest;
  const base = (await run(repositoryFile("scripts", "build-debian-guest"), [], BUILD_LIMIT_MS)).stdout;
  const disk = join(folder, `${name}.img`);
  await run("cp", ["--sparse=always", join(base, "root.img"), disk]);
  await install(disk, folder, manager);
  const log = join(folder, `${name}.log`);
  return { xml: domainXml(guest, base, disk, log), log };
}

/** Writes into the file system of a disk without mounting it. */
async function install(disk: string, folder: string, manager: DebianGuest["manager"]): Promise<void> {
  const own = async (name: string, text: string) => {
    const path = join(folder, `${manager}-${name}`);
    await writeFile(path, text);
    return path;
  };
  const dhcp = "auto lo\niface lo inet loopback\n\nallow-hotplug eth0\niface eth0 inet dhcp\n";
  const interfaces = await own(
    "interfaces",
    manager === "ifupdown" ? dhcp : "auto lo\niface lo inet loopback\n",
  );
  const network = await own("network", "[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n");
  const report = await own("report", REPORT);
  const parts = await readdir(repositoryFile("guest", "lib"));
  const unit = "vcs-net-reconfig.service";
  const wants = "/etc/systemd/system/multi-user.target.wants";
  const commands = [
    ...put(repositoryFile("guest", "vcs-net-reconfig"), "/usr/sbin/vcs-net-reconfig", "0100755"),
    "mkdir /usr/lib/vcs-net-reconfig",
    ...parts.flatMap((part) =>
      put(repositoryFile("guest", "lib", part), `/usr/lib/vcs-net-reconfig/${part}`),
    ),
    ...put(repositoryFile("guest", unit), `/usr/lib/systemd/system/${unit}`),
    `symlink ${wants}/${unit} /usr/lib/systemd/system/${unit}`,
    ...put(report, "/usr/lib/systemd/system/vkg-report.service"),
    `symlink ${wants}/vkg-report.service /usr/lib/systemd/system/vkg-report.service`,
    // it would hang the report's terminal up
    "symlink /etc/systemd/system/serial-getty@ttyS0.service /dev/null",
    "rm /etc/network/interfaces",
    ...put(interfaces, "/etc/network/interfaces"),
    ...(manager === "networkd"
      ? [
          ...put(network, "/etc/systemd/network/10-dhcp.network"),
          `symlink ${wants}/systemd-networkd.service /lib/systemd/system/systemd-networkd.service`,
        ]
      : []),
  ];
  const script = await own("commands", `${commands.join("\n")}\n`);
  await run("debugfs", ["-w", "-f", script, disk]);
}

function put(from: string, to: string, mode = "0100644"): readonly string[] {
  return [`write ${from} ${to}`, `sif ${to} mode ${mode}`, `sif ${to} uid 0`, `sif ${to} gid 0`];
}

function domainXml({ name, accel }: DebianGuest, base: string, disk: string, log: string): string {
  return `<domain type='${accel === "kvm" ? "kvm" : "qemu"}'>
<name>${name}</name>
<memory unit='MiB'>384</memory>
<vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>${base}/vmlinuz</kernel><initrd>${base}/initrd.img</initrd><cmdline>${COMMAND_LINE}</cmdline></os>
<features><acpi/><apic/></features>
<devices>
<emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='raw' cache='unsafe'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>
<interface type='user'><model type='virtio'/></interface>
<serial type='file'><source path='${log}' append='on'/><target port='0'/></serial>
<memballoon model='none'/>
</devices>
</domain>
`;
}

import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryFile } from "../repository.ts";
import { typeOnConsole } from "./guest.ts";
import type { GuestFiles } from "./guest-files.ts";
import type { GuestOptions } from "./guest-xml.ts";
import { run } from "./run.ts";
import { until } from "./until.ts";

/**
 * What the guest does beside scripts/guest-init, which reads this: its /etc and /var are on its disk, if it has one; then
 * the service of guest/, and ifupdown, which is busybox's. On its console: `network` tells what it has, `hold` mounts the
 * CD-ROM and keeps it.
 */
const MORE = `boot_more() {
  [ -b /dev/vda ] || return 0
  mkdir -p /disk /etc /var && mount -t ext4 /dev/vda /disk
  mount --bind /disk/etc /etc && mount --bind /disk/var /var
  /usr/sbin/vcs-net-reconfig >/dev/null
  ifup -a
  say NETWORKED
}

act_more() {
  case $1 in
    network)
      ip -o addr show dev eth0 scope global | while read -r _ _ _ it _; do say "ADDRESS $it"; done
      ip route | grep ^default | while read -r it; do say "ROUTE $it"; done
      ip -6 route | grep ^default | while read -r it; do say "ROUTE $it"; done
      while read -r it; do say "RESOLVER $it"; done </etc/resolv.conf
      say "APPLIED $(cat /var/lib/vcs-net-reconfig/applied)"
      say TOLD
      ;;
    hold) mkdir -p /hold && mount -t iso9660 -o ro /dev/sr0 /hold && say HELD ;;
  esac
}
`;

const INTERFACES = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n";

/** Where a guest's own files come from: its initramfs, and its disk. */
export interface NetworkGuestFiles {
  readonly files: GuestFiles;
  /** A file system with /etc and /var, which the guest changes. */
  readonly disk: string;
}

/**
 * Makes a tiny Linux with the service of guest/, an IDE CD-ROM drive's modules, and a disk on which its NIC eth0 would ask
 * DHCP: two files in the folder.
 */
export async function makeNetworkGuest(folder: string, files: GuestFiles): Promise<NetworkGuestFiles> {
  const root = join(folder, "guest-root");
  await mkdir(join(root, "usr/sbin"), { recursive: true });
  await mkdir(join(root, "sbin"));
  await cp(repositoryFile("guest", "vcs-net-reconfig"), join(root, "usr/sbin/vcs-net-reconfig"));
  await cp(repositoryFile("guest", "lib"), join(root, "usr/lib/vcs-net-reconfig"), { recursive: true });
  await writeFile(join(root, "sbin/vkg-more"), MORE);
  const initrd = join(folder, "initrd-net.img");
  const pack = 'cd "$1" && { cat "$2" "$3"; find . | busybox cpio -o -H newc 2>/dev/null | gzip -1; } >"$4"';
  await run("sh", ["-c", pack, "sh", root, files.initrd, files.initrdNet, initrd]);
  return { files: { ...files, initrd }, disk: await makeNetworkDisk(folder) };
}

/** Makes the disk anew, as it was before the guest ran. */
export async function makeNetworkDisk(folder: string): Promise<string> {
  const content = join(folder, "guest-disk");
  for (const path of ["etc/network/if-pre-up.d", "etc/network/if-up.d", "var/lib"])
    await mkdir(join(content, path), { recursive: true });
  await writeFile(join(content, "etc/network/interfaces"), INTERFACES);
  await writeFile(join(content, "etc/resolv.conf"), "nameserver 192.0.2.53\n");
  await rm(join(content, "var/run"), { force: true });
  await symlink("/run", join(content, "var/run"));
  const disk = join(folder, "guest-disk.img");
  await run("mke2fs", ["-q", "-t", "ext4", "-d", content, disk, "8M"]);
  return disk;
}

/** The options of a guest with that disk and a NIC. */
export function networkGuestOptions({
  files,
  disk,
}: NetworkGuestFiles): Pick<GuestOptions, "files" | "devices"> {
  const drive = "<driver name='qemu' type='raw'/>";
  return {
    files,
    devices: `<disk type='file' device='disk'>${drive}<source file='${disk}'/><target dev='vda' bus='virtio'/></disk><interface type='user'><model type='virtio'/></interface>`,
  };
}

/** What a guest says of its network. */
export interface ToldNetwork {
  /** with prefix */
  readonly addresses: readonly string[];
  /** default routes, as ip(8) prints them */
  readonly routes: readonly string[];
  /** lines of /etc/resolv.conf */
  readonly resolver: readonly string[];
  /** the checksum of the payload that it applied last */
  readonly applied: string;
}

/** Where a guest is heard and spoken to. */
export interface GuestVoice {
  readonly serialLog: string;
  readonly consolePath: string;
}

/** Asks a guest that is READY, on its console. */
export async function askNetwork({ serialLog, consolePath }: GuestVoice): Promise<ToldNetwork> {
  const answers = async () =>
    (await readFile(serialLog, "latin1")).replaceAll("\r", "").split("HEARD network\n");
  const asked = (await answers()).length;
  await typeOnConsole(consolePath, "network");
  const answer = await until("the guest has told its network", async () => {
    const said = (await answers())[asked];
    return said?.includes(" TOLD\n") === true ? said : undefined;
  });
  const linesOf = (word: string) =>
    answer.split("\n").flatMap((line) => line.split(` ${word} `)[1]?.trim() ?? []);
  return {
    addresses: linesOf("ADDRESS"),
    routes: linesOf("ROUTE"),
    resolver: linesOf("RESOLVER"),
    applied: linesOf("APPLIED")[0] ?? "",
  };
}

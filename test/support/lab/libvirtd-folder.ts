import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What differs from a plain private libvirtd. */
export interface LibvirtdOptions {
  /** Its own host name; two that migrate to each other need different ones. Default: the machine's. */
  hostname?: string;
  /** The UUID that libvirt tells hosts apart by. Default: a new one each time. */
  hostUuid?: string;
  /** More lines for libvirtd.conf; a later line wins. */
  libvirtdConf?: readonly string[];
  /** More lines for qemu.conf; a later line wins. */
  qemuConf?: readonly string[];
  /** Listens on the network as well, as libvirtdConf says; TLS without certificates keeps libvirtd from starting. */
  listens?: boolean;
  /** Locks disks by a virtlockd of its own whose lock files are in this folder, which hosts of a cluster share. */
  lockspace?: string;
}

/** The longest path below the folder that must fit into the 107 bytes of a socket address. */
const LONGEST = "/run/libvirt/libvirt-admin-sock".length + 20;

/** A new folder with a short name in a short place: sockets will be below it. */
export function makeShortFolder(prefix: string): Promise<string> {
  const isShort = tmpdir().length + LONGEST + `/${prefix}XXXXXX`.length < 107;
  return mkdtemp(join(isShort ? tmpdir() : "/tmp", prefix));
}

/** Makes the folder of a private libvirtd. */
export async function makeFolder(options: LibvirtdOptions): Promise<string> {
  const folder = await makeShortFolder("vkg-");
  await fillFolder(folder, options);
  return folder;
}

/** Makes below a folder what a private libvirtd will see as /etc/libvirt, /run and so on. */
export async function fillFolder(folder: string, options: LibvirtdOptions): Promise<void> {
  for (const name of ["etc", "lib", "cache", "log"]) await mkdir(join(folder, name), { recursive: true });
  await emptyRun(folder);
  await writeFile(join(folder, "etc/libvirtd.conf"), libvirtdConf(options));
  await writeFile(join(folder, "etc/qemu.conf"), qemuConf(options));
  if (options.lockspace !== undefined)
    await writeFile(join(folder, "etc/qemu-lockd.conf"), `file_lockspace_dir = "${options.lockspace}"\n`);
}

/** Makes /run as it is when a host has booted. */
export async function emptyRun(folder: string): Promise<void> {
  await rm(join(folder, "run"), { recursive: true, force: true });
  for (const name of ["lock", "libvirt/qemu"]) await mkdir(join(folder, "run", name), { recursive: true });
}

function libvirtdConf({ hostUuid = randomUUID(), libvirtdConf: more = [] }: LibvirtdOptions): string {
  return conf([
    `host_uuid = "${hostUuid}"`,
    'auth_unix_rw = "none"',
    'auth_unix_ro = "none"',
    'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"',
    ...more,
  ]);
}

/**
 * QEMU as root and without labels needs no permissions on a test's files; without cgroups two libvirtds cannot meet in
 * /sys/fs/cgroup; without namespaces a guest stays in libvirtd's, where the lab finds it; without virtlogd logs are files.
 */
function qemuConf({ qemuConf: more = [], lockspace }: LibvirtdOptions): string {
  return conf([
    'user = "root"',
    'group = "root"',
    "dynamic_ownership = 0",
    "remember_owner = 0",
    'security_driver = "none"',
    "cgroup_controllers = []",
    "namespaces = []",
    'stdio_handler = "file"',
    ...(lockspace === undefined ? [] : ['lock_manager = "lockd"']),
    ...more,
  ]);
}

/** libvirt refuses a setting that stands twice. */
function conf(lines: readonly string[]): string {
  const byName = new Map(lines.map((line) => [line.split("=")[0]?.trim(), line]));
  return `${[...byName.values()].join("\n")}\n`;
}

import { execFile } from "node:child_process";
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { run } from "./lab/run.ts";
import { repositoryFile } from "./repository.ts";

/** The shells under which the guest's service is tried. */
export const SHELLS = ["dash", "bash", "busybox"] as const;
export type Shell = (typeof SHELLS)[number];

/** Programs of a guest that only say how they were called, and then do as the test wrote. */
const RECORDED = [
  "mount",
  "umount",
  "sync",
  "udevadm",
  "systemctl",
  "nmcli",
  "networkctl",
  "netplan",
  "ifup",
  "ifdown",
] as const;
type Recorded = (typeof RECORDED)[number];

/** What a minimal guest has beside its shell. */
const APPLETS =
  "sh [ cat chmod cmp cp cut dd echo grep id ls mkdir mv printf rm sed sha256sum sleep test tr wc".split(" ");

/** What every run calls, whatever the guest. */
const USUAL = /^(?:mount|umount|sync|udevadm|systemctl is-)/;

/** A guest's file system, in which the service runs as in a guest: with its own programs, and nothing of the host's. */
export interface GuestRoot {
  /** Makes one of the recorded programs known to the guest: lines of a POSIX shell, for what it answers. */
  readonly program: (name: Recorded, script?: string) => Promise<void>;
  /** Where a path of the guest is. */
  readonly path: (path: string) => string;
  readonly write: (path: string, text: string) => Promise<void>;
  /** undefined where there is no such file */
  readonly read: (path: string) => Promise<string | undefined>;
  /** All files below /etc and /var with their content. */
  readonly files: () => Promise<Readonly<Record<string, string>>>;
  /** A CD-ROM in the drive, with this file or none on it. */
  readonly insert: (content: string | undefined, label?: string) => Promise<void>;
  /** Runs the service once. */
  readonly boot: () => Promise<{ readonly code: number; readonly said: string }>;
  /** How network programs were called since the last look, with one blank between words. */
  readonly calls: () => Promise<readonly string[]>;
}

/** Makes a guest with one NIC, eth0, for the running test. */
export async function makeGuestRoot(shell: Shell): Promise<GuestRoot> {
  const root = await mkdtemp(join(tmpdir(), "guest-root-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const inside = (path: string) => join(root, path);
  const write = async (path: string, text: string) => {
    await mkdir(dirname(inside(path)), { recursive: true });
    await writeFile(inside(path), text);
  };
  const read = (path: string) => readFile(inside(path), "utf8").catch(() => undefined);
  const program = async (name: Recorded, script = "") => {
    const record = `{ printf '%s' ${name}; for word; do printf ' %s' "$word"; done; echo; } >>/calls`;
    await write(`/fakes/${name}`, `#!/bin/sh\n${record}\n${script}\n`);
    await chmod(inside(`/fakes/${name}`), 0o755);
  };
  await makeSystem(root, shell);
  await addNic(write, "eth0", 2);
  await program("udevadm");
  await program("sync");
  await program("mount", '[ -e /cdrom/vcsnet.conf ] && cp /cdrom/vcsnet.conf "$6/" || :');
  await program("umount", 'rm -f "$1/vcsnet.conf"');
  return {
    program,
    path: inside,
    write,
    read,
    files: () => filesBelow(root, ["etc", "var"]),
    insert: async (content, label = "VCSNET") => {
      await rm(inside("/cdrom"), { recursive: true, force: true });
      await mkdir(inside("/cdrom"));
      if (content !== undefined) await write("/cdrom/vcsnet.conf", content);
      await writeFile(inside("/dev/sr0"), volume(label));
    },
    boot: () => boot(root, shell),
    calls: async () => {
      const said = (await read("/calls")) ?? "";
      await write("/calls", "");
      return said.split("\n").filter((line) => line !== "" && !USUAL.test(line));
    },
  };
}

/** Another network card for a guest. */
export async function addNic(write: GuestRoot["write"], name: string, index: number): Promise<void> {
  await write(`/sys/class/net/${name}/type`, "1\n");
  await write(`/sys/class/net/${name}/ifindex`, `${index}\n`);
  await write(`/sys/class/net/${name}/address`, `52:54:00:00:00:0${index}\n`);
  await write(`/sys/class/net/${name}/device/vendor`, "0x1af4\n");
}

async function makeSystem(root: string, shell: Shell): Promise<void> {
  const folders = ["bin", "dev", "etc", "fakes", "run", "sbin", "tmp", "usr/lib", "usr/sbin", "var/lib"];
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  await copyFile("/bin/busybox", join(root, "bin/busybox"));
  for (const applet of APPLETS) await symlink("busybox", join(root, "bin", applet));
  if (shell !== "busybox") await copyWithLibraries(root, `/bin/${shell}`);
  await run("mknod", ["-m", "666", join(root, "dev/null"), "c", "1", "3"]);
  await writeFile(join(root, "dev/console"), "");
  await copyFile(repositoryFile("guest", "vcs-net-reconfig"), join(root, "usr/sbin/vcs-net-reconfig"));
  await cp(repositoryFile("guest", "lib"), join(root, "usr/lib/vcs-net-reconfig"), { recursive: true });
}

async function copyWithLibraries(root: string, program: string): Promise<void> {
  const { stdout } = await run("ldd", [program]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(/g)].map(([, path = ""]) => path);
  await rm(join(root, program), { force: true });
  for (const path of [program, ...libraries]) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await copyFile(path, join(root, path));
  }
}

/** An empty ISO 9660 volume, as far as its name. */
function volume(label: string): Buffer {
  const descriptor = Buffer.alloc(2048);
  descriptor.write("\x01CD001\x01\0LINUX");
  descriptor.write(label.padEnd(32), 40);
  return Buffer.concat([Buffer.alloc(16 * 2048), descriptor]);
}

/** busybox prefers what it has in itself to what the PATH has: there the recorded programs are functions. */
async function boot(root: string, shell: Shell): Promise<{ readonly code: number; readonly said: string }> {
  const known = await readdir(join(root, "fakes"));
  const functions = known.map((name) => `${name}() { /fakes/${name} "$@"; }`).join("; ");
  const words =
    shell === "busybox"
      ? ["/bin/busybox", "sh", "-c", `${functions}; . /usr/sbin/vcs-net-reconfig`]
      : [`/bin/${shell}`, "/usr/sbin/vcs-net-reconfig"];
  return new Promise((resolve) => {
    const options = { env: { PATH: "/fakes:/bin" }, timeout: 60_000 };
    execFile("/usr/sbin/chroot", [root, ...words], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, said: `${stdout}${stderr}` });
    });
  });
}

async function filesBelow(
  root: string,
  folders: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const folder of folders) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((one) => one.isFile())) {
      const path = join(entry.path, entry.name);
      found[path.slice(root.length)] = await readFile(path, "utf8");
    }
  }
  return found;
}

import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

const SERVICE = "libvirt-guests.service";

/** Where the service libvirt-guests is enabled and configured. */
export interface LibvirtGuestsPlaces {
  /** Folders of units, with the links of enabled ones below. */
  readonly unitFolders: readonly string[];
  /** Shell files that set ON_BOOT and ON_SHUTDOWN, the later ones over the earlier: the script, its settings. */
  readonly settingsFiles: readonly string[];
}

/** As Linux distributions have them. */
export const SYSTEM_LIBVIRT_GUESTS: LibvirtGuestsPlaces = {
  unitFolders: ["/etc/systemd/system", "/run/systemd/system"],
  settingsFiles: [
    "/usr/libexec/libvirt-guests.sh",
    "/usr/lib/libvirt/libvirt-guests.sh",
    "/etc/sysconfig/libvirt-guests",
    "/etc/default/libvirt-guests",
  ],
};

/**
 * Says what the service libvirt-guests does to guests on its own, if it is enabled. It acts when it is stopped, so the
 * remedy must not stop it while guests run.
 */
export async function findLibvirtGuests({
  unitFolders,
  settingsFiles,
}: LibvirtGuestsPlaces): Promise<readonly string[]> {
  if (!(await isEnabled(unitFolders))) return [];
  const { onBoot, onShutdown } = await settingsOf(settingsFiles);
  const boot = onBoot === "start" ? "starts at boot the guests that ran before (ON_BOOT=start), and " : "";
  const shutdown =
    onShutdown === "suspend"
      ? "saves all guests to disk at shutdown (ON_SHUTDOWN=suspend)"
      : `shuts all guests down with the host (ON_SHUTDOWN=${onShutdown})`;
  return [
    `libvirt-guests is enabled: it ${boot}${shutdown}, behind the cluster's back: systemctl disable libvirt-guests, and do not stop it while guests run, for then it does so at once`,
  ];
}

async function isEnabled(unitFolders: readonly string[]): Promise<boolean> {
  const perFolder = await Promise.all(
    unitFolders.map(async (folder) => ({
      isMasked: await isMasked(folder),
      isWanted: await isWanted(folder),
    })),
  );
  return perFolder.some(({ isWanted }) => isWanted) && !perFolder.some(({ isMasked }) => isMasked);
}

/** An enabled unit has a link in the folder of what starts it, as multi-user.target.wants. */
async function isWanted(folder: string): Promise<boolean> {
  const starters = (await entriesOf(folder)).filter((name) => /\.(wants|requires)$/.test(name));
  const wanted = await Promise.all(starters.map((name) => entriesOf(join(folder, name))));
  return wanted.some((names) => names.includes(SERVICE));
}

async function isMasked(folder: string): Promise<boolean> {
  try {
    return (await readlink(join(folder, SERVICE))) === "/dev/null";
  } catch {
    return false; // not there, or a unit of its own
  }
}

/** Source: libvirt-guests.sh, its defaults; distributions change them in the script. */
async function settingsOf(files: readonly string[]): Promise<{ onBoot: string; onShutdown: string }> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  const text = texts.join("\n");
  return {
    onBoot: valueOf(text, "ON_BOOT") ?? "start",
    onShutdown: valueOf(text, "ON_SHUTDOWN") ?? "suspend",
  };
}

/** The last assignment counts. */
function valueOf(text: string, name: string): string | undefined {
  return [...text.matchAll(new RegExp(`^[ \\t]*${name}=["']?(\\w+)`, "gm"))].at(-1)?.[1];
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    return []; // no systemd here, or a link to something else
  }
}

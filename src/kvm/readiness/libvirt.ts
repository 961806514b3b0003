import { access, constants } from "node:fs/promises";
import { messageOf } from "../../agent-error.ts";
import { type Check, type CheckRow, type RowMaker, rowsOf } from "../../readiness.ts";
import type { HostAccess } from "./host-access.ts";

/** The oldest libvirt that was tried; the calls in use are older still. */
const TRIED = { from: 6_000_000, words: "6.0" } as const;

/** Is this host's libvirt there, does it let us in, and how old is it? */
export function libvirtCheck(
  libvirt: HostAccess,
  { uri, sockets }: { readonly uri: string; readonly sockets: readonly string[] },
): Check {
  const row = rowsOf("libvirt", uri);
  return {
    name: "libvirt",
    about: uri,
    async look(signal) {
      const socket = await firstThere(sockets);
      if (socket === undefined)
        return [
          row.problem(
            `no socket of libvirt is there: ${sockets.join(", ")}`,
            "systemctl enable --now virtqemud.socket, or libvirtd.socket where that is installed; or correct libvirt.sockets",
          ),
        ];
      try {
        const library = await libvirt.use("asking for its version", signal, (host) =>
          host.getLibVersion({ signal }),
        );
        const emulator = await libvirt.use("asking for QEMU's version", signal, (host) =>
          host.getVersion({ signal }),
        );
        return [versionRow(row, socket, library, emulator)];
      } catch (error) {
        return [
          row.problem(
            `${socket}: ${messageOf(error)}`,
            "run this as root; systemctl status virtqemud libvirtd; journalctl -u virtqemud -u libvirtd",
          ),
        ];
      }
    },
  };
}

function versionRow(row: RowMaker, socket: string, library: number, emulator: number): CheckRow {
  const kind = socket.includes("virtqemud") ? "modular daemon" : "libvirtd or a proxy of the modular daemons";
  const found = `libvirt ${versionText(library)}, QEMU ${versionText(emulator)}, over ${socket} (${kind})`;
  if (library >= TRIED.from) return row.ok(found);
  return row.warning(
    `${found}: versions before ${TRIED.words} were not tried with this agent`,
    "update libvirt before you rely on it",
  );
}

/** libvirt's numbers: major * 1,000,000 + minor * 1,000 + micro. */
export function versionText(number: number): string {
  return [Math.floor(number / 1_000_000), Math.floor(number / 1000) % 1000, number % 1000].join(".");
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await access(path, constants.F_OK);
      return path;
    } catch {
      // the next one may be the right one
    }
  }
  return undefined;
}

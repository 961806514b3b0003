import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { askDaemon } from "../../ipc/client.ts";
import { IpcError } from "../../ipc/ipc-error.ts";
import { messageOf } from "../../src/agent-error.ts";
import { type Check, rowsOf } from "../../src/readiness.ts";

/** The daemon answers from memory. */
const ANSWER_MS = 5000;

/** Registrations are some KiB each: below the first the daemon warns soon, below the second it cannot write. */
const ROOM_BYTES = { enough: 64 * 1024 * 1024, least: 1024 * 1024 } as const;

const health = z.object({ libvirt: z.string(), managers: z.record(z.string(), z.string()) });

/**
 * Does the daemon run, and what does it say of its connections?
 *
 * @param needsLibvirt false where no guest of plain KVM is kept
 */
export function daemonCheck(socket: string, needsLibvirt: boolean): Check {
  const row = rowsOf("daemon", socket);
  return {
    name: "daemon",
    about: socket,
    async look(signal) {
      try {
        const text = await askDaemon(
          { method: "GET", path: "/healthz" },
          { socket, limitMs: ANSWER_MS, signal },
        );
        const { libvirt, managers } = health.parse(JSON.parse(text));
        const own = needsLibvirt ? [["libvirt", libvirt] as const] : [];
        const lost = [...own, ...Object.entries(managers)].filter(([, state]) => state !== "connected");
        if (lost.length === 0) return [row.ok("runs, and is connected")];
        return lost.map(([name, state]) =>
          row.warning(
            `runs, but its connection to ${name} is "${state}"`,
            "the rows of that name below say more",
          ),
        );
      } catch (error) {
        if (error instanceof IpcError && error.code === "NO_DAEMON")
          return [
            row.warning("nobody answers: the daemon does not run", "systemctl enable --now vcskvmguestd"),
          ];
        return [row.problem(messageOf(error), "journalctl -u vcskvmguestd")];
      }
    },
  };
}

/** Can nobody but root speak to the daemon? */
export function socketCheck(socket: string): Check {
  const row = rowsOf("socket", socket);
  const folder = dirname(socket);
  return {
    name: "socket",
    about: socket,
    async look() {
      try {
        const { mode } = await stat(folder);
        if ((mode & 0o022) !== 0)
          return [
            row.problem(
              `others may write in its folder ${folder}, and put their own socket there`,
              `chmod 0700 ${folder}`,
            ),
          ];
        const found = await stat(socket);
        if (!found.isSocket()) return [row.problem("is no socket", "remove it, or correct the key socket")];
        if ((found.mode & 0o077) !== 0)
          return [row.problem("is open to others than its owner", `chmod 0600 ${socket}`)];
        return [row.ok("only its owner may use it")];
      } catch (error) {
        return [row.notChecked(`the daemon makes it at its start: ${messageOf(error)}`)];
      }
    },
  };
}

/** Can the daemon keep what it has to know after a restart? */
export function stateDirectoryCheck(directory: string): Check {
  const row = rowsOf("state directory", directory);
  return {
    name: "state directory",
    about: directory,
    async look() {
      try {
        const { mode } = await stat(directory);
        await access(directory, constants.W_OK);
        if ((mode & 0o022) !== 0) return [row.problem("others may write in it", `chmod go-w ${directory}`)];
        const { bavail, bsize, ffree, files } = await statfs(directory);
        const bytes = bavail * bsize;
        const text = `${Math.floor(bytes / 1_048_576)} MiB are free`;
        if (bytes < ROOM_BYTES.least || (files > 0 && ffree === 0))
          return [row.problem(`no room is left: ${text}`, "make room: the daemon cannot keep registrations")];
        if (bytes < ROOM_BYTES.enough) return [row.warning(`little room is left: ${text}`, "make room")];
        return [row.ok(`writable, ${text}`)];
      } catch (error) {
        const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
        if (isMissing) return [row.notChecked("is not there yet: the daemon makes it at its start")];
        return [
          row.problem(`cannot be used: ${messageOf(error)}`, "mount it writable, or correct stateDirectory"),
        ];
      }
    },
  };
}

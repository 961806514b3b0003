import { readFileSync, readlinkSync } from "node:fs";
import { IpcError } from "./ipc-error.ts";

/** A socket that was listening before this process began: systemd made it, and keeps it when we end. */
export interface InheritedSocket {
  readonly fd: number;
  /** The path that it was bound to. */
  readonly path: string;
}

/** Source: sd_listen_fds(3), SD_LISTEN_FDS_START. */
const FIRST_FD = 3;

/** Source: linux/net.h, SO_ACCEPTCON, which /proc/net/unix shows as flags. */
const LISTENING = 0x10000;

/**
 * The socket that systemd passes to this process; undefined where it passes none.
 *
 * @throws {IpcError} SOCKET_PATH when it is not exactly one Unix socket that listens
 */
export function inheritedSocket(
  env: Readonly<Record<string, string | undefined>>,
): InheritedSocket | undefined {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = env;
  if (pid !== String(process.pid) || count === undefined || count === "0") return undefined;
  if (count !== "1") {
    const message = `systemd passes ${count} sockets (${names ?? "without names"}): vcskvmguestd.socket must have one ListenStream`;
    throw new IpcError("SOCKET_PATH", message);
  }
  const path = pathOf(FIRST_FD);
  if (path === undefined)
    throw new IpcError("SOCKET_PATH", "what systemd passes is no Unix socket that listens at a path");
  return { fd: FIRST_FD, path };
}

/** Source: proc(5), /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path. */
function pathOf(fd: number): string | undefined {
  const inode = inodeOf(fd);
  for (const line of readFileSync("/proc/self/net/unix", "utf8").split("\n")) {
    const [, , , flags = "", , , number, ...words] = line.trim().split(/ +/);
    const path = words.join(" ");
    if (number !== inode || inode === undefined || !path.startsWith("/")) continue;
    return (Number.parseInt(flags, 16) & LISTENING) === 0 ? undefined : path;
  }
  return undefined;
}

function inodeOf(fd: number): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch {
    return undefined; // no such descriptor
  }
}

import { homedir } from "node:os";
import { join } from "node:path";
import { LibvirtCallError } from "./errors.ts";

/** Node cuts longer paths without a word. Source: unix(7), sun_path less its final NUL. */
const SOCKET_PATH_MAX = 107;

/** What decides which daemon of this host is meant: the URI's driver and path, and its parameter `mode`. */
export type SocketChoice = { driver: string; path: string; mode: string; readOnly: boolean };

/**
 * The sockets of this host's daemons as libvirt's own library tries them: the driver's modular daemon, then libvirtd;
 * under /run/libvirt, or for `/session` in the user's runtime folder. `mode` is auto, direct or legacy.
 *
 * Source: remote_sockets.c, remoteGetUNIXSocket.
 *
 * @throws {LibvirtCallError} argument: there is no such mode
 */
export function unixSockets({ driver, path, mode, readOnly }: SocketChoice): readonly string[] {
  const folder = path === "/session" ? userFolder() : "/run/libvirt";
  const suffix = readOnly && path !== "/session" ? "sock-ro" : "sock";
  return names(driver, mode).map((name) => join(folder, `${name}-${suffix}`));
}

/** @throws {LibvirtCallError} argument: the path is longer than a socket's path can be */
export function checkSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX) return;
  throw new LibvirtCallError(
    "argument",
    `"${path}" is longer than the ${SOCKET_PATH_MAX} bytes of a socket's path`,
  );
}

function names(driver: string, mode: string): string[] {
  const modular = `virt${driver.toLowerCase()}d`;
  switch (mode) {
    case "auto":
      return [modular, "libvirt"];
    case "direct":
      return [modular];
    case "legacy":
      return ["libvirt"];
    default:
      throw new LibvirtCallError("argument", `"${mode}" is no mode: auto, direct or legacy`);
  }
}

function userFolder(): string {
  return join(process.env["XDG_RUNTIME_DIR"] ?? join(homedir(), ".cache"), "libvirt");
}

import { homedir } from "node:os";
import { join } from "node:path";
import { LibvirtCallError } from "./errors.ts";

/** Where a URI leads: the name for the daemon, and the sockets to try, in order. */
export type Target = { driverUri: string; sockets: readonly string[] };

const LOCAL_URI = /^([a-z0-9]+)(?:\+([a-z0-9]+))?:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i;

/** Node cuts longer paths without a word. Source: unix(7), sun_path less its final NUL. */
const SOCKET_PATH_MAX = 107;

/**
 * Finds the daemons for a URI as libvirt's own library does: the driver's modular daemon if its socket is there,
 * else libvirtd; under /run/libvirt, or for `/session` in the user's runtime folder. The parameters `socket` and
 * `mode` (auto, direct, legacy) are obeyed and not sent on.
 *
 * Source: remote_sockets.c, remoteGetUNIXSocket.
 *
 * @throws {LibvirtCallError} argument: not a URI, or one that needs another transport than a Unix socket
 */
export function findTarget(uri: string, readOnly: boolean): Target {
  const parts = LOCAL_URI.exec(uri);
  if (parts === null) throw new LibvirtCallError("argument", `"${uri}" is not a libvirt URI`);
  const [, driver = "", transport = "unix", host = "", path = "", query = ""] = parts;
  if (transport.toLowerCase() !== "unix" || host !== "") {
    throw new LibvirtCallError("argument", `"${uri}" is not local: only Unix sockets are supported`);
  }
  const params = new URLSearchParams(query);
  const socket = params.get("socket");
  const mode = params.get("mode") ?? "auto";
  params.delete("socket");
  params.delete("mode");
  const rest = params.size === 0 ? "" : `?${params.toString()}`;
  const folder = path === "/session" ? userFolder() : "/run/libvirt";
  const suffix = readOnly && path !== "/session" ? "sock-ro" : "sock";
  const sockets =
    socket === null ? names(driver, mode).map((name) => join(folder, `${name}-${suffix}`)) : [socket];
  return { driverUri: `${driver}://${path}${rest}`, sockets };
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

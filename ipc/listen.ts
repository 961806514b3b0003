import { once } from "node:events";
import { chmod, chown, lstat, mkdir, realpath, rename, rm } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { basename, dirname, isAbsolute } from "node:path";
import type { InheritedSocket } from "./inherited-socket.ts";
import { IpcError } from "./ipc-error.ts";
import { lockSocket } from "./socket-lock.ts";

/** Where a server listens, and who may come. */
export interface SocketAddress {
  /** Absolute, at most 107 bytes. Its folder is made when missing. */
  readonly path: string;
  /** Group that may connect; without it only our own user may. */
  readonly gid?: number;
  /** What systemd listens on for us; taken over in place of a new socket. */
  readonly inherited?: InheritedSocket | undefined;
}

/** A socket that this process alone serves. */
export interface OwnedSocket {
  /** Removes the socket, if it is still ours, and gives up the lock. The server must be closed before. */
  release(): Promise<void>;
}

/** Source: unix(7), sun_path has 108 bytes with the final NUL. Node 20 cuts longer paths silently. */
const PATH_LIMIT_BYTES = 107;

/**
 * Makes the server listen on a path that nobody else serves, with the right owner and mode from the first
 * moment a client can find it. A socket left by a dead process is replaced.
 *
 * @throws {IpcError} SOCKET_PATH, SOCKET_IN_USE or LOCK_FAILED
 */
export async function listenOnSocket(server: Server, address: SocketAddress): Promise<OwnedSocket> {
  checkPath(address.path);
  await prepareFolder(address);
  const lock = await lockSocket(`${address.path}.lock`);
  try {
    if (address.inherited !== undefined) {
      await takeOver(server, address.path, address.inherited);
      return lock; // the socket is systemd's, and stays
    }
    await refuseLiveSocket(address.path);
    const inode = await bind(server, address);
    return {
      async release() {
        await removeOwn(address.path, inode);
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function checkPath(path: string): void {
  if (!isAbsolute(path) || path.includes("\0") || path.endsWith("/")) {
    throw new IpcError("SOCKET_PATH", `${JSON.stringify(path)} is not an absolute path of a socket`);
  }
  const bytes = Buffer.byteLength(path);
  if (bytes > PATH_LIMIT_BYTES) {
    throw new IpcError(
      "SOCKET_PATH",
      `the socket path ${path} has ${bytes} bytes; the kernel takes at most ${PATH_LIMIT_BYTES}`,
    );
  }
}

async function prepareFolder({ path, gid }: SocketAddress): Promise<void> {
  const folder = dirname(path);
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (made !== undefined && gid !== undefined) {
      await chown(folder, -1, gid);
      await chmod(folder, 0o750);
    }
    const { mode } = await lstat(folder);
    const othersWrite = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
    if (!othersWrite) return;
  } catch (error) {
    throw new IpcError("SOCKET_PATH", `cannot use the folder ${folder} of the socket`, { cause: error });
  }
  throw new IpcError("SOCKET_PATH", `others may write in ${folder} and replace the socket: chmod go-w it`);
}

/**
 * The descriptor alone does not tell whether clients reach it: its name may have been removed, and may never have been the
 * one that they know.
 */
async function takeOver(server: Server, path: string, { fd, path: bound }: InheritedSocket): Promise<void> {
  const [own, found] = await Promise.all([realPath(path), realPath(bound)]);
  if (own !== found) {
    const message = `systemd listens on ${bound}, and the configuration says ${path}: change one of them`;
    throw new IpcError("SOCKET_PATH", message);
  }
  const entry = await lstat(path).catch(() => undefined);
  if (entry?.isSocket() !== true) {
    const message = `${path}, on which systemd listens, has been removed: systemctl stop vcskvmguestd.service, then systemctl restart vcskvmguestd.socket`;
    throw new IpcError("SOCKET_PATH", message);
  }
  if ((entry.mode & 0o077) !== 0)
    throw new IpcError("SOCKET_PATH", `others may connect to ${path}: set SocketMode=0600 in its unit`);
  server.listen({ fd });
  await once(server, "listening");
}

/** With the folder's own name, as /run for /var/run. */
async function realPath(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path)); // missing: nothing else has this name
  return `${folder}/${basename(path)}`;
}

/** The lock may have been deleted by hand; a server that answers is the better proof. */
async function refuseLiveSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined); // missing is the normal case
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new IpcError("SOCKET_PATH", `${path} exists and is not a socket: remove it or choose another path`);
  }
  const refusal = await connectError(path);
  if (refusal === "ECONNREFUSED" || refusal === "ENOENT") return;
  throw new IpcError(
    "SOCKET_IN_USE",
    `another process serves ${path} (${refusal ?? "it accepts connections"}): stop it first`,
  );
}

/** The error code of a connection attempt, undefined when somebody accepted. */
async function connectError(path: string): Promise<string | undefined> {
  const socket = connect(path);
  try {
    return await new Promise((resolve) => {
      socket.once("connect", () => resolve(undefined));
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    socket.destroy();
  }
}

/**
 * Binds beside the path and moves the socket into place. So no client meets it with a wrong mode, a stale
 * one is replaced at once, and libuv, which removes the name it bound at the end, never removes the socket
 * of a successor.
 */
async function bind(server: Server, { path, gid }: SocketAddress): Promise<bigint> {
  const beside = pathBeside(path);
  try {
    await rm(beside, { force: true });
    server.listen(beside);
    await once(server, "listening");
    if (gid !== undefined) await chown(beside, -1, gid);
    await chmod(beside, gid === undefined ? 0o600 : 0o660);
    const { ino } = await lstat(beside, { bigint: true });
    await rename(beside, path);
    return ino;
  } catch (error) {
    server.close();
    throw new IpcError("SOCKET_PATH", `cannot listen on ${path}`, { cause: error });
  }
}

/** A name in the same folder that is short enough even when the path has the longest length. */
function pathBeside(path: string): string {
  const longer = `${path}~`;
  if (Buffer.byteLength(longer) <= PATH_LIMIT_BYTES) return longer;
  return path.endsWith("~") ? `${path.slice(0, -1)}+` : `${path.slice(0, -1)}~`;
}

async function removeOwn(path: string, inode: bigint): Promise<void> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined); // removed by hand: nothing to do
  if (found?.isSocket() === true && found.ino === inode) await rm(path, { force: true });
}

import { createConnection, type NetConnectOpts, type Socket } from "node:net";
import { LibvirtCallError } from "./errors.ts";
import { checkSocketPath } from "./sockets.ts";
import { type TcpTarget, targetName, type UnixTarget } from "./target.ts";

/**
 * Takes the first Unix socket that somebody listens on.
 *
 * @throws {LibvirtCallError} no socket, auth or argument; at the deadline, its reason
 */
export async function connectUnix({ sockets }: UnixTarget, deadline: AbortSignal): Promise<Socket> {
  for (const path of sockets) checkSocketPath(path);
  const failures: { path: string; code: string }[] = [];
  for (const path of sockets) {
    try {
      return await connect({ path }, deadline);
    } catch (error) {
      deadline.throwIfAborted();
      failures.push({ path, code: errorCodeOf(error) });
    }
  }
  const tried = failures.map(({ path, code }) => `${path} (${code})`).join(", ");
  if (failures.some(({ code }) => code === "EACCES" || code === "EPERM")) {
    const remedy = "run as root, or as a member of the group that the socket belongs to (often libvirt)";
    throw new LibvirtCallError("auth", `no permission to connect to ${tried}: ${remedy}`);
  }
  throw new LibvirtCallError("no socket", `no libvirt daemon listens on ${tried}`);
}

/**
 * Connects to a TCP port, without encryption.
 *
 * @throws {LibvirtCallError} no socket; at the deadline, its reason
 */
export async function connectTcp(target: TcpTarget, deadline: AbortSignal): Promise<Socket> {
  const { host, port } = target;
  try {
    const socket = await connect({ host, port }, deadline);
    return socket.setNoDelay(true);
  } catch (error) {
    deadline.throwIfAborted();
    throw unreachable(targetName(target), error);
  }
}

/** The error of a host that cannot be reached, with the system's code in it. */
export function unreachable(target: string, error: unknown): LibvirtCallError {
  return new LibvirtCallError(
    "no socket",
    `no libvirt daemon is reached at ${target} (${errorCodeOf(error)})`,
    {
      cause: error,
    },
  );
}

function connect(options: NetConnectOpts, deadline: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(options);
    const settle = (): void => {
      socket.off("error", fail);
      socket.off("connect", succeed);
      deadline.removeEventListener("abort", abort);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const succeed = (): void => {
      settle();
      resolve(socket);
    };
    const abort = (): void => fail(deadline.reason);
    socket.once("error", fail);
    socket.once("connect", succeed);
    deadline.addEventListener("abort", abort, { once: true });
  });
}

function errorCodeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return String(error);
}

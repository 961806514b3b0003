import type { Duplex } from "node:stream";
import { Connection } from "./connection.ts";
import type { ConnectionOptions } from "./connection-types.ts";
import { ERROR_CODE, hasErrorCode, LibvirtCallError, LibvirtError } from "./errors.ts";
import { FEATURE } from "./flags.ts";
import type { CallOptions } from "./host-calls.ts";
import { TIMER_MAX_MS } from "./pending-calls.ts";
import { HOST_PROCEDURES } from "./procedures-host.ts";
import { findTarget, type Target, targetName } from "./target.ts";
import { connectTcp, connectUnix } from "./transport-socket.ts";
import { connectSsh } from "./transport-ssh.ts";
import { connectTls } from "./transport-tls.ts";

/** Where and how to open a connection. */
export type OpenOptions = ConnectionOptions & {
  /** for instance `qemu:///system` or `qemu+tcp://node2/system`; the README has all forms */
  uri: string;
  /** sockets of this host to try in order; default: those libvirt's own library would try for the URI */
  sockets?: readonly string[];
  /** milliseconds for everything until the connection is usable; default 5,000 */
  openTimeoutMs?: number;
  /** asks the daemon to refuse changes; with the default sockets, its read-only one is used */
  readOnly?: boolean;
};

const OPEN_TIMEOUT_MS = 5000;

/** Source: remote_protocol.x, remote_auth_type. */
const AUTH = { NONE: 0, SASL: 1, POLKIT: 2 } as const;

/** Source: libvirt-host.h, VIR_CONNECT_RO. */
const CONNECT_READ_ONLY = 1;

/**
 * Opens a connection: finds the way to the daemon, authenticates, opens the driver and agrees on keepalive. No event is
 * registered yet.
 *
 * @param signal aborting it ends the opening; once the connection is open it has no effect
 * @throws {LibvirtError} the daemon refuses the URI
 * @throws {LibvirtCallError} no socket, auth, timed out, cancelled, closed, protocol, or argument
 */
export async function openConnection(options: OpenOptions, signal: AbortSignal): Promise<Connection> {
  const target = targetOf(options);
  const flags = options.readOnly === true ? CONNECT_READ_ONLY : 0;
  const limits = { what: targetName(target), ms: options.openTimeoutMs ?? OPEN_TIMEOUT_MS };
  return withDeadline(signal, limits, async (deadline) => {
    const stream = await connect(target, limits.ms, deadline);
    const connection = new Connection(stream, options);
    try {
      await greet(connection, target, flags, deadline);
      return connection;
    } catch (error) {
      connection.abandon();
      throw stream.errored instanceof LibvirtCallError ? stream.errored : error;
    }
  });
}

function targetOf({ uri, readOnly, sockets }: OpenOptions): Target {
  const target = findTarget(uri, readOnly ?? false);
  if (sockets === undefined) return target;
  if (target.transport === "unix") return { ...target, sockets };
  throw new LibvirtCallError("argument", `"${uri}" leads to another host, the sockets of this one do not`);
}

function connect(target: Target, limitMs: number, deadline: AbortSignal): Promise<Duplex> {
  switch (target.transport) {
    case "unix":
      return connectUnix(target, deadline);
    case "tcp":
      return connectTcp(target, deadline);
    case "tls":
      return connectTls(target, deadline);
    case "ssh":
      return connectSsh(target, limitMs, deadline);
  }
}

async function withDeadline<T>(
  signal: AbortSignal,
  { what, ms }: { what: string; ms: number },
  work: (deadline: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const timedOut = new LibvirtCallError("timed out", `${what} did not open the connection within ${ms} ms`);
  const cancel = (): void => {
    controller.abort(new LibvirtCallError("cancelled", "the opening was given up", { cause: signal.reason }));
  };
  const timer = setTimeout(() => controller.abort(timedOut), Math.min(ms, TIMER_MAX_MS));
  signal.addEventListener("abort", cancel, { once: true });
  try {
    if (signal.aborted) cancel();
    controller.signal.throwIfAborted();
    return await work(controller.signal);
  } catch (error) {
    controller.signal.throwIfAborted(); // says which of the two ended it
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
  }
}

async function greet(
  connection: Connection,
  target: Target,
  flags: number,
  deadline: AbortSignal,
): Promise<void> {
  const limits = { signal: deadline, timeoutMs: Number.MAX_SAFE_INTEGER }; // the deadline covers every step
  await authenticate(connection, target, limits);
  const answersPings = await connection.supportsFeature(FEATURE.PROGRAM_KEEPALIVE, limits);
  await connection.call(HOST_PROCEDURES.open, { uri: target.driverUri, flags }, limits);
  await registerClose(connection, limits);
  if (answersPings) connection.startKeepalive();
}

async function authenticate(connection: Connection, target: Target, limits: CallOptions): Promise<void> {
  const types = await connection.call(HOST_PROCEDURES.authList, undefined, limits);
  if (types.length === 0 || types.includes(AUTH.NONE)) return;
  if (types.includes(AUTH.POLKIT)) return authenticateByPolkit(connection, limits);
  const asked = types.includes(AUTH.SASL) ? "SASL" : `authentication of type ${types.join(", ")}`;
  const words = `the daemon at ${targetName(target)} asks for ${asked}, which is not supported here`;
  throw new LibvirtCallError("auth", `${words}: ${authRemedy(target)}`);
}

function authRemedy({ transport }: Target): string {
  if (transport === "tcp" || transport === "tls")
    return `set auth_${transport} to "none" in its configuration file`;
  return 'set auth_unix_rw (or auth_unix_ro) to "none" or "polkit" in its configuration file';
}

async function authenticateByPolkit(connection: Connection, limits: CallOptions): Promise<void> {
  try {
    await connection.call(HOST_PROCEDURES.authPolkit, undefined, limits);
  } catch (error) {
    if (!(error instanceof LibvirtError)) throw error;
    const remedy =
      "run as root, or add a polkit rule that allows org.libvirt.unix.manage (or .monitor) to this user";
    throw new LibvirtCallError("auth", `polkit refuses (${error.message}): ${remedy}`, { cause: error });
  }
}

/** Drivers inside the daemon have nothing to lose; the others say when they lose their own connection. */
async function registerClose(connection: Connection, limits: CallOptions): Promise<void> {
  try {
    await connection.call(HOST_PROCEDURES.registerCloseCallback, undefined, limits);
  } catch (error) {
    if (!hasErrorCode(error, ERROR_CODE.NO_SUPPORT)) throw error;
  }
}

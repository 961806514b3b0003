import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { LibvirtCallError } from "./errors.ts";
import { type PkiFiles, type TlsTarget, targetName } from "./target.ts";
import { unreachable } from "./transport-socket.ts";

/** The files' contents, those that are there. */
type Credentials = Pick<ConnectionOptions, "ca" | "crl" | "cert" | "key">;

/**
 * What libvirtd sends, inside the encryption, once it has accepted the client's certificate; else it hangs up.
 *
 * Source: virnetserverclient.c, virNetServerClientCheckAccess.
 */
const ACCEPTED = 1;

/** The system's and the resolver's codes, as ECONNREFUSED; those of Node and OpenSSL for TLS look otherwise. */
const NETWORK_CODE = /^E(?!RR)/;

/**
 * Connects by TLS with libvirt's own certificates: the daemon must have one of the same authority with its host's name
 * in it, and accept ours.
 *
 * @throws {LibvirtCallError} auth: a certificate is missing, wrong or refused; no socket; at the deadline, its reason
 */
export async function connectTls(target: TlsTarget, deadline: AbortSignal): Promise<TLSSocket> {
  const { host, port, pki } = target;
  const credentials = await untilAborted(readCredentials(target), deadline);
  // an address is no server name, and is compared with the certificate's addresses all the same
  const servername = isIP(host) === 0 ? host : "";
  let socket: TLSSocket;
  try {
    socket = connect({
      ...credentials,
      host,
      port,
      servername,
      minVersion: "TLSv1.2",
      rejectUnauthorized: true,
    });
  } catch (error) {
    throw new LibvirtCallError(
      "auth",
      `${files(pki)} cannot be used for ${targetName(target)}: ${wordsOf(error)}`,
      {
        cause: error,
      },
    );
  }
  socket.setNoDelay(true);
  return accepted(socket, target, deadline);
}

/** Waits until each side has accepted the other. */
function accepted(socket: TLSSocket, target: TlsTarget, deadline: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let encrypted = false;
    const fail = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const abort = (): void => fail(deadline.reason);
    const secured = (): void => {
      encrypted = true;
    };
    const broken = (error: Error): void => fail(encrypted ? refused(target, error) : failure(target, error));
    const ended = (): void => broken(new Error("it hung up"));
    const readable = (): void => {
      const answer: unknown = socket.read(1);
      if (answer === null) return;
      if (!(answer instanceof Buffer) || answer[0] !== ACCEPTED) return ended();
      settle();
      resolve(socket);
    };
    const listeners = { secureConnect: secured, readable, error: broken, end: ended, close: ended };
    const settle = (): void => {
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener);
      deadline.removeEventListener("abort", abort);
      socket.on("error", () => undefined); // one that comes late, or to whoever takes the socket
    };
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
    deadline.addEventListener("abort", abort, { once: true });
  });
}

/** The daemon's certificate does not do, or nobody speaks TLS there, or the way is cut. */
function failure(target: TlsTarget, error: Error): LibvirtCallError {
  const code = codeOf(error);
  if (code === undefined || NETWORK_CODE.test(code)) return unreachable(targetName(target), error);
  const words =
    `the daemon at ${targetName(target)} cannot be trusted: ${wordsOf(error)}: ` +
    `its certificate must be valid, signed by ${target.pki.ca}, and made for the name "${target.host}"`;
  return new LibvirtCallError("auth", words, { cause: error });
}

/** In TLS 1.3 the client is through with its part before the server has looked at its certificate. */
function refused(target: TlsTarget, error: Error): LibvirtCallError {
  const words =
    `the daemon at ${targetName(target)} refuses this host's certificate (${wordsOf(error)}): ` +
    `${target.pki.cert} must be valid, signed by the daemon's authority, and allowed by its tls_allowed_dn_list`;
  return new LibvirtCallError("auth", words, { cause: error });
}

/** As libvirt's library: the authority's certificate must be there, a client's own may be missing, a list of revoked ones too. */
async function readCredentials({ pki }: TlsTarget): Promise<Credentials> {
  const ca = await content(pki.ca);
  if (ca === undefined) {
    throw new LibvirtCallError(
      "auth",
      `${pki.ca} does not exist: TLS needs the certificate of libvirt's authority there`,
    );
  }
  const [crl, cert, key] = [await content(pki.crl), await content(pki.cert), await content(pki.key)];
  if ((cert === undefined) !== (key === undefined)) {
    throw new LibvirtCallError("auth", `only one of ${pki.cert} and ${pki.key} exists: TLS needs both`);
  }
  return {
    ca,
    ...(crl === undefined ? {} : { crl }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

async function content(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new LibvirtCallError("auth", `${path} cannot be read: ${wordsOf(error)}`, { cause: error });
  }
}

/** Files cannot be given up: on storage that hangs, the reading goes on without us. */
function untilAborted<T>(work: Promise<T>, deadline: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      reject(deadline.reason instanceof Error ? deadline.reason : new Error("given up"));
    deadline.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => deadline.removeEventListener("abort", abort));
  });
}

function files({ ca, cert, key }: PkiFiles): string {
  return `${ca}, ${cert} and ${key}`;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** OpenSSL's errors name its own source files; what an operator needs is their reason. */
function wordsOf(error: unknown): string {
  if (error instanceof Error && "reason" in error && typeof error.reason === "string") return error.reason;
  return error instanceof Error ? error.message : String(error);
}

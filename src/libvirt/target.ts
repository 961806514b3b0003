import { isIPv4, isIPv6 } from "node:net";
import { join } from "node:path";
import { LibvirtCallError } from "./errors.ts";
import { unixSockets } from "./sockets.ts";

/** A daemon on this host: the sockets to try, in order. */
export type UnixTarget = { transport: "unix"; driverUri: string; sockets: readonly string[] };

/** A daemon behind an unencrypted TCP port. */
export type TcpTarget = { transport: "tcp"; driverUri: string; host: string; port: number };

/** PEM files: the authority, its list of revoked certificates, and the client's own. */
export type PkiFiles = { ca: string; crl: string; cert: string; key: string };

/** A daemon behind a TLS port. */
export type TlsTarget = { transport: "tls"; driverUri: string; host: string; port: number; pki: PkiFiles };

/** Where a URI leads, and the name of the driver for the daemon there. */
export type Target = UnixTarget | TcpTarget | TlsTarget;

/** What a URI is made of. `host` is without brackets, empty for this host. */
type Parts = {
  uri: string;
  driver: string;
  transport: string;
  user: string;
  host: string;
  port: string;
  path: string;
  params: URLSearchParams;
};

const URI = /^([a-z0-9]+)(?:\+([a-z0-9]+))?:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i;
const AUTHORITY = /^(?:([^@]*)@)?(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/;

/** Longer, or other characters, cannot be a host's name. Source: RFC 1123, and the underscore that is in use. */
const HOST_NAME = /^[a-z0-9_](?:[a-z0-9._-]{0,252})$/i;

/** Source: libvirtd.conf, tcp_port and tls_port. */
const PORT = { tcp: 16_509, tls: 16_514 } as const;

/** Source: virnettlscontext.c, LIBVIRT_CACERT and its siblings. */
const SYSTEM_PKI: PkiFiles = {
  ca: "/etc/pki/CA/cacert.pem",
  crl: "/etc/pki/CA/cacrl.pem",
  cert: "/etc/pki/libvirt/clientcert.pem",
  key: "/etc/pki/libvirt/private/clientkey.pem",
};

/**
 * What libvirt's own library keeps for itself of a URI's parameters. One that a transport here does not know is refused:
 * to leave it out could open something else than was meant.
 *
 * Source: remote_driver.c, doRemoteOpen.
 */
const LIBRARY_PARAMS = [
  "name",
  "command",
  "socket",
  "auth",
  "authfile",
  "sshauth",
  "netcat",
  "keyfile",
  "pkipath",
  "known_hosts",
  "known_hosts_verify",
  "tls_priority",
  "mode",
  "proxy",
  "no_sanity",
  "no_verify",
  "no_tty",
] as const;

type LibraryParam = (typeof LIBRARY_PARAMS)[number];

/**
 * Finds where a URI leads, as libvirt's own library does: without a host to this host's Unix sockets, else by the
 * transport that it names, which is TLS by default.
 *
 * @param readOnly chooses the sockets that allow no changes, where there are such
 * @throws {LibvirtCallError} argument: not a URI, a transport that is not supported, or a part of it that cannot be right
 */
export function findTarget(uri: string, readOnly: boolean): Target {
  const parts = partsOf(uri);
  switch (parts.transport) {
    case "unix":
      return unixTarget(parts, readOnly);
    case "tcp":
      return { transport: "tcp", ...networkTarget(parts, PORT.tcp, []) };
    case "tls":
      return { transport: "tls", ...networkTarget(parts, PORT.tls, ["pkipath"]), pki: pkiOf(parts) };
    default:
      throw wrong(parts, `the transport "${parts.transport}" is not supported: unix, tcp or tls`);
  }
}

/** A target in words, for messages: the transport, and whom it leads to. */
export function targetName(target: Target): string {
  if (target.transport === "unix") return target.sockets.join(", ");
  const { transport, host, port } = target;
  return `${transport} ${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function partsOf(uri: string): Parts {
  const found = URI.exec(uri);
  const [, driver = "", named, authority = "", path = "", query = ""] = found ?? [];
  const transport = named ?? (authority === "" ? "unix" : "tls");
  const [whole, user = "", bracketed = "", port = ""] = AUTHORITY.exec(authority) ?? [];
  if (found === null || whole === undefined)
    throw new LibvirtCallError("argument", `"${uri}" is not a libvirt URI`);
  const host = bracketed.replace(/^\[(.*)\]$/, "$1");
  const parts = { uri, driver, transport: transport.toLowerCase(), user, host, port, path };
  return { ...parts, params: new URLSearchParams(query) };
}

function unixTarget(parts: Parts, readOnly: boolean): UnixTarget {
  const { driver, path, params, host, user, port } = parts;
  if (host !== "" || user !== "" || port !== "") {
    throw wrong(parts, "a Unix socket is on this host: no other can be named");
  }
  const [socket, mode] = [params.get("socket"), params.get("mode") ?? "auto"];
  const sockets = socket === null ? unixSockets({ driver, path, mode, readOnly }) : [socket];
  return { transport: "unix", driverUri: driverUri(parts, ["socket", "mode"]), sockets };
}

function networkTarget(
  parts: Parts,
  port: number,
  params: readonly LibraryParam[],
): { driverUri: string; host: string; port: number } {
  refuseParams(parts, params);
  if (parts.user !== "") throw wrong(parts, `the transport ${parts.transport} knows no user`);
  return {
    driverUri: driverUri(parts, params),
    host: checkedHost(parts),
    port: checkedPort(parts) ?? port,
  };
}

/** Source: virnettlscontext.c, virNetTLSContextLocateCredentials. */
function pkiOf(parts: Parts): PkiFiles {
  const folder = checkedPath(parts, "pkipath");
  if (folder === undefined) return SYSTEM_PKI;
  const file = (name: string): string => join(folder, name);
  return {
    ca: file("cacert.pem"),
    crl: file("cacrl.pem"),
    cert: file("clientcert.pem"),
    key: file("clientkey.pem"),
  };
}

function checkedPath(parts: Parts, name: LibraryParam): string | undefined {
  const path = parts.params.get(name);
  if (path === null) return undefined;
  if (path.startsWith("/") && !path.includes("\0")) return path;
  throw wrong(parts, `${name} must be an absolute path`);
}

/** The URI that the daemon itself opens: without the way to it. */
function driverUri({ driver, path, params }: Parts, own: readonly LibraryParam[]): string {
  const passedOn = new URLSearchParams(params);
  for (const name of own) passedOn.delete(name);
  return `${driver}://${path}${passedOn.size === 0 ? "" : `?${passedOn.toString()}`}`;
}

function refuseParams(parts: Parts, known: readonly LibraryParam[]): void {
  const unknown = LIBRARY_PARAMS.find((name) => parts.params.has(name) && !known.includes(name));
  if (unknown === undefined) return;
  throw wrong(parts, `the parameter "${unknown}" is not supported with the transport ${parts.transport}`);
}

function checkedHost(parts: Parts): string {
  const { host } = parts;
  if (isIPv4(host) || isIPv6(host) || HOST_NAME.test(host)) return host;
  throw wrong(parts, host === "" ? "it names no host" : `"${host}" cannot be the name of a host`);
}

function checkedPort(parts: Parts): number | undefined {
  if (parts.port === "") return undefined;
  const port = Number(parts.port);
  if (port < 1 || port > 65_535) throw wrong(parts, `${parts.port} is no port`);
  return port;
}

function wrong({ uri }: Parts, why: string): LibvirtCallError {
  return new LibvirtCallError("argument", `"${uri}" cannot be opened: ${why}`);
}

import { isIPv6 } from "node:net";
import { join } from "node:path";
import { checkSocketPath, unixSockets } from "./sockets.ts";
import {
  checkedHost,
  checkedPath,
  checkedPort,
  driverUri,
  type LibraryParam,
  plainPath,
  refuseParams,
  type UriParts,
  uriParts,
  wrong,
} from "./uri.ts";

/** A daemon on this host: the sockets to try, in order. */
export type UnixTarget = { transport: "unix"; driverUri: string; sockets: readonly string[] };

/** A daemon behind an unencrypted TCP port. */
export type TcpTarget = { transport: "tcp"; driverUri: string; host: string; port: number };

/** PEM files: the authority, its list of revoked certificates, and the client's own. */
export type PkiFiles = { ca: string; crl: string; cert: string; key: string };

/** A daemon behind a TLS port. */
export type TlsTarget = { transport: "tls"; driverUri: string; host: string; port: number; pki: PkiFiles };

/**
 * A daemon behind ssh. `helperUri` is for libvirt's own helper there, where it can find the daemon; `sockets` are tried
 * in order without it. What is undefined is left to ssh's own configuration.
 */
export type SshTarget = {
  transport: "ssh";
  driverUri: string;
  host: string;
  port: number | undefined;
  user: string | undefined;
  keyFile: string | undefined;
  knownHosts: string | undefined;
  helperUri: string | undefined;
  sockets: readonly string[];
  readOnly: boolean;
};

/** Where a URI leads, and the name of the driver for the daemon there. */
export type Target = UnixTarget | TcpTarget | TlsTarget | SshTarget;

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
 * Finds where a URI leads, as libvirt's own library does: without a host to this host's Unix sockets, else by the
 * transport that it names, which is TLS by default.
 *
 * @param readOnly chooses the sockets that allow no changes, where there are such
 * @throws {LibvirtCallError} argument: not a URI, a transport that is not supported, or a part of it that cannot be right
 */
export function findTarget(uri: string, readOnly: boolean): Target {
  const parts = uriParts(uri);
  switch (parts.transport) {
    case "unix":
      return unixTarget(parts, readOnly);
    case "tcp":
      return { transport: "tcp", ...networkTarget(parts, PORT.tcp, []) };
    case "tls":
      return { transport: "tls", ...networkTarget(parts, PORT.tls, ["pkipath"]), pki: pkiOf(parts) };
    case "ssh":
      return sshTarget(parts, readOnly);
    default:
      throw wrong(parts, `the transport "${parts.transport}" is not supported: unix, tcp, tls or ssh`);
  }
}

/** A target in words, for messages: the transport, and whom it leads to. */
export function targetName(target: Target): string {
  if (target.transport === "unix") return target.sockets.join(", ");
  const { transport, host, port } = target;
  const user = target.transport === "ssh" && target.user !== undefined ? `${target.user}@` : "";
  return `${transport} ${user}${isIPv6(host) ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`;
}

function unixTarget(parts: UriParts, readOnly: boolean): UnixTarget {
  const { driver, path, params, host, user, port } = parts;
  if (host !== "" || user !== "" || port !== "") {
    throw wrong(parts, "a Unix socket is on this host: no other can be named");
  }
  const [socket, mode] = [params.get("socket"), params.get("mode") ?? "auto"];
  if (socket !== null) checkSocketPath(socket);
  const sockets = socket === null ? unixSockets({ driver, path, mode, readOnly }) : [socket];
  return { transport: "unix", driverUri: driverUri(parts, ["socket", "mode"]), sockets };
}

function networkTarget(
  parts: UriParts,
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

/** What the other host's shell takes for nothing of its own. */
const PLAIN_URI = /^[a-z0-9:/?&=.,_%+-]+$/i;
const USER = /^[a-z_][a-z0-9._-]{0,63}$/i;

function sshTarget(parts: UriParts, readOnly: boolean): SshTarget {
  const own = ["socket", "mode", "keyfile", "known_hosts"] as const;
  refuseParams(parts, own);
  const { driver, path, params, user } = parts;
  if (user !== "" && !USER.test(user))
    throw wrong(parts, "what stands before the @ cannot be the name of a user");
  const mode = params.get("mode");
  const [socket, keyFile, knownHosts] = [
    plainPath(parts, "socket"),
    plainPath(parts, "keyfile"),
    plainPath(parts, "known_hosts"),
  ];
  if (path === "/session" && socket === undefined)
    throw wrong(parts, "a session's daemon there needs its socket");
  if (socket !== undefined) checkSocketPath(socket);
  const sockets =
    socket === undefined ? unixSockets({ driver, path, mode: mode ?? "auto", readOnly }) : [socket];
  const uri = driverUri(parts, own);
  const helperUri = socket === undefined && mode === null ? uri : undefined;
  if (helperUri !== undefined && !PLAIN_URI.test(helperUri))
    throw wrong(parts, "its parameters are not plain");
  return {
    transport: "ssh",
    driverUri: uri,
    host: checkedHost(parts),
    port: checkedPort(parts),
    user: user === "" ? undefined : user,
    keyFile,
    knownHosts,
    helperUri,
    sockets,
    readOnly,
  };
}

/** Source: virnettlscontext.c, virNetTLSContextLocateCredentials. */
function pkiOf(parts: UriParts): PkiFiles {
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

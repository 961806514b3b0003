import { isIPv4, isIPv6 } from "node:net";
import { LibvirtCallError } from "./errors.ts";

/** What a URI is made of. `host` is without brackets, empty for this host. */
export type UriParts = {
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

/** A parameter that libvirt's own library obeys. */
export type LibraryParam = (typeof LIBRARY_PARAMS)[number];

/** What goes through ssh's own expansions or a shell on the other host: only what neither takes for its own. */
const PLAIN_PATH = /^\/[a-z0-9._/+@-]+$/i;

/**
 * Takes a libvirt URI apart. Without a host it is local, with one and without a transport it is TLS, as for libvirt.
 *
 * @throws {LibvirtCallError} argument: it is none
 */
export function uriParts(uri: string): UriParts {
  const found = URI.exec(uri);
  const [, driver = "", named, authority = "", path = "", query = ""] = found ?? [];
  const transport = named ?? (authority === "" ? "unix" : "tls");
  const [whole, user = "", bracketed = "", port = ""] = AUTHORITY.exec(authority) ?? [];
  if (found === null || whole === undefined)
    throw new LibvirtCallError("argument", `"${shown(uri)}" is not a libvirt URI`);
  const host = bracketed.replace(/^\[(.*)\]$/, "$1");
  const parts = { uri, driver, transport: transport.toLowerCase(), user, host, port, path };
  return { ...parts, params: new URLSearchParams(query) };
}

/** The value of a parameter that is a path without anything that ssh or a shell takes for its own. */
export function plainPath(parts: UriParts, name: LibraryParam): string | undefined {
  const path = checkedPath(parts, name);
  if (path === undefined || PLAIN_PATH.test(path)) return path;
  throw wrong(parts, `${name} may have letters, digits and ._/+@- only`);
}

/** The value of a parameter that is an absolute path; undefined when the URI does not have it. */
export function checkedPath(parts: UriParts, name: LibraryParam): string | undefined {
  const path = parts.params.get(name);
  if (path === null) return undefined;
  if (path.startsWith("/") && !path.includes("\0")) return path;
  throw wrong(parts, `${name} must be an absolute path`);
}

/** The URI that the daemon itself opens: without the way to it. */
export function driverUri({ driver, path, params }: UriParts, own: readonly LibraryParam[]): string {
  const passedOn = new URLSearchParams(params);
  for (const name of own) passedOn.delete(name);
  return `${driver}://${path}${passedOn.size === 0 ? "" : `?${passedOn.toString()}`}`;
}

/** Refuses what the library would obey and this transport does not know. */
export function refuseParams(parts: UriParts, known: readonly LibraryParam[]): void {
  const unknown = LIBRARY_PARAMS.find((name) => parts.params.has(name) && !known.includes(name));
  if (unknown === undefined) return;
  throw wrong(parts, `the parameter "${unknown}" is not supported with the transport ${parts.transport}`);
}

/** The host's name or address: nothing else gets through. */
export function checkedHost(parts: UriParts): string {
  const { host } = parts;
  if (isIPv4(host) || isIPv6(host) || HOST_NAME.test(host)) return host;
  throw wrong(parts, host === "" ? "it names no host" : `"${host}" cannot be the name of a host`);
}

/** The port; undefined when the URI names none. */
export function checkedPort(parts: UriParts): number | undefined {
  if (parts.port === "") return undefined;
  const port = Number(parts.port);
  if (port < 1 || port > 65_535) throw wrong(parts, `${parts.port} is no port`);
  return port;
}

/** The error of a URI that cannot be opened. */
export function wrong({ uri }: UriParts, why: string): LibvirtCallError {
  return new LibvirtCallError("argument", `"${shown(uri)}" cannot be opened: ${why}`);
}

/** Before an @ somebody may have put a password, which belongs into no message. */
function shown(uri: string): string {
  return uri.replace(/\/\/.*@/, "//...@");
}

import { AgentError } from "../agent-error.ts";

/** Where an engine's API is looked for. */
export interface RhevmUrl {
  /** scheme, host and port, nothing else */
  readonly origin: string;
  /** Path of the API, where the URL names one; undefined: it is looked for. */
  readonly root: string | undefined;
}

/**
 * What makes the engine's certificate acceptable.
 *
 * - `system`: an authority that this host trusts, and the host's name in it
 * - `ca file`: an authority in this file (PEM), and the host's name in it; read anew for each connection
 * - `fingerprints`: it is one of these certificates; who signed it and what name it has does not count, its dates do
 */
export type Trust =
  | { readonly kind: "system" }
  | { readonly kind: "ca file"; readonly path: string }
  | { readonly kind: "fingerprints"; readonly sha256: readonly string[] };

/** How one engine is reached. The password is never part of this. */
export interface RhevmSettings {
  readonly url: RhevmUrl;
  /** `name@domain` */
  readonly user: string;
  readonly auth: "basic" | "oauth";
  readonly trust: Trust;
  /** milliseconds for a connection with its TLS handshake */
  readonly connectMs: number;
  /** milliseconds for a request with its whole answer */
  readonly answerMs: number;
  /** The largest answer that is read. */
  readonly answerBytes: number;
  /** After so many minutes without a request the engine ends the session: what a killed daemon leaves behind. */
  readonly sessionMinutes: number;
}

/** What suits an engine in the same data centre. */
export const RHEVM_LIMITS = {
  connectMs: 5000,
  answerMs: 10_000,
  answerBytes: 4_194_304,
  sessionMinutes: 5,
} as const;

/**
 * Reads the URL of an engine: https only, and no password in it.
 *
 * @param attribute names it in messages
 * @throws {AgentError} BAD_ATTRIBUTE; the URL itself is not shown where it may hold a password
 */
export function parseRhevmUrl(text: string, attribute = "RHEVMInfo URL"): RhevmUrl {
  const refuse = (rule: string) => new AgentError("BAD_ATTRIBUTE", `${attribute}: ${rule}`);
  const example = "such as https://rhevm.example.com:443";
  if (!URL.canParse(text)) throw refuse(`is no URL ${example}`);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") throw refuse("must not hold a user or a password");
  if (url.protocol === "http:")
    throw refuse(`must begin with https://: over http:// the password could be read by others`);
  if (url.protocol !== "https:") throw refuse(`must begin with https://, ${example}`);
  if (url.search !== "" || url.hash !== "") throw refuse(`must end after the host and port, ${example}`);
  const path = url.pathname.replace(/\/+$/, "");
  if (!/^[/\w.~-]*$/.test(path)) throw refuse("has a path that cannot be one of the API");
  return { origin: url.origin, root: path === "" ? undefined : path };
}

/**
 * Reads the SHA-256 fingerprint of a certificate as openssl, browsers and RHEV-M print it.
 *
 * @returns 32 bytes in capital hexadecimal digits, with colons between
 * @throws {AgentError} BAD_ATTRIBUTE
 */
export function parseFingerprint(text: string): string {
  const digits = text.replace(/^\s*sha-?256(\s+fingerprint)?\s*[:=\s]/i, "").replaceAll(/[\s:]/g, "");
  if (!/^[0-9a-fA-F]{64}$/.test(digits))
    throw new AgentError(
      "BAD_ATTRIBUTE",
      "rhev.fingerprints: each must be the SHA-256 fingerprint of a certificate: 64 hexadecimal digits, colons allowed",
    );
  return (digits.toUpperCase().match(/../g) ?? []).join(":");
}

/**
 * Checks the user's name.
 *
 * @throws {AgentError} BAD_ATTRIBUTE: HTTP's Basic authentication cannot carry a colon in it
 */
export function parseUser(text: string): string {
  if (/^[^:\p{Cc}]+@[^:\p{Cc}]+$/u.test(text)) return text;
  throw new AgentError(
    "BAD_ATTRIBUTE",
    "RHEVMInfo User: must be a name with its domain, such as admin@internal, without a colon",
  );
}

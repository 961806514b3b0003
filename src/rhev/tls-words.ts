import { AgentError } from "../agent-error.ts";

/** Where an engine offers the certificate of its own authority. Source: oVirt engine 3.5 and later, pki-resource. */
const CA_PATH = "/ovirt-engine/services/pki-resource?resource=ca-certificate&format=X509-PEM-CA";

const UNKNOWN_SIGNER =
  "is signed by an authority that is not trusted here: take the engine's CA certificate from its administrator, or from {origin}{ca} and compare it with the one on the engine itself; put it into a file and name that in rhev.caFile, or pin the engine's certificate in rhev.fingerprints";

/** Codes of Node for certificates that are not accepted, in words. Source: Node.js, tls, "X509 certificate error codes". */
const CERTIFICATE_WORDS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "is signed by itself: if it is the engine's own, pin it in rhev.fingerprints or name it in rhev.caFile",
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_SIGNER,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_SIGNER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_SIGNER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_SIGNER,
  CERT_UNTRUSTED: UNKNOWN_SIGNER,
  CERT_SIGNATURE_FAILURE:
    "does not match the authority in rhev.caFile: the engine's authority may have been renewed",
  CERT_HAS_EXPIRED:
    "has expired, or one of its authorities has: renew it on the engine, or set this host's clock",
  CERT_NOT_YET_VALID: "is not valid yet: compare the clocks of this host and of the engine",
  CERT_REVOKED: "has been revoked",
  INVALID_CA: "is signed by what is no authority: see rhev.caFile",
  INVALID_PURPOSE: "is not made for a server",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "is made for another host name: use the engine's full name as in its certificate in RHEVMInfo URL",
};

/** The refusal of a certificate, with what to do about it. */
export function untrusted(origin: string, words: string, cause?: unknown): AgentError {
  const text = words.replace("{origin}", origin).replace("{ca}", CA_PATH);
  return new AgentError("UNTRUSTED", `${origin}: its certificate ${text}`, { cause });
}

/** What a failed connection means. Nothing was sent over it. */
export function connectErrorOf(error: Error, origin: string): AgentError {
  const code = "code" in error ? String(error.code) : "";
  const certificate = Object.hasOwn(CERTIFICATE_WORDS, code) ? CERTIFICATE_WORDS[code] : undefined;
  if (certificate !== undefined) return untrusted(origin, certificate, error);
  if (code === "UND_ERR_CONNECT_TIMEOUT")
    return new AgentError("PLATFORM_DOWN", `${origin}: no connection in time`, { cause: error });
  if (code === "EPROTO" || code.startsWith("ERR_SSL_"))
    return new AgentError(
      "PLATFORM_DOWN",
      `${origin}: no TLS connection (${code}): is it the port of RHEV-M's https?`,
      { cause: error },
    );
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return new AgentError("PLATFORM_DOWN", `${origin}: its name cannot be resolved (${code})`, {
      cause: error,
    });
  return new AgentError("PLATFORM_DOWN", `${origin}: cannot be reached (${code || error.message})`, {
    cause: error,
  });
}

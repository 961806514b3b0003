import { readFileSync } from "node:fs";
import { TLSSocket } from "node:tls";
import { buildConnector } from "undici";
import { AgentError, messageOf } from "../agent-error.ts";
import type { Trust } from "./settings.ts";
import { systemAuthorities } from "./system-authorities.ts";
import { connectErrorOf, untrusted } from "./tls-words.ts";

/** Marks a failure before anything was sent: whatever was asked has not been done. */
export class ConnectFailure extends Error {
  readonly reason: AgentError;

  constructor(reason: AgentError) {
    super(reason.message, { cause: reason });
    this.reason = reason;
  }
}

/**
 * Opens TLS connections and hands out only those whose certificate is acceptable.
 *
 * What a certificate's authority file holds is read anew for each connection, and no TLS session is resumed: a change of
 * either takes effect at once.
 */
export function trustedConnector(origin: string, trust: Trust, connectMs: number): buildConnector.connector {
  return (options, callback) => {
    let connect: buildConnector.connector;
    try {
      connect = buildConnector({ ...tlsOptions(trust), timeout: connectMs, maxCachedSessions: 0 });
    } catch (error) {
      callback(new ConnectFailure(unusable(trust, error)), null);
      return;
    }
    connect(options, (error, socket) => {
      const reason = error === null ? refusalOf(socket, origin, trust) : connectErrorOf(error, origin);
      if (reason === undefined && socket !== null) {
        callback(null, socket);
        return;
      }
      socket?.destroy();
      callback(new ConnectFailure(reason ?? new AgentError("PLATFORM_DOWN", `${origin}: no socket`)), null);
    });
  };
}

/** A pinned certificate is compared before anything is sent; its authority and name may then be any. */
function tlsOptions(trust: Trust): { ca?: string; rejectUnauthorized: boolean } {
  switch (trust.kind) {
    case "system": {
      const ca = systemAuthorities();
      return ca === undefined ? { rejectUnauthorized: true } : { ca, rejectUnauthorized: true };
    }
    case "ca file":
      return { ca: authorities(trust.path), rejectUnauthorized: true };
    case "fingerprints":
      return { rejectUnauthorized: false };
  }
}

/** Node ignores what is no certificate; then nothing would be trusted, and the reason would be hard to see. */
function authorities(path: string): string {
  const text = readFileSync(path, "utf8");
  if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new Error("it holds no certificate (PEM)");
  return text;
}

function refusalOf(socket: unknown, origin: string, trust: Trust): AgentError | undefined {
  if (!(socket instanceof TLSSocket)) return new AgentError("PLATFORM_DOWN", `${origin}: no TLS connection`);
  if (trust.kind !== "fingerprints")
    return socket.authorized ? undefined : untrusted(origin, "was not accepted");
  const { fingerprint256, valid_from: from, valid_to: to } = socket.getPeerCertificate();
  if (!trust.sha256.includes(fingerprint256))
    return untrusted(
      origin,
      `has the fingerprint ${fingerprint256}, which is not in rhev.fingerprints: if it was renewed, compare it with the one on the engine itself and pin it`,
    );
  const now = Date.now();
  if (!(now <= Date.parse(to)))
    return untrusted(origin, `is pinned but has expired (${to}): renew it on the engine`);
  if (!(now >= Date.parse(from)))
    return untrusted(origin, `is pinned but not valid yet (${from}): compare the clocks`);
  return undefined;
}

function unusable(trust: Trust, error: unknown): AgentError {
  const what = trust.kind === "ca file" ? `rhev.caFile ${trust.path}` : "the TLS settings";
  return new AgentError("BAD_ATTRIBUTE", `${what}: cannot be used: ${messageOf(error)}`, { cause: error });
}

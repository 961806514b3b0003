import { readFileSync } from "node:fs";

/** Where systems keep the authorities that they trust, in one file. Source: Red Hat, Debian, and SUSE, ca-certificates. */
const BUNDLES = [
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/ssl/ca-bundle.pem",
] as const;

/**
 * The authorities that this host trusts (PEM), read anew at each call; undefined where it keeps none in a known place:
 * then those that come with Node.js serve.
 */
export function systemAuthorities(files: readonly string[] = BUNDLES): string | undefined {
  for (const file of files) {
    try {
      const text = readFileSync(file, "utf8");
      if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
    } catch {
      // this system keeps them elsewhere
    }
  }
  return undefined;
}

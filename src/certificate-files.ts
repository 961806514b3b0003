import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { messageOf } from "./agent-error.ts";

/** A certificate that ends within so many days is worth a warning. */
const WARN_DAYS = 30;

const DAY_MS = 86_400_000;

/** What is wrong with a certificate or its key, and how much it matters. */
export interface CertificateTrouble {
  readonly verdict: "warning" | "problem";
  readonly text: string;
}

/** What a file of certificates holds, or why it cannot be used. */
export type CertificateFile =
  | { readonly kind: "read"; readonly certificates: readonly X509Certificate[] }
  | { readonly kind: "missing" }
  | { readonly kind: "unusable"; readonly why: string };

/** Reads the certificates of a PEM file. Never throws. */
export async function readCertificates(path: string): Promise<CertificateFile> {
  try {
    const text = await readFile(path, "utf8");
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0) return { kind: "unusable", why: "it holds no certificate (PEM)" };
    return { kind: "read", certificates: blocks.map((block) => new X509Certificate(block)) };
  } catch (error) {
    if (isMissing(error)) return { kind: "missing" };
    return { kind: "unusable", why: messageOf(error) };
  }
}

/** What the dates of a certificate say now. */
export function datesTrouble(
  { validFrom, validTo }: Pick<X509Certificate, "validFrom" | "validTo">,
  nowMs: number,
): CertificateTrouble | undefined {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  if (!(nowMs >= from)) return problem(`is not valid before ${validFrom}: compare the clocks`);
  if (!(nowMs <= to)) return problem(`has expired: ${validTo}`);
  const days = Math.floor((to - nowMs) / DAY_MS);
  if (days >= WARN_DAYS) return undefined;
  return { verdict: "warning", text: `expires in ${days} days: ${validTo}` };
}

/** When it ends, for people: `until 2027-05-01`. */
export function untilWords({ validTo }: Pick<X509Certificate, "validTo">): string {
  return `until ${new Date(validTo).toISOString().slice(0, 10)}`;
}

/**
 * What is wrong with a private key: missing, open to others, no key, or of another certificate. The key itself is in no
 * message.
 */
export async function keyTrouble(
  path: string,
  certificate: X509Certificate,
): Promise<CertificateTrouble | undefined> {
  try {
    const [text, { mode }] = [await readFile(path), await stat(path)];
    const key = createPrivateKey(text);
    if (!certificate.checkPrivateKey(key)) return problem(`${path} is not the key of this certificate`);
    if ((mode & 0o007) === 0) return undefined;
    return problem(`${path} can be read by every user: chmod 0600 it, and replace key and certificate`);
  } catch (error) {
    if (isMissing(error)) return problem(`its key ${path} is not there`);
    return problem(
      `its key ${path} cannot be used (${isErrno(error) ? messageOf(error) : "no private key in it"})`,
    );
  }
}

/** Whether one of the authorities has signed it. */
export function isSignedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some((authority) => {
    try {
      return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
    } catch {
      return false; // a key of another kind
    }
  });
}

function problem(text: string): CertificateTrouble {
  return { verdict: "problem", text };
}

function isErrno(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

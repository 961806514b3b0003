import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect } from "node:tls";
import { AgentError, messageOf } from "../../agent-error.ts";
import { datesTrouble, readCertificates, untilWords } from "../../certificate-files.ts";
import { orAbort } from "../../deadline.ts";
import { type Check, type CheckRow, rowsOf } from "../../readiness.ts";
import { parseRhevmUrl, type Trust } from "../settings.ts";

/** How long do the engine's certificate and the authority that is trusted here last? Whether it is accepted shows at the log-in. */
export function engineCertificateCheck(url: string, trust: Trust, now: () => number = Date.now): Check {
  return {
    name: "RHEV-M certificate",
    about: url,
    async look(signal) {
      const rows = [...(await authorityRows(trust, now())), await ownRow(url, now(), signal)];
      return rows;
    },
  };
}

async function ownRow(url: string, nowMs: number, signal: AbortSignal): Promise<CheckRow> {
  const row = rowsOf("RHEV-M certificate", url);
  try {
    const certificate = await certificateOf(new URL(parseRhevmUrl(url).origin), signal);
    const trouble = datesTrouble(certificate, nowMs);
    if (trouble === undefined) return row.ok(`its certificate is valid ${untilWords(certificate)}`);
    return row[trouble.verdict](
      `its certificate ${trouble.text}`,
      "renew it on the engine: engine-setup offers it; with rhev.fingerprints, pin the new one too",
    );
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return row.notChecked(messageOf(error));
  }
}

async function authorityRows(trust: Trust, nowMs: number): Promise<readonly CheckRow[]> {
  if (trust.kind !== "ca file") return [];
  const row = rowsOf("RHEV-M certificate", trust.path);
  const remedy = 'fetch the authority\'s certificate: docs/vcs-setup.md, "Certificate"';
  const file = await readCertificates(trust.path);
  if (file.kind === "missing") return [row.problem("rhev.caFile is not there", remedy)];
  if (file.kind === "unusable") return [row.problem(`rhev.caFile cannot be used: ${file.why}`, remedy)];
  return file.certificates.flatMap((certificate) => {
    const trouble = datesTrouble(certificate, nowMs);
    return trouble === undefined
      ? []
      : [row[trouble.verdict](`a certificate in rhev.caFile ${trouble.text}`, remedy)];
  });
}

/** Only the handshake is made: whoever answers is shown nothing, so that it need not be trusted. */
async function certificateOf(origin: URL, signal: AbortSignal): Promise<X509Certificate> {
  const host = origin.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = origin.port === "" ? 443 : Number(origin.port);
  const servername = isIP(host) === 0 ? host : "";
  const socket = connect({ host, port, servername, rejectUnauthorized: false });
  const shown = new Promise<X509Certificate>((resolve, reject) => {
    const fail = (words: string) => reject(new AgentError("PLATFORM_DOWN", `${origin.origin}: ${words}`));
    socket.once("secureConnect", () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) fail("it shows no certificate");
      else resolve(certificate);
    });
    socket.once("error", (error: Error) => fail(error.message));
  });
  try {
    return await orAbort(shown, signal);
  } finally {
    socket.on("error", () => undefined); // one that comes late
    socket.destroy();
  }
}

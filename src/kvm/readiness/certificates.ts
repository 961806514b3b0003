import { join } from "node:path";
import {
  datesTrouble,
  isSignedBy,
  keyTrouble,
  readCertificates,
  untilWords,
} from "../../certificate-files.ts";
import { findTarget } from "../../libvirt/target.ts";
import { type Check, type CheckRow, rowsOf } from "../../readiness.ts";
import type { Peer } from "./peer.ts";
import { readSettingsFile } from "./settings-file.ts";

/** A certificate that somebody on this host shows, its key, and the authority that the other side trusts. */
interface CertificateUse {
  /** Who shows it and to whom, as a sentence. */
  readonly what: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** libvirt's own client may be let in without one. */
  readonly mayBeMissing: boolean;
}

/** Where libvirt and QEMU look for certificates on this host. */
export interface CertificatePlaces {
  /** Configuration of the daemon that listens for TLS, the first that exists: virtproxyd.conf, libvirtd.conf. */
  readonly daemonFiles: readonly string[];
  readonly qemuFile: string;
  /** Default folder, with cacert.pem and so on below. */
  readonly pki: string;
}

/** As Linux distributions have them. Source: libvirtd.conf and qemu.conf. */
export const SYSTEM_CERTIFICATES: CertificatePlaces = {
  daemonFiles: ["/etc/libvirt/virtproxyd.conf", "/etc/libvirt/libvirtd.conf"],
  qemuFile: "/etc/libvirt/qemu.conf",
  pki: "/etc/pki",
};

export interface CertificateParts {
  readonly peers: readonly Pick<Peer, "system" | "uri">[];
  /** Whether emulators encrypt a guest's memory on its way. */
  readonly encrypts: boolean;
  readonly places: CertificatePlaces;
  readonly now?: () => number;
}

/** Are the certificates in use valid, and for how long? One row for each; none where nothing uses TLS. */
export function certificatesCheck({ peers, encrypts, places, now = Date.now }: CertificateParts): Check {
  const about = "certificates of libvirt";
  return {
    name: "certificates",
    about,
    async look() {
      const clients = clientUses(peers);
      const servers = clients.length > 0 ? [await serverUse(places)] : [];
      const emulators = encrypts ? [await emulatorUse(places)] : [];
      const uses = [...clients, ...servers, ...emulators];
      if (uses.length === 0)
        return [rowsOf("certificates", about).ok("no peer is reached by TLS, and none is in use")];
      const authorities = [...new Set(uses.map(({ ca }) => ca))];
      const rows = [
        ...authorities.map((ca) => authorityRows(ca, now())),
        ...uses.map((use) => ownRows(use, now())),
      ];
      return (await Promise.all(rows)).flat();
    },
  };
}

/** One for each set of files: usually all peers are shown the same. */
function clientUses(peers: CertificateParts["peers"]): readonly CertificateUse[] {
  const uses = new Map<string, CertificateUse>();
  for (const { system, uri } of peers) {
    const target = findTarget(uri, false);
    if (target.transport !== "tls") continue;
    const { ca, cert, key } = target.pki;
    if (uses.has(cert)) continue;
    uses.set(cert, { what: `this host shows it to peer ${system}`, cert, key, ca, mayBeMissing: true });
  }
  return [...uses.values()];
}

async function serverUse({ daemonFiles, pki }: CertificatePlaces): Promise<CertificateUse> {
  const files = await Promise.all(daemonFiles.map(readSettingsFile));
  const settings = files.find((file) => file.size > 0);
  return {
    what: "this host's libvirt shows it to peers that come by TLS",
    cert: settings?.get("cert_file") ?? join(pki, "libvirt/servercert.pem"),
    key: settings?.get("key_file") ?? join(pki, "libvirt/private/serverkey.pem"),
    ca: settings?.get("ca_file") ?? join(pki, "CA/cacert.pem"),
    mayBeMissing: false,
  };
}

/** Source: qemu.conf, migrate_tls_x509_cert_dir and default_tls_x509_cert_dir. */
async function emulatorUse({ qemuFile, pki }: CertificatePlaces): Promise<CertificateUse> {
  const settings = await readSettingsFile(qemuFile);
  const folder =
    settings.get("migrate_tls_x509_cert_dir") ??
    settings.get("default_tls_x509_cert_dir") ??
    join(pki, "libvirt-migrate");
  return {
    what: "emulators show it in encrypted migrations (migration.encrypt)",
    cert: join(folder, "server-cert.pem"),
    key: join(folder, "server-key.pem"),
    ca: join(folder, "ca-cert.pem"),
    mayBeMissing: false,
  };
}

async function ownRows(use: CertificateUse, nowMs: number): Promise<readonly CheckRow[]> {
  const row = rowsOf("certificates", use.cert);
  const remedy = "issue a new one: https://libvirt.org/kbase/tlscerts.html has the steps";
  const [authorities, own] = await Promise.all([readCertificates(use.ca), readCertificates(use.cert)]);
  if (own.kind === "missing") {
    const text = `is not there, and ${use.what}`;
    return [
      use.mayBeMissing
        ? row.warning(`${text} where the daemon asks for one`, remedy)
        : row.problem(text, remedy),
    ];
  }
  if (own.kind === "unusable") return [row.problem(`cannot be used: ${own.why}; ${use.what}`, remedy)];
  const [leaf] = own.certificates;
  if (leaf === undefined) return [];
  const troubles = [datesTrouble(leaf, nowMs), await keyTrouble(use.key, leaf)].filter(
    (one) => one !== undefined,
  );
  if (authorities.kind === "read" && !isSignedBy(leaf, authorities.certificates))
    troubles.push({ verdict: "problem", text: `is not signed by the authority in ${use.ca}` });
  if (troubles.length === 0) return [row.ok(`valid ${untilWords(leaf)}; ${use.what}`)];
  return troubles.map(({ verdict, text }) => row[verdict](`${text}; ${use.what}`, remedy));
}

async function authorityRows(ca: string, nowMs: number): Promise<readonly CheckRow[]> {
  const row = rowsOf("certificates", ca);
  const remedy = "copy the authority's certificate there, the same on all systems";
  const file = await readCertificates(ca);
  if (file.kind === "missing")
    return [row.problem("is not there: nobody's certificate can be verified", remedy)];
  if (file.kind === "unusable") return [row.problem(`cannot be used: ${file.why}`, remedy)];
  return file.certificates.flatMap((certificate) => {
    const trouble = datesTrouble(certificate, nowMs);
    return trouble === undefined
      ? []
      : [row[trouble.verdict](`the authority's certificate ${trouble.text}`, remedy)];
  });
}

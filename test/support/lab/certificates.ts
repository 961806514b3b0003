import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./run.ts";

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;

/** What a certificate says; without a subject alternative name it is good for a client only. */
export interface CertificateOptions {
  readonly commonName: string;
  /** `IP:127.0.0.1,DNS:node2` */
  readonly names?: string;
  /** Days that it is good for; a negative number: it has expired. */
  readonly days?: number;
}

/** A certificate and its key, as PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of a test's own, in a folder. */
export class Authority {
  readonly #folder: string;
  /** PEM file that those need who trust it. */
  readonly cert: string;
  readonly #key: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.cert = join(folder, "cacert.pem");
    this.#key = join(folder, "cakey.pem");
  }

  /** Makes a key and a certificate that this authority signs. */
  async issue({ commonName, names, days = 2 }: CertificateOptions): Promise<CertificateFiles> {
    const file = (ending: string) => join(this.#folder, `${commonName}${ending}`);
    const [cert, key, request, extensions] = [file(".pem"), file("-key.pem"), file(".csr"), file(".ext")];
    const purpose = names === undefined ? "clientAuth" : "serverAuth,clientAuth";
    const lines = [`extendedKeyUsage=${purpose}`, "keyUsage=digitalSignature"];
    if (names !== undefined) lines.push(`subjectAltName=${names}`);
    await writeFile(extensions, `${lines.join("\n")}\n`);
    await run("openssl", ["req", ...KEY, "-subj", `/CN=${commonName}`, "-keyout", key, "-out", request]);
    const signed = ["-CA", this.cert, "-CAkey", this.#key, "-CAcreateserial", "-days", String(days)];
    await run("openssl", ["x509", "-req", "-in", request, ...signed, "-extfile", extensions, "-out", cert]);
    return { cert, key };
  }

  /** Makes the list of revoked certificates that holds this one; returns its file. */
  async revoke({ cert }: CertificateFiles): Promise<string> {
    const [database, config, list] = ["index.txt", "ca.cnf", "cacrl.pem"].map((name) =>
      join(this.#folder, name),
    );
    if (database === undefined || config === undefined || list === undefined) throw new Error("no names");
    await writeFile(database, "");
    await writeFile(
      config,
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${database}\ndefault_md=sha256\ndefault_crl_days=2\n`,
    );
    const own = ["ca", "-config", config, "-cert", this.cert, "-keyfile", this.#key];
    await run("openssl", [...own, "-revoke", cert]);
    await run("openssl", [...own, "-gencrl", "-out", list]);
    return list;
  }
}

/** Makes an authority; the folder is made. */
export async function makeAuthority(folder: string, commonName: string): Promise<Authority> {
  await mkdir(folder, { recursive: true });
  const usage = "keyUsage=critical,keyCertSign,cRLSign";
  const paths = ["-keyout", join(folder, "cakey.pem"), "-out", join(folder, "cacert.pem")];
  await run("openssl", [
    "req",
    "-x509",
    ...KEY,
    "-days",
    "2",
    "-subj",
    `/CN=${commonName}`,
    "-addext",
    usage,
    ...paths,
  ]);
  return new Authority(folder);
}

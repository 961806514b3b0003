import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connection } from "../../src/libvirt/connection.ts";
import { openConnection } from "../../src/libvirt/open.ts";
import { errorOf } from "../support/error-of.ts";
import { type Authority, type CertificateFiles, makeAuthority } from "../support/lab/certificates.ts";
import { freePort } from "../support/lab/free-port.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";

let folder: string;
let ours: Authority;
let foreign: Authority;
let server: CertificateFiles;
let client: CertificateFiles;
let libvirtd: PrivateLibvirtd;
let port: number;

async function listen(certificate: CertificateFiles, ...more: string[]): Promise<[PrivateLibvirtd, number]> {
  const own = await freePort();
  const lines = [
    "listen_tls = 1",
    "listen_tcp = 0",
    'listen_addr = "127.0.0.1"',
    `tls_port = "${own}"`,
    'auth_tls = "none"',
    `cert_file = "${certificate.cert}"`,
    `key_file = "${certificate.key}"`,
    `ca_file = "${ours.cert}"`,
    "tls_no_sanity_certificate = 1", // libvirtd itself would not start with an expired one
    ...more,
  ];
  return [await startLibvirtd({ listens: true, libvirtdConf: lines }), own];
}

/** A folder for `pkipath`. */
async function pki(
  name: string,
  files: { ca?: string; client?: CertificateFiles; crl?: string },
): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  if (files.ca !== undefined) await copyFile(files.ca, join(path, "cacert.pem"));
  if (files.crl !== undefined) await copyFile(files.crl, join(path, "cacrl.pem"));
  if (files.client !== undefined) {
    await copyFile(files.client.cert, join(path, "clientcert.pem"));
    await copyFile(files.client.key, join(path, "clientkey.pem"));
  }
  return path;
}

function open(pkipath: string, host = "127.0.0.1", to = port, openTimeoutMs = 60_000): Promise<Connection> {
  const uri = `qemu+tls://${host}:${to}/system?pkipath=${pkipath}`;
  return openConnection({ uri, openTimeoutMs }, new AbortController().signal);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vkg-tls-"));
  ours = await makeAuthority(join(folder, "ours"), "our authority");
  foreign = await makeAuthority(join(folder, "foreign"), "a foreign authority");
  server = await ours.issue({ commonName: "node2", names: "IP:127.0.0.1,DNS:node2" });
  client = await ours.issue({ commonName: "node1" });
  [libvirtd, port] = await listen(server);
});

afterAll(async () => {
  await libvirtd.stop();
  await rm(folder, { recursive: true });
});

describe("a connection over TLS", () => {
  it("serves calls like one over a Unix socket", async () => {
    const connection = await open(await pki("good", { ca: ours.cert, client }));

    expect(await connection.getType()).toBe("QEMU");
    expect(await connection.getUri()).toBe("qemu:///system");
    await connection.close();
  });

  it("tells when the daemon goes", async () => {
    const connection = await open(await pki("restart", { ca: ours.cert, client }));
    const closed = new Promise((resolve) => {
      connection.events.once("close", resolve);
    });
    await libvirtd.restart();

    expect(await closed).toMatchObject({ kind: "end of file" });
  });

  it("is refused to a daemon whose authority is not ours", async () => {
    const path = await pki("unknown-authority", { ca: foreign.cert, client });

    expect(await errorOf(open(path))).toMatchObject({
      kind: "auth",
      message: `the daemon at tls 127.0.0.1:${port} cannot be trusted: unable to verify the first certificate: its certificate must be valid, signed by ${path}/cacert.pem, and made for the name "127.0.0.1"`,
    });
  });

  it("is refused to a daemon whose certificate is for another name", async () => {
    const error = await errorOf(open(await pki("wrong-name", { ca: ours.cert, client }), "localhost"));

    expect(error).toMatchObject({ kind: "auth", cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" } });
    expect(String(error)).toContain(`tls localhost:${port} cannot be trusted`);
    expect(String(error)).toContain(
      "Host: localhost. is not in the cert's altnames: IP Address:127.0.0.1, DNS:node2",
    );
  });

  it("is refused to a daemon whose certificate has expired", async () => {
    const expired = await ours.issue({ commonName: "old-node2", names: "IP:127.0.0.1", days: -1 });
    const [old, oldPort] = await listen(expired);
    const error = await errorOf(open(await pki("expired", { ca: ours.cert, client }), "127.0.0.1", oldPort));
    await old.stop();

    expect(error).toMatchObject({ kind: "auth", cause: { code: "CERT_HAS_EXPIRED" } });
    expect(String(error)).toContain(
      `the daemon at tls 127.0.0.1:${oldPort} cannot be trusted: certificate has expired`,
    );
  });

  it("is refused to a daemon whose certificate was revoked", async () => {
    const revoked = await ours.issue({ commonName: "stolen-node2", names: "IP:127.0.0.1" });
    const crl = await ours.revoke(revoked);
    const [stolen, stolenPort] = await listen(revoked);
    const path = await pki("revoked", { ca: ours.cert, client, crl });
    const error = await errorOf(open(path, "127.0.0.1", stolenPort));
    await stolen.stop();
    const other = await open(path);
    await other.close();

    expect(error).toMatchObject({ kind: "auth", cause: { code: "CERT_REVOKED" } });
  });

  it.each([
    ["of a foreign authority", () => foreign.issue({ commonName: "stranger" })],
    ["that has expired", () => ours.issue({ commonName: "old-node1", days: -1 })],
  ])("says that the daemon refuses a certificate %s", async (what, issue) => {
    const path = await pki(`client ${what}`, { ca: ours.cert, client: await issue() });
    const error = await errorOf(open(encodeURIComponent(path)));

    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toContain(`the daemon at tls 127.0.0.1:${port} refuses this host's certificate (`);
    expect(String(error)).toContain(`${path}/clientcert.pem must be valid`);
  });

  it("says that the daemon refuses a name that is not on its list", async () => {
    const [strict, strictPort] = await listen(server, 'tls_allowed_dn_list = ["CN=node9"]');
    const error = await errorOf(
      open(await pki("not-listed", { ca: ours.cert, client }), "127.0.0.1", strictPort),
    );
    await strict.stop();

    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toContain("allowed by its tls_allowed_dn_list");
  });

  it("may go without a certificate where the daemon wants none, and is refused where it does", async () => {
    const path = await pki("no-client", { ca: ours.cert });
    const [lax, laxPort] = await listen(server, "tls_no_verify_certificate = 1");
    const connection = await open(path, "127.0.0.1", laxPort);
    expect(await connection.getType()).toBe("QEMU");
    await connection.close();
    await lax.stop();

    expect(await errorOf(open(path))).toMatchObject({ kind: "auth" });
  });

  it("names files that are missing or are no certificates", async () => {
    const nothing = await pki("nothing", {});
    expect(await errorOf(open(nothing))).toMatchObject({
      kind: "auth",
      message: `${nothing}/cacert.pem does not exist: TLS needs the certificate of libvirt's authority there`,
    });

    const half = await pki("half", { ca: ours.cert });
    await copyFile(client.cert, join(half, "clientcert.pem"));
    expect(await errorOf(open(half))).toMatchObject({
      kind: "auth",
      message: `only one of ${half}/clientcert.pem and ${half}/clientkey.pem exists: TLS needs both`,
    });

    const spoilt = await pki("spoilt", { ca: ours.cert, client });
    await writeFile(join(spoilt, "clientkey.pem"), "no key");
    const error = await errorOf(open(spoilt));
    expect(error).toMatchObject({ kind: "auth" });
    expect(String(error)).toContain(`${spoilt}/clientkey.pem cannot be used for tls 127.0.0.1:${port}`);
  });

  it("names host and port where nobody listens", async () => {
    const nobody = await freePort();

    expect(await errorOf(open(await pki("nobody", { ca: ours.cert }), "127.0.0.1", nobody))).toMatchObject({
      kind: "no socket",
      message: `no libvirt daemon is reached at tls 127.0.0.1:${nobody} (ECONNREFUSED)`,
    });
  });

  it("ends at its deadline where somebody listens and says nothing", async () => {
    const silent = createServer();
    const silentPort = await portOf(silent);
    const error = await errorOf(open(await pki("silent", { ca: ours.cert }), "127.0.0.1", silentPort, 100));
    silent.close();

    expect(error).toMatchObject({
      kind: "timed out",
      message: `tls 127.0.0.1:${silentPort} did not open the connection within 100 ms`,
    });
  });

  it("ends at its deadline though the daemon is stopped", async () => {
    const path = await pki("frozen", { ca: ours.cert, client });
    await libvirtd.freeze();
    const error = await errorOf(open(path, "127.0.0.1", port, 100));
    libvirtd.thaw();

    expect(error).toMatchObject({ kind: "timed out" });
  });
});

function portOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port"));
      else resolve(address.port);
    });
  });
}

import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificatesCheck } from "../../../src/kvm/readiness/certificates.ts";
import { locksCheck } from "../../../src/kvm/readiness/locks.ts";
import { wordsOf } from "../../support/fakes/inspected-host.ts";
import { type Authority, type CertificateFiles, makeAuthority } from "../../support/lab/certificates.ts";

const never = new AbortController().signal;
const DAY_MS = 86_400_000;

let folder: string;
let ours: Authority;
let client: CertificateFiles;
let server: CertificateFiles;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "readiness-"));
  ours = await makeAuthority(join(folder, "ours"), "our authority");
  client = await ours.issue({ commonName: "client", days: 2 });
  server = await ours.issue({ commonName: "server", names: "DNS:node1", days: 90 });
});

afterAll(() => rm(folder, { recursive: true }));

let sets = 0;

/** A folder as /etc/pki with these files. */
async function pki({ ca = ours.cert, cert = client.cert, key = client.key } = {}): Promise<string> {
  sets += 1;
  const path = join(folder, `pki${sets}`);
  await mkdir(join(path, "libvirt/private"), { recursive: true });
  await mkdir(join(path, "CA"));
  await copyFile(ca, join(path, "CA/cacert.pem"));
  await copyFile(server.cert, join(path, "libvirt/servercert.pem"));
  await copyFile(server.key, join(path, "libvirt/private/serverkey.pem"));
  await copyFile(ca, join(path, "cacert.pem"));
  await copyFile(cert, join(path, "clientcert.pem"));
  await copyFile(key, join(path, "clientkey.pem"));
  return path;
}

/** What is said with these files, days from now; paths and dates are left out. */
async function said(path: string, days = 0): Promise<readonly string[]> {
  const check = certificatesCheck({
    peers: [{ system: "node2", uri: `qemu+tls://node2/system?pkipath=${path}` }],
    encrypts: false,
    places: { daemonFiles: [join(path, "libvirtd.conf")], qemuFile: join(path, "qemu.conf"), pki: path },
    now: () => Date.now() + days * DAY_MS,
  });
  return (await check.look(never)).map(({ verdict, about, text }) =>
    `${about.replace(`${path}/`, "")}: ${verdict}: ${text}`
      .replaceAll(`${path}/`, "")
      .replace(/\w+ +\d+ [\d:]+ \d{4} GMT/, "DATE")
      .replace(/\d{4}-\d\d-\d\d/, "DAY"),
  );
}

const ofClient = async (set: string) => (await said(set)).filter((text) => text.startsWith("clientcert.pem"));

describe("the check of certificates", () => {
  it("has none to look at where no peer is reached by TLS", async () => {
    const check = certificatesCheck({
      peers: [{ system: "node2", uri: "qemu+ssh://node2/system" }],
      encrypts: false,
      places: { daemonFiles: [], qemuFile: "/nowhere", pki: "/nowhere" },
    });

    expect(wordsOf(await check.look(never))).toEqual(["ok: no peer is reached by TLS, and none is in use"]);
  });

  it("warns of what ends within thirty days", async () => {
    expect(await said(await pki())).toEqual([
      "cacert.pem: warning: the authority's certificate expires in 1 days: DATE",
      "CA/cacert.pem: warning: the authority's certificate expires in 1 days: DATE",
      "clientcert.pem: warning: expires in 1 days: DATE; this host shows it to peer node2",
      "libvirt/servercert.pem: ok: valid DAY; this host's libvirt shows it to peers that come by TLS".replace(
        "valid DAY",
        "valid until DAY",
      ),
    ]);
  });

  it("has a problem with what has expired, or is not valid yet", async () => {
    const path = await pki();

    expect((await said(path, 5))[2]).toBe(
      "clientcert.pem: problem: has expired: DATE; this host shows it to peer node2",
    );
    expect((await said(path, -5))[2]).toBe(
      "clientcert.pem: problem: is not valid before DATE: compare the clocks; this host shows it to peer node2",
    );
  });

  it("has a problem with another authority's certificate, another key, and a key that all can read", async () => {
    const theirs = await makeAuthority(join(folder, "theirs"), "their authority");
    const stranger = await theirs.issue({ commonName: "client", days: 60 });
    const path = await pki({ cert: stranger.cert, key: client.key });
    const open = await pki({ cert: stranger.cert, key: stranger.key });
    await chmod(join(open, "clientkey.pem"), 0o644);

    expect(await ofClient(path)).toEqual([
      "clientcert.pem: problem: clientkey.pem is not the key of this certificate; this host shows it to peer node2",
      "clientcert.pem: problem: is not signed by the authority in cacert.pem; this host shows it to peer node2",
    ]);
    expect(await ofClient(open)).toEqual([
      "clientcert.pem: problem: clientkey.pem can be read by every user: chmod 0600 it, and replace key and certificate; this host shows it to peer node2",
      "clientcert.pem: problem: is not signed by the authority in cacert.pem; this host shows it to peer node2",
    ]);
  });

  it("tells what is missing or no certificate, and shows no key", async () => {
    const path = await pki();
    await rm(join(path, "clientcert.pem"));
    await rm(join(path, "CA/cacert.pem"));
    await writeFile(join(path, "libvirt/private/serverkey.pem"), "SECRET");
    await writeFile(join(path, "cacert.pem"), "nothing");

    expect(await said(path)).toEqual([
      "cacert.pem: problem: cannot be used: it holds no certificate (PEM)",
      "CA/cacert.pem: problem: is not there: nobody's certificate can be verified",
      "clientcert.pem: warning: is not there, and this host shows it to peer node2 where the daemon asks for one",
      "libvirt/servercert.pem: problem: its key libvirt/private/serverkey.pem cannot be used (no private key in it); this host's libvirt shows it to peers that come by TLS",
    ]);
  });

  it("follows the files that libvirtd's own configuration names", async () => {
    const path = await pki();
    await writeFile(join(path, "libvirtd.conf"), '#cert_file = "/x"\ncert_file = "/elsewhere/cert.pem"\n');

    expect((await said(path)).at(-1)).toBe(
      "/elsewhere/cert.pem: problem: is not there, and this host's libvirt shows it to peers that come by TLS",
    );
  });
});

async function saidOfLocks(text: string, hasPeers: boolean, doubleStart: "warn" | "strict" = "warn") {
  const qemuFile = join(folder, "qemu.conf");
  await writeFile(qemuFile, text);
  return wordsOf(await locksCheck({ qemuFile, doubleStart, hasPeers }).look(never));
}

describe("the check of locks", () => {
  it("is content with a lock manager, and with peers that are asked strictly", async () => {
    expect(await saidOfLocks('lock_manager = "sanlock"', false)).toEqual([
      "ok: lock_manager is sanlock: libvirt itself locks disks; no peer is asked before a start (peers is not set)",
    ]);
    expect(await saidOfLocks("", true, "strict")).toEqual([
      "ok: lock_manager is not set, so only QEMU's own locks on image files are there; each start asks the peers first (kvm.doubleStart: strict)",
    ]);
  });

  it("warns where nothing is sure to keep a guest from running twice", async () => {
    expect(await saidOfLocks('#lock_manager = "lockd"', false)).toEqual([
      "warning: lock_manager is not set, so only QEMU's own locks on image files are there, which block devices and some network file systems do not have; no peer is asked before a start (peers is not set)",
    ]);
  });
});

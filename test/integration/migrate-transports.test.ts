import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import type { Host } from "../support/host/host.ts";
import { knownGuest } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { attentiveFiles, tell } from "../support/lab/boot-sector.ts";
import { type Authority, type CertificateFiles, makeAuthority } from "../support/lab/certificates.ts";
import { domainState } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { holdMigrations, letGo } from "../support/lab/hold.ts";
import { type Sshd, startSshd } from "../support/lab/sshd.ts";
import { until } from "../support/lab/until.ts";

/** A port that libvirt, which takes those from 49152 on, would not choose here. */
const MEMORY_PORT = 49_999;
const BY_TEMPLATE = `migration: { migrateUri: "tcp://{host}:${MEMORY_PORT}" }`;

const MOVED = ["shut off (migrated)", "running (migrated)", MONITOR.intentional];

let folder: string;
let ours: Authority;
let cluster: Cluster;
let one: Host;
let two: Host;
let files: GuestFiles;
let sshd: Sshd;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vkm-"));
  ours = await makeAuthority(join(folder, "ours"), "our authority");
  const server = await ours.issue({ commonName: "node2", names: "DNS:node2" });
  const tls = [
    "listen_tls = 1",
    'auth_tls = "none"',
    `cert_file = "${server.cert}"`,
    `key_file = "${server.key}"`,
    `ca_file = "${ours.cert}"`,
  ];
  cluster = await makeCluster(["node1", "node2"], {
    libvirtd: (name) => (name === "node2" ? { libvirtdConf: tls } : {}),
  });
  [one, two] = [cluster.on("node1"), cluster.on("node2")];
  files = await attentiveFiles(one.libvirtd, await guestFiles());
  const libvirtRun = dirname(two.libvirtd.socket);
  sshd = await startSshd({ relays: ["virt-ssh-helper"], libvirtRun, host: cluster.lab.on("node2") });
  await one.daemon.start();
});

afterAll(async () => {
  await sshd.stop();
  await cluster.stop();
  await rm(folder, { recursive: true });
});

/** Tells node1's daemon how node2 is reached. */
async function reachNode2(uri: string): Promise<void> {
  await one.configure(`${BY_TEMPLATE}\npeers: { node2: { uri: "${uri}" } }`);
  const from = one.daemon.lines.length;
  one.daemon.signal("SIGHUP");
  await one.daemon.waitForLine("configuration reloaded", {}, { from });
}

/** A guest on node1 that the engine knows as ONLINE. */
function movable(name: string): Promise<Resource> {
  return knownGuest(one, files, name, { guest: { migrates: true } });
}

function migrate(name: string): Promise<{ readonly exitCode: number }> {
  const target = ["VCSInfo", "2", "TargetHost", "node2"];
  return one.shim("migrate", name, "GuestName", "1", name, ...target, "AEPTimeout", "1", "120");
}

/** What the log says of a migration that was refused before anything was asked, with the name of a transport. */
async function refusal(name: string): Promise<string> {
  const from = one.daemon.lines.length;
  await migrate(name);
  const fields = { entryPoint: "migrate", resource: name };
  return JSON.stringify((await one.daemon.waitForLine("entry point failed", fields, { from }))["err"]);
}

/** Where node1 reaches node2's sshd. */
function place(): string {
  return `root@${cluster.lab.on("node2").address}:${sshd.port}`;
}

/** Whether memory arrives on node2 where the template sends it. */
async function arrivesByTemplate(): Promise<boolean> {
  const { stdout } = await cluster.lab.on("node2").exec("cat", ["/proc/net/tcp", "/proc/net/tcp6"]);
  // Source: proc(5), /proc/net/tcp: local and remote address, state; 01 is an established connection
  return new RegExp(`:${MEMORY_PORT.toString(16).toUpperCase()} [0-9A-F]+:[0-9A-F]+ 01`).test(stdout);
}

/**
 * Migrates a guest, once its memory was seen to go where the template says.
 *
 * @returns what libvirt says of it on node1 and on node2, and node1's monitor
 */
async function migratedByTemplate(name: string): Promise<readonly [string, string, number]> {
  const resource = await movable(name);
  await tell(one.libvirtd, name, "scribble");
  await holdMigrations(one.libvirtd, name);
  const ended = migrate(name);
  await until("its memory is on the way", arrivesByTemplate);
  await letGo(one.libvirtd, name);
  await ended;
  const states = [await domainState(one.libvirtd, name), await domainState(two.libvirtd, name)] as const;
  return [...states, await resource.monitor()];
}

/** A folder for `pkipath`. */
async function pki(name: string, client: CertificateFiles): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await copyFile(ours.cert, join(path, "cacert.pem"));
  await copyFile(client.cert, join(path, "clientcert.pem"));
  await copyFile(client.key, join(path, "clientkey.pem"));
  return path;
}

/** Has all programs on node1 know those hosts, as an administrator does there; nothing outside node1 changes. */
async function knowHosts(list: string): Promise<void> {
  const etc = await mkdtemp(join(folder, "ssh-"));
  await copyFile(list, join(etc, "ssh_known_hosts"));
  await cluster.lab.on("node1").exec("mount", ["--bind", etc, "/etc/ssh"]);
}

describe("a migration over TLS (scenario 77)", () => {
  it("moves the guest, its memory by the template", async () => {
    const path = await pki("good", await ours.issue({ commonName: "node1" }));
    await reachNode2(`qemu+tls://node2/system?pkipath=${path}`);

    expect(await migratedByTemplate("by-tls")).toEqual(MOVED);
    expect(one.daemon.said("guest has migrated", { resource: "by-tls" })).toMatchObject([{ end: "moved" }]);
  });

  it("is refused with a certificate of a foreign authority, naming transport and host, and nothing changes", async () => {
    const stranger = await makeAuthority(join(folder, "stranger"), "a foreign authority");
    const path = await pki("foreign", await stranger.issue({ commonName: "node1" }));
    await reachNode2(`qemu+tls://node2/system?pkipath=${path}`);
    const resource = await movable("foreign");

    expect(await refusal("foreign")).toMatch(
      /not migrated to node2: the target cannot be read .*the daemon at tls node2:16514 refuses this host's certificate/,
    );
    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(one.daemon.said("migration recorded", { guest: "foreign" })).toEqual([]);
  });

  it("is refused to a host whose certificate is for another name", async () => {
    const path = await pki("other-name", await ours.issue({ commonName: "node1" }));
    const { address } = cluster.lab.on("node2");
    await reachNode2(`qemu+tls://${address}/system?pkipath=${path}`);
    const resource = await movable("other-name");

    expect(await refusal("other-name")).toMatch(
      /the target cannot be read .*the daemon at tls 10\.77\.0\.2:16514 cannot be trusted: /,
    );
    expect(await resource.monitor()).toBe(MONITOR.online);
  });
});

describe("a migration over ssh (scenario 77)", () => {
  it("moves the guest, its memory by the template", async () => {
    await knowHosts(sshd.knownHosts);
    await reachNode2(`qemu+ssh://${place()}/system?keyfile=${sshd.key}`);

    expect(await migratedByTemplate("by-ssh")).toEqual(MOVED);
    expect(one.daemon.said("guest has migrated", { resource: "by-ssh" })).toMatchObject([{ end: "moved" }]);
  });

  it("is refused with a key that is refused there, naming transport and host, and nothing changes", async () => {
    await reachNode2(`qemu+ssh://${place()}/system?keyfile=${sshd.strangeKey}`);
    const resource = await movable("strange-key");

    const words = await refusal("strange-key");
    expect(words).toContain("guest strange-key is not migrated to node2: the target cannot be read (");
    expect(words).toMatch(/ssh root@10\.77\.0\.2:\d+ refuses the key: .*Permission denied/);
    expect(await resource.monitor()).toBe(MONITOR.online);
    expect(one.daemon.said("migration recorded", { guest: "strange-key" })).toEqual([]);
  });

  it("stays where it runs when only libvirt does not know the host, and says so in libvirt's words", async () => {
    await knowHosts(sshd.wrongHosts);
    const uri = `qemu+ssh://${place()}/system?keyfile=${sshd.key}`;
    await reachNode2(`${uri}&known_hosts=${sshd.knownHosts}`);
    const resource = await movable("unknown-host");

    await migrate("unknown-host");

    expect(await resource.monitor()).toBe(MONITOR.online);
    const [ended] = one.daemon.said("guest has not migrated", { resource: "unknown-host" });
    expect(ended).toMatchObject({ end: "stayed" });
    expect(ended?.["reason"]).toContain(`qemu+ssh://${place()}/system`);
    expect(ended?.["reason"]).toContain("Host key verification failed");
  });
});

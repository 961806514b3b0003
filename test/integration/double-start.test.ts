import { randomUUID } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import type { Host } from "../support/host/host.ts";
import { openedResource } from "../support/host/known-guest.ts";
import { MONITOR, type Resource } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions, tell, waitUntilAttentive } from "../support/lab/boot-sector.ts";
import { type Authority, type CertificateFiles, makeAuthority } from "../support/lab/certificates.ts";
import { createGuest, defineGuest, domainState, waitForState } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";
import { holdMigrations } from "../support/lab/hold.ts";
import type { PrivateLibvirtd } from "../support/lab/libvirtd.ts";
import { startSshd } from "../support/lab/sshd.ts";
import { until } from "../support/lab/until.ts";
import { matching } from "../support/matching.ts";

const SYSTEMS = ["node1", "node2", "node3"] as const;
const TCP = { node2: "qemu+tcp://node2/system", node3: "qemu+tcp://node3/system" } as const;
const UNREADABLE = "peer cannot be read, a guest that runs there is not seen";

let folder: string;
let ours: Authority;
let cluster: Cluster;
let host: Host;
let node2: PrivateLibvirtd;
let node3: PrivateLibvirtd;
let files: GuestFiles;

beforeAll(async () => {
  files = await guestFiles();
  folder = await mkdtemp(join(tmpdir(), "vkd-"));
  ours = await makeAuthority(join(folder, "ours"), "our authority");
  const server = await ours.issue({ commonName: "node2", names: "DNS:node2" });
  const tls = [
    "listen_tls = 1",
    'auth_tls = "none"',
    `cert_file = "${server.cert}"`,
    `key_file = "${server.key}"`,
    `ca_file = "${ours.cert}"`,
  ];
  cluster = await makeCluster(SYSTEMS, {
    libvirtd: (name) => (name === "node2" ? { libvirtdConf: tls } : {}),
  });
  host = cluster.on("node1");
  [node2, node3] = [cluster.on("node2").libvirtd, cluster.on("node3").libvirtd];
  await host.startDaemon();
});

afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true });
});

/** Tells the daemon which peers there are, by system and URI. */
async function configurePeers(peers: Readonly<Record<string, string>>, more = ""): Promise<void> {
  const lines = Object.entries(peers).map(([system, uri]) => `  ${system}: { uri: "${uri}" }`);
  await host.configure([more, "peers:", ...lines].join("\n"));
  const from = host.daemon.lines.length;
  host.daemon.signal("SIGHUP");
  await host.daemon.waitForLine("configuration reloaded", {}, { from });
}

/** One guest, defined on this host and known to a peer's administrator too. */
async function sharedGuest(name: string): Promise<{ uuid: string; resource: Resource }> {
  const uuid = randomUUID();
  await defineGuest(host.libvirtd, { name, uuid, files, kind: "sector" });
  return { uuid, resource: await openedResource(host, name, { DelayAfterGuestOnline: "0" }) };
}

/** What the daemon says of an online that failed. */
async function refusal(resource: Resource): Promise<{ exitCode: number; words: string }> {
  const from = host.daemon.lines.length;
  const { exitCode } = await resource.online();
  const fields = { entryPoint: "online", resource: resource.name };
  const line = await host.daemon.waitForLine("entry point failed", fields, { from });
  return { exitCode, words: JSON.stringify(line["err"]) };
}

describe("online of a guest that another system of the cluster holds", () => {
  it("is refused, names the system and the state, and ends in no loop of faults (scenario 58)", async () => {
    await configurePeers(TCP);
    const { uuid, resource } = await sharedGuest("runs-there");
    await createGuest(node2, { name: "runs-there", uuid, files, kind: "sector" });

    expect(await refusal(resource)).toEqual({
      exitCode: 0,
      words: matching(
        /guest runs-there is active on system node2, where libvirt says running \(booted\): it is not started here a second time/,
      ),
    });
    expect(await resource.monitor()).toBe(MONITOR.offline);
    expect(await domainState(host.libvirtd, "runs-there")).toBe("shut off (unknown)");

    await node2.virsh("destroy", "runs-there");
    await resource.online();
    expect(await resource.monitor()).toBe(MONITOR.online);
  });

  it("is refused for one that is only paused there", async () => {
    await configurePeers(TCP);
    const { uuid, resource } = await sharedGuest("paused-there");
    await createGuest(node3, { name: "paused-there", uuid, files, kind: "sector" });
    await node3.virsh("suspend", "paused-there");

    expect((await refusal(resource)).words).toContain(
      "active on system node3, where libvirt says paused (user)",
    );
  });

  it("is refused on either side of a migration between others", async () => {
    await configurePeers(TCP);
    const { uuid, resource } = await sharedGuest("moves-there");
    const attentive = await attentiveFiles(node2, files);
    await createGuest(node2, attentiveOptions(node2, "moves-there", attentive, { uuid, migrates: true }));
    await waitUntilAttentive(node2, "moves-there");
    await tell(node2, "moves-there", "scribble");
    await holdMigrations(node2, "moves-there");
    const moving = node2.virsh("migrate", "--live", "--p2p", "moves-there", TCP.node3).then(
      () => "moved",
      () => "did not",
    );
    await waitForState(node3, "moves-there", "paused (migrating)");

    expect((await refusal(resource)).words).toMatch(
      /active on system node2, where libvirt says (running \(booted\)|paused \(migrating\)), and on system node3, where libvirt says paused \(migrating\)/,
    );
    await node2.virsh("domjobabort", "moves-there");
    expect(await moving).toBe("did not");
  });

  it("wakes nothing here that runs there by now", async () => {
    await configurePeers({ node2: TCP.node2 });
    const { uuid, resource } = await sharedGuest("left-paused");
    await host.libvirtd.virsh("start", "--paused", "left-paused");
    await createGuest(node2, { name: "left-paused", uuid, files, kind: "sector" });

    expect((await refusal(resource)).words).toContain("active on system node2");
    expect(await domainState(host.libvirtd, "left-paused")).toBe("paused (user)");
  });

  it("asks itself nothing: all systems have one file", async () => {
    await configurePeers({ node1: "qemu+tcp://node1/system", ...TCP });
    const { resource } = await sharedGuest("own-paused");
    await host.libvirtd.virsh("start", "--paused", "own-paused");

    await resource.online();

    expect(await domainState(host.libvirtd, "own-paused")).toBe("running (unpaused)");
  });

  it("is refused for one of the same name there, whose UUID that host made up", async () => {
    await configurePeers({ node2: TCP.node2 });
    const path = join(folder, "namesake.xml");
    await writeFile(path, guestXml({ name: "namesake", files, kind: "sector" }));
    const attributes = { GuestConfigFilePath: path, DelayAfterGuestOnline: "0" };
    const resource = await openedResource(host, "namesake", attributes);
    await node2.virsh("create", path);

    expect((await refusal(resource)).words).toMatch(
      /active on system node2, where libvirt says running \(booted\) and its UUID is [-0-9a-f]{36}, not [-0-9a-f]{36} as here: it is not started/,
    );
    expect(await resource.monitor()).toBe(MONITOR.offline);

    await node2.virsh("destroy", "namesake");
    await resource.online();
    expect(await resource.monitor()).toBe(MONITOR.online);
  });
});

describe("online while peers cannot be read", () => {
  it("warns once for each outage, and starts the guest", async () => {
    await configurePeers({ node2: TCP.node2, nowhere: "qemu+unix:///system?socket=/nowhere" });
    const first = await sharedGuest("first");
    const second = await sharedGuest("second");
    await first.resource.online();
    await second.resource.online();

    expect(await first.resource.monitor()).toBe(MONITOR.online);
    expect(await second.resource.monitor()).toBe(MONITOR.online);
    expect(host.daemon.said(UNREADABLE, { system: "nowhere" })).toMatchObject([
      {
        level: "warn",
        reason: "connecting to the libvirtd of nowhere: no libvirt daemon listens on /nowhere (ENOENT)",
      },
    ]);
  });

  it("waits three seconds for all together when all hang", async () => {
    await configurePeers(TCP);
    await Promise.all([node2.freeze(), node3.freeze()]);
    const { resource } = await sharedGuest("all-hang");
    await resource.online();
    node2.thaw();
    node3.thaw();

    expect(await resource.monitor()).toBe(MONITOR.online);
    for (const [system, uri] of Object.entries(TCP)) {
      expect(host.daemon.said(UNREADABLE, { system }).at(-1)?.["reason"]).toBe(
        `reading the libvirtd of ${system} at ${uri} did not end within 3000 ms`,
      );
    }
  });

  it("is refused when the policy is strict", async () => {
    await configurePeers({ nowhere: "qemu+unix:///system?socket=/nowhere" }, "kvm: { doubleStart: strict }");
    const { resource } = await sharedGuest("strict");

    expect(await refusal(resource)).toEqual({
      exitCode: 0,
      words: matching(
        /doubleStart is strict: nowhere \(connecting to the libvirtd of nowhere: no libvirt daemon/,
      ),
    });
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });
});

describe("online with peers that are reached by other transports (scenario 77)", () => {
  it("sees a guest over TLS, and says which certificate is not accepted", async () => {
    const stranger = await makeAuthority(join(folder, "stranger"), "a foreign authority");
    const good = await pki("good", await ours.issue({ commonName: "node1" }));
    const foreign = await pki("foreign", await stranger.issue({ commonName: "node1" }));
    const { uuid, resource } = await sharedGuest("by-tls");
    await createGuest(node2, { name: "by-tls", uuid, files, kind: "sector" });
    const uri = "qemu+tls://node2/system?pkipath=";

    const found = await refusedWith(`${uri}${good}`, resource, "active on system node2");
    const words = "the daemon at tls node2:16514 refuses this host's certificate";
    const named = await refusedWith(`${uri}${foreign}`, resource, words);

    expect([found, named]).toEqual([true, true]);
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });

  it("sees a guest over ssh, and says that a host's key is not known", async () => {
    const machine = cluster.lab.on("node2");
    const sshd = await startSshd({ relays: ["nc"], libvirtRun: dirname(node2.socket), host: machine });
    const place = `root@${machine.address}:${sshd.port}`;
    const uri = `qemu+ssh://${place}/system?keyfile=${sshd.key}&known_hosts=`;
    const { uuid, resource } = await sharedGuest("by-ssh");
    await createGuest(node2, { name: "by-ssh", uuid, files, kind: "sector" });

    const found = await refusedWith(`${uri}${sshd.knownHosts}`, resource, "active on system node2");
    const words = `the host of ssh ${place} cannot be trusted: `;
    const named = await refusedWith(`${uri}${sshd.wrongHosts}`, resource, words);
    await sshd.stop();

    expect([found, named]).toEqual([true, true]);
    expect(await resource.monitor()).toBe(MONITOR.offline);
  });
});

/** A folder for `pkipath`. */
async function pki(name: string, client: CertificateFiles): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await copyFile(ours.cert, join(path, "cacert.pem"));
  await copyFile(client.cert, join(path, "clientcert.pem"));
  await copyFile(client.key, join(path, "clientkey.pem"));
  return path;
}

/** Strict, so that nothing starts while a busy machine is too slow for the three seconds. */
async function refusedWith(uri: string, resource: Resource, words: string): Promise<boolean> {
  await configurePeers({ node2: uri }, "kvm: { doubleStart: strict }");
  return until(`online is refused with: ${words}`, async () =>
    (await refusal(resource)).words.includes(words),
  );
}

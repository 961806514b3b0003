import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CheckReport, checkReport } from "../support/host/check.ts";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import type { Host } from "../support/host/host.ts";
import { makeAuthority } from "../support/lab/certificates.ts";
import { defineGuest } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";

const UUID = "5c6f8a3e-6f0e-4d1b-9d0d-2f3b9a1c0001";

let folder: string;
let cluster: Cluster;
let one: Host;
let definition: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vkr-"));
  definition = join(folder, "web1.xml");
  const files = await guestFiles();
  const guest = { name: "web1", uuid: UUID, files, kind: "sector" } as const;
  await writeFile(definition, guestXml(guest));
  cluster = await makeCluster(["node1", "node2"], {
    configuration: () => `peers:
  node1: { uri: "qemu+tcp://node1/system" }
  node2: { uri: "qemu+tcp://node2/system" }`,
  });
  one = cluster.on("node1");
  for (const system of ["node1", "node2"]) await defineGuest(cluster.on(system).libvirtd, guest);
  await cluster.start(`KVMGuest vm1 ( GuestName = web1 GuestConfigFilePath = "${definition}" )`);
});

afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true });
});

function check(...args: readonly string[]): Promise<CheckReport> {
  return checkReport(one, cluster.lab.on("node1").command, ...args);
}

/** Rows of one check, or of one verdict. */
function rowsWith(word: string, { rows }: CheckReport): readonly string[] {
  return rows.filter((row) => row.split(" | ").slice(0, 2).includes(word));
}

const stateSeen = async () => ({
  xml: await one.libvirtd.virsh("dumpxml", "web1"),
  // a write of the daemon may be under way
  files: (await readdir(one.stateDirectory, { recursive: true })).filter((name) => !name.endsWith(".tmp")),
  told: one.daemon.said("engine is told a new state").length,
});

describe("kvmguestctl check on a host that is ready", () => {
  it("finds no problem, says what it looked at, and changes nothing", async () => {
    const before = await stateSeen();

    const report = await check();

    expect(await stateSeen()).toEqual(before);
    expect(rowsWith("problem", report)).toEqual([]);
    expect(report.exitCode).toBe(0);
    expect(report.rows).toEqual(
      expect.arrayContaining([
        "ok | engine | " +
          `${one.folder}/engine/bin/hares | this host is system node1 (RUNNING) of node1, node2`,
        "ok | resources | this host | 1 registered with the daemon, 0 more of the engine",
        expect.stringMatching(/^ok \| daemon \| .*agent\.sock \| runs, and is connected$/),
        expect.stringMatching(
          /^ok \| libvirt \| qemu:\/\/\/system \| libvirt \d+\.\d+\.\d+, QEMU \d+\.\d+\.\d+, over /,
        ),
        `ok | definition | guest web1 | defined here and in ${definition} with UUID ${UUID}`,
        "ok | autostart | guest web1 | libvirt does not start it by itself",
        expect.stringMatching(/^ok \| peer \| peer node2 \| qemu\+tcp:\/\/node2\/system answers: libvirt /),
        expect.stringMatching(/^ok \| peer address \| peer node2 \| node2 calls itself node2 \(10\./),
        "ok | peer CPU | peer node2 | the same CPU as here",
        "ok | peer guest | guest web1 on peer node2 | defined there with the same UUID and disks, which are there",
      ]),
    );
  });

  it("needs no daemon: what only the engine knows is read from there", async () => {
    await one.daemon.stop();
    const kept = join(folder, "kept");
    await mkdir(kept);
    const registrations = join(one.stateDirectory, "registrations");
    for (const name of await readdir(registrations)) {
      await copyFile(join(registrations, name), join(kept, name));
      await rm(join(registrations, name));
    }

    const report = await check("vm1");
    for (const name of await readdir(kept)) await copyFile(join(kept, name), join(registrations, name));

    expect(rowsWith("daemon", report).join()).toContain("warning");
    expect(rowsWith("resources", report)).toEqual([
      "ok | resources | this host | 0 registered with the daemon, 1 more of the engine",
    ]);
    expect(rowsWith("definition", report).join()).toContain(UUID);
    expect(report.exitCode).toBe(0);
    await one.daemon.start();
  });
});

describe("kvmguestctl check on a host that is not ready", () => {
  it("names another guest's definition, autostart, an expired certificate and a peer behind a cut", async () => {
    const authority = await makeAuthority(join(folder, "ca"), "an authority");
    const { cert, key } = await authority.issue({ commonName: "node1", days: -1 });
    const pki = join(folder, "pki");
    await mkdir(pki);
    await copyFile(authority.cert, join(pki, "cacert.pem"));
    await copyFile(cert, join(pki, "clientcert.pem"));
    await copyFile(key, join(pki, "clientkey.pem"));
    const good = await readFile(definition, "utf8");
    await writeFile(definition, good.replace("<name>web1</name>", "<name>web2</name>"));
    await one.daemon.stop(); // it would clear the autostart
    await one.libvirtd.virsh("autostart", "web1");
    await one.configure(`peers:
  node2: { uri: "qemu+tcp://node2/system" }
  node3: { uri: "qemu+tls://node2/system?pkipath=${pki}" }`);
    await cluster.lab.on("node2").cut();

    const report = await check();

    expect(report.exitCode).toBe(1);
    const problems = rowsWith("problem", report);
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          /^problem \| definition \| guest web1 \| guest configuration: .*: line \d+: defines guest "web2", not "web1"$/,
        ),
        expect.stringMatching(/^problem \| autostart \| guest web1 \| autostart of guest web1 is set/),
        expect.stringMatching(/^problem \| certificates \| .*pki\/clientcert\.pem \| has expired: /),
        expect.stringMatching(
          /^problem \| peer \| peer node2 \| .*(did not open the connection within|EHOSTUNREACH)/,
        ),
      ]),
    );
    expect(rowsWith("peer guest", report).every((row) => row.startsWith("not checked"))).toBe(true);
    expect(report.output).not.toContain("PRIVATE KEY");
  });
});

import { execFile } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hares } from "../support/engine/toy-cluster.ts";
import { type Cluster, makeCluster } from "../support/host/cluster.ts";
import { defineGuest } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { until } from "../support/lab/until.ts";
import { repositoryFile } from "../support/repository.ts";

let cluster: Cluster;
let syncDir: string;

beforeAll(async () => {
  const files = await guestFiles();
  cluster = await makeCluster(["node1", "node2"]);
  syncDir = join(cluster.lab.folder, "sync");
  await mkdir(syncDir);
  for (const system of ["node1", "node2"]) {
    await defineGuest(cluster.on(system).libvirtd, {
      name: "web1",
      files,
      kind: "sector",
      uuid: "5c1b8d3c-0000-4000-8000-000000000001",
      title: `as on ${system}`,
    });
  }
  await cluster.start(
    `KVMGuest vm1 (
      GuestName = web1
      SyncDir = "${syncDir}"
      DelayAfterGuestOnline = 0
      DelayAfterGuestOffline = 1
      MonitorInterval = 5
      OfflineMonitorInterval = 5
      OfflineWaitLimit = 0
      )`,
  );
});

afterAll(() => cluster.stop());

/** Runs havmconfigsync as an administrator of a system does. */
function sync(system: string, ...args: string[]): Promise<string> {
  const program = repositoryFile("dist/daemon/havmconfigsync.js");
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [program, "--config", cluster.on(system).configFile, ...args],
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(stderr, { cause: error }));
      },
    );
  });
}

function titleOn(system: string): Promise<string> {
  return cluster.on(system).libvirtd.virsh("desc", "web1", "--title");
}

async function flagOf(system: string): Promise<string> {
  return (await hares(cluster.on("node1").engine, "-value", "vm1", "ResyncVMCfg", system)).stdout.trim();
}

describe("configuration sync in a cluster", () => {
  it("brings a change from where the guest runs to where it runs next, and is over then", async () => {
    const [one, two] = [cluster.on("node1"), cluster.on("node2")];
    expect(await one.engine.online("vm1")).toBe("ONLINE");
    await one.libvirtd.virsh("desc", "web1", "--config", "--title", "--new-desc", "changed by hand");

    expect(await sync("node2", "vm1")).toBe(
      [
        `vm1: node1: configuration of guest web1 saved to ${syncDir}`,
        "vm1: ResyncVMCfg is now one for each system",
        "vm1: node2: takes it over at its next online",
        "",
      ].join("\n"),
    );
    expect(await readFile(join(syncDir, "web1.xml"), "utf8")).toContain("<title>changed by hand</title>");
    expect([await flagOf("node1"), await flagOf("node2")]).toEqual(["0", "1"]);
    await one.engine.offline("vm1");
    expect(await titleOn("node2")).toBe("as on node2");
    expect(await two.engine.online("vm1")).toBe("ONLINE");

    expect(await titleOn("node2")).toBe("changed by hand");
    await until("the attribute is reset", async () => (await flagOf("node2")) === "0");
    await two.daemon.waitForLine("attribute reset, the definition from SyncDir is in force", {
      resource: "vm1",
    });
  });

  it("starts the guest while the attribute cannot be reset, and says what follows", async () => {
    const [one, two] = [cluster.on("node1"), cluster.on("node2")];
    if (two.engine.state("vm1") === "ONLINE") await two.engine.offline("vm1");
    await hares(one.engine, "-local", "vm1", "ResyncVMCfg");
    await hares(one.engine, "-modify", "vm1", "ResyncVMCfg", "1", "-sys", "node1");
    one.engine.isWritable = false;
    expect(await one.engine.online("vm1")).toBe("ONLINE");

    const said = await one.daemon.waitForLine(
      "attribute cannot be reset, the next online takes the definition from SyncDir again",
    );
    expect(String(said["reason"])).toContain("The configuration is not writable");
    expect(await flagOf("node1")).toBe("1");
    one.engine.isWritable = true;
  });
});

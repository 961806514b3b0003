import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ClusterStates } from "../support/engine/cluster-states.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { defineGuest, domainState, guestPaths, waitForState } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";
import { until } from "../support/lab/until.ts";

const REMOVED = "saved memory of the guest is removed, the guest boots anew";
const RESTORED = "guest goes on from its saved memory";
const RESOURCE = `KVMGuest vm1 (
  GuestName = web1
  DelayAfterGuestOnline = 0
  MonitorInterval = 2
  OfflineMonitorInterval = 2
  )`;

let host: Host;
let cluster: ClusterStates;

beforeAll(async () => {
  host = await makeHost();
  cluster = new ClusterStates();
  const files = await guestFiles();
  await defineGuest(host.libvirtd, { name: "web1", files, tick: true, ...guestPaths(host.libvirtd, "web1") });
  await host.startDaemon();
  await host.startEngine(RESOURCE, { cluster });
  await host.engine.probed();
});

afterAll(() => host.stop());

/** What the guest has said since it was defined, in lines. */
async function said(): Promise<readonly string[]> {
  return (await readFile(guestPaths(host.libvirtd, "web1").serialLog, "latin1")).split("\n");
}

async function countOf(marker: string): Promise<number> {
  return (await said()).filter((line) => line.includes(marker)).length;
}

/** Gives the running daemon a configuration with these lines more. */
async function reconfigure(more: string): Promise<void> {
  const from = host.daemon.lines.length;
  await host.configure(more);
  host.daemon.signal("SIGHUP");
  await host.daemon.waitForLine("configuration reloaded", {}, { from });
}

/** The guest is online under the engine, ticking, and then saved by an administrator (scenario 82). */
async function saveRunningGuest(): Promise<void> {
  if (host.engine.state("vm1") !== "ONLINE") await host.engine.online("vm1");
  const ticks = await countOf("TICK");
  await until("the guest ticks", async () => (await countOf("TICK")) > ticks);
  await host.libvirtd.virsh("managedsave", "web1");
  await until("the engine sees the save as intended", () => host.engine.state("vm1") === "OFFLINE");
  await waitForState(host.libvirtd, "web1", "shut off (saved)");
}

describe("a guest that was saved by an administrator", () => {
  let lines: number;

  beforeEach(() => {
    lines = host.daemon.lines.length;
  });

  it("is INTENTIONAL OFFLINE, and goes on at online though daemon and libvirtd were restarted (scenario 82)", async () => {
    await saveRunningGuest();
    const boots = await countOf("READY");
    const ticks = await countOf("TICK");
    await host.daemon.stop();
    await host.libvirtd.restart();
    await host.startDaemon();
    expect(await domainState(host.libvirtd, "web1")).toBe("shut off (unknown)");
    expect(await host.engine.probe("vm1")).toBe("OFFLINE");

    expect(await host.engine.online("vm1")).toBe("ONLINE");
    expect(await domainState(host.libvirtd, "web1")).toBe("running (restored)");
    await until("the guest ticks on", async () => (await countOf("TICK")) > ticks + 1);
    expect(await countOf("READY")).toBe(boots);
    await host.daemon.waitForLine(RESTORED, { guest: "web1" }, { from: lines });
  });

  it("boots anew when the engine saw it ONLINE on another system since, and that is logged", async () => {
    await saveRunningGuest();
    const boots = await countOf("READY");
    cluster.set("node2", "vm1", "ONLINE");
    cluster.set("node2", "vm1", "OFFLINE");

    expect(await host.engine.online("vm1")).toBe("ONLINE");
    expect(await domainState(host.libvirtd, "web1")).toBe("running (booted)");
    await until("the guest has booted", async () => (await countOf("READY")) > boots);
    await host.daemon.waitForLine(REMOVED, { why: "the guest was online on node2 since" }, { from: lines });
    expect(await host.libvirtd.virsh("list", "--all", "--with-managed-save", "--name")).toBe("");
  });

  it("boots anew when the engine cannot be asked where it was", async () => {
    await saveRunningGuest();
    host.engine.haresFault = { kind: "hang", commands: ["-value"] };
    const online = host.engine.online("vm1");

    expect(await online).toBe("ONLINE");
    host.engine.haresFault = undefined;
    expect(await domainState(host.libvirtd, "web1")).toBe("running (booted)");
    expect(JSON.stringify(host.daemon.lines.slice(lines).filter(({ msg }) => msg === REMOVED))).toContain(
      "the engine does not say where it was online last",
    );
  });

  it("boots anew after a clean, and when nobody saw it being saved", async () => {
    await saveRunningGuest();
    expect((await host.shim("clean", "vm1", "4", "GuestName", "1", "web1")).exitCode).toBe(0);
    expect(await host.engine.online("vm1")).toBe("ONLINE");

    expect(await domainState(host.libvirtd, "web1")).toBe("running (booted)");
    await host.daemon.waitForLine(
      REMOVED,
      { why: "nobody saw the guest being saved on this host" },
      { from: lines },
    );
  });

  it("boots anew with kvm.managedSave: discard, though it could go on", async () => {
    await saveRunningGuest();
    const boots = await countOf("READY");
    await reconfigure("kvm: { managedSave: discard }");

    expect(await host.engine.online("vm1")).toBe("ONLINE");
    expect(await domainState(host.libvirtd, "web1")).toBe("running (booted)");
    await until("the guest has booted", async () => (await countOf("READY")) > boots);
    await host.daemon.waitForLine(REMOVED, { why: "kvm.managedSave is discard" }, { from: lines });
    expect(await host.libvirtd.virsh("list", "--all", "--with-managed-save", "--name")).toBe("");
    await reconfigure("");
  });

  it("is left alone with kvm.managedSave: refuse, and its memory outlives a new definition (scenario 59)", async () => {
    const syncDir = join(host.folder, "sync");
    await mkdir(syncDir);
    await saveRunningGuest();
    await reconfigure("kvm: { managedSave: refuse }");
    const uuid = await host.libvirtd.virsh("domuuid", "web1");
    const files = await guestFiles();
    const paths = guestPaths(host.libvirtd, "web1");
    await writeFile(
      join(syncDir, "web1.xml"),
      guestXml({ name: "web1", files, tick: true, ...paths, uuid, title: "new" }),
    );
    const tuples = ["GuestName", "1", "web1", "SyncDir", "1", syncDir, "ResyncVMCfg", "1", "1"];
    await host.shim("online", "vm1", ...tuples);

    const failed = await host.daemon.waitForLine(
      "entry point failed",
      { entryPoint: "online" },
      { from: lines },
    );
    expect(JSON.stringify(failed)).toContain("virsh managedsave-remove web1");
    expect(await domainState(host.libvirtd, "web1")).toBe("shut off (saved)");
    expect(await host.libvirtd.virsh("dumpxml", "--inactive", "web1")).toContain("<title>new</title>");
    expect(await host.libvirtd.virsh("list", "--all", "--with-managed-save", "--name")).toBe("web1");
    await reconfigure("");
  });
});

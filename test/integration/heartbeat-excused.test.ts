import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentGuest, HEARTBEAT, QUICK_HEARTBEAT, sayTo } from "../support/host/agent-guest.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { MONITOR } from "../support/host/resource.ts";
import { startGuest, waitForMarker } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import type { GuestOptions } from "../support/lab/guest-xml.ts";
import { run } from "../support/lab/run.ts";
import { until } from "../support/lab/until.ts";
import { configure } from "../support/trouble/configuration.ts";
import { monitorCode, runEntryPoint } from "../support/trouble/entry-point-run.ts";
import { resourcesOf } from "../support/trouble/views.ts";

let host: Host;

beforeAll(async () => {
  host = await makeHost();
  const libvirt = ["openTimeoutS: 2", "keepaliveIntervalS: 1", "keepaliveCount: 3"];
  await configure(host, { libvirt, more: [QUICK_HEARTBEAT] });
  const files = await guestFiles();
  await host.daemon.start();
  const start = (name: string, options: Partial<GuestOptions>) =>
    startGuest(host.libvirtd, agentGuest(host, files, name, options));
  await start("bare", { kind: "sector", agent: false });
  await start("idle", { agent: "off" });
  await start("steady", { devices: await smallDisk() });
  await start("leaving", { powerButton: "ignore" });
  for (const name of ["bare", "idle", "steady", "leaving"]) {
    await until(`${name} is ONLINE`, async () => (await monitorCode(host, of(name))) === MONITOR.online);
  }
});

afterAll(() => host.stop());

/** A disk with an empty ext4 on it, as an element of `<devices>`. */
async function smallDisk(): Promise<string> {
  const file = join(host.libvirtd.folder, "disk.img");
  await run("truncate", ["-s", "8M", file]);
  await run("mke2fs", ["-q", "-F", "-t", "ext4", file]);
  return `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${file}'/><target dev='vda' bus='virtio'/></disk>`;
}

/** A resource whose lost heartbeat is a fault. */
function of(guest: string) {
  const tuples = { CEInfo: ["Enabled", "1", "CESystem", "elsewhere", "FaultOnHBLoss", "1"] };
  return { resource: `r-${guest}`, guest, tuples };
}

const waitFor = (message: string, guest: string, from = 0) =>
  host.daemon.waitForLine(message, { guest }, { from });
const said = (message: string, guest: string) => host.daemon.said(message, { guest });
const viewOf = async (guest: string) => (await resourcesOf(host.socket)).get(`r-${guest}`);

/** Waits until the guest's heartbeat is armed; the place in the daemon's log after that. */
async function armed(guest: string): Promise<number> {
  await until(`${guest} is armed`, async () => (await viewOf(guest))?.["heartbeat"] === "armed");
  return host.daemon.lines.length;
}

describe("a guest that is not expected to answer", () => {
  it("is not lost when it never answered, nor when it boots again, and that is told once a start", async () => {
    await waitFor(HEARTBEAT.never, "idle");
    expect(await monitorCode(host, of("idle"))).toBe(MONITOR.online);
    await sayTo(host, "idle", "agent-start");
    const from = await armed("idle");

    await sayTo(host, "idle", "reboot"); // and the agent is off again
    await waitFor(HEARTBEAT.never, "idle", from);

    expect(said(HEARTBEAT.disarmed, "idle").map((line) => line["because"])).toContain("over");
    expect(said(HEARTBEAT.lost, "idle")).toEqual([]);
    expect(said(HEARTBEAT.never, "idle")).toHaveLength(2);
    expect(await monitorCode(host, of("idle"))).toBe(MONITOR.online);
  });

  it("has no channel to an agent: that is told once, and libvirt alone tells its state", async () => {
    await waitFor(HEARTBEAT.noChannel, "bare");

    expect(await monitorCode(host, of("bare"))).toBe(MONITOR.online);
    expect(said(HEARTBEAT.noChannel, "bare")).toHaveLength(1);
  });

  it("calls itself otherwise than CESystem says: that is told once, and is no loss", async () => {
    const warned = await waitFor(HEARTBEAT.wrongName, "steady");

    expect(warned).toMatchObject({ ceSystem: "elsewhere", hostName: "steady" });
    expect(await monitorCode(host, of("steady"))).toBe(MONITOR.online);
    expect(said(HEARTBEAT.wrongName, "steady")).toHaveLength(1);
  });

  it("is suspended by the administrator, and armed again when it has been resumed", async () => {
    const from = await armed("steady");
    await host.libvirtd.virsh("suspend", "steady");
    await waitFor(HEARTBEAT.disarmed, "steady", from);
    expect(await monitorCode(host, of("steady"))).toBe(MONITOR.intentional);

    await host.libvirtd.virsh("resume", "steady");
    await armed("steady");
    expect(await monitorCode(host, of("steady"))).toBe(MONITOR.online);
    expect(said(HEARTBEAT.lost, "steady")).toEqual([]);
  });

  it("is being stopped by the engine", async () => {
    await armed("leaving");
    const offline = runEntryPoint(host, "offline", of("leaving")); // waits for ten seconds
    await until("it is being stopped", async () => (await viewOf("leaving"))?.["operation"] === "offline");

    await sayTo(host, "leaving", "agent-end");
    expect((await offline).exitCode).toBe(0);

    expect(said(HEARTBEAT.lost, "leaving")).toEqual([]);
    expect(await monitorCode(host, of("leaving"))).toBe(MONITOR.online);
    expect((await runEntryPoint(host, "clean", of("leaving"))).exitCode).toBe(0);
  });

  it("holds its file systems for a snapshot", async () => {
    await sayTo(host, "steady", "mount");
    await waitForMarker(join(host.libvirtd.folder, "steady.serial"), "MOUNTED");
    const from = await armed("steady");

    await host.libvirtd.virsh("domfsfreeze", "steady");
    const disarmed = await waitFor(HEARTBEAT.disarmed, "steady", from);
    expect(disarmed["because"]).toBe("answered");
    await sayTo(host, "steady", "agent-stop"); // as one whose log is on the frozen disk
    await waitFor(HEARTBEAT.never, "steady", from);
    expect(await monitorCode(host, of("steady"))).toBe(MONITOR.online);

    await sayTo(host, "steady", "agent-continue");
    await until("it is thawed", () => host.libvirtd.virsh("domfsthaw", "steady").then(() => true));
    await armed("steady");
    expect(said(HEARTBEAT.lost, "steady")).toEqual([]);
  });
});

describe("a libvirtd in trouble", () => {
  it.each([
    ["is restarted", () => host.libvirtd.kill().then(() => host.libvirtd.restart())],
    [
      "hangs until its connections are given up",
      async () => {
        const from = host.daemon.lines.length;
        await host.libvirtd.freeze();
        await host.daemon.waitForLine("libvirt connection lost", { lane: "watch" }, { from });
        host.libvirtd.thaw();
      },
    ],
  ])("is no loss of a heartbeat: it %s", async (_how, happen) => {
    const from = await armed("steady");

    await happen();

    await waitFor(HEARTBEAT.disarmed, "steady", from);
    await armed("steady");
    expect(said(HEARTBEAT.lost, "steady")).toEqual([]);
    await until("it is ONLINE", async () => (await monitorCode(host, of("steady"))) === MONITOR.online);
  });
});

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { is } from "../support/engine/engine-log.ts";
import { type Host, makeHost, SYSTEM } from "../support/host/host.ts";
import { openedResource } from "../support/host/known-guest.ts";
import { MONITOR, Resource } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions, startAttentive } from "../support/lab/boot-sector.ts";
import { defineGuest, domainState, emulatorPid, killEmulator, startGuest } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";

const SOON = { timeout: 60_000 };

/** Static values that keep the engine's own monitors out of these tests. */
const QUIET = "MonitorInterval = 3600\n      OfflineMonitorInterval = 3600";

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost();
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  await host.startDaemon();
  for (const name of ["web1", "mail1", "left1"]) {
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, name, files));
  }
  await host.startEngine(
    ["web", "db", "mail", "left"]
      .map((name) => `KVMGuest ${name} ( GuestName = ${name}1\n DelayAfterGuestOnline = 0\n ${QUIET} )`)
      .join("\n"),
  );
  await host.engine.probed();
});

afterAll(() => host.stop());

/** Changes an attribute in the engine and waits for the end of attr_changed. */
async function modify(resource: string, attribute: string, value: string): Promise<void> {
  const { engine } = host;
  const from = engine.log.entries.length;
  engine.modify(resource, attribute, [value]);
  await engine.waitFor(is("entry point ended", { entryPoint: "attr_changed" }), 60_000, from);
}

function registrations(): Promise<string[]> {
  return readdir(join(host.stateDirectory, "registrations"));
}

/** What the daemon asked the engine to look at, from an entry of the engine's log on. */
function probesOf(resource: string, from: number): number {
  const entries = host.engine.log.entries.slice(from).filter((entry) => entry.resource === resource);
  return entries.filter(is("hares")).filter(({ details }) => details.args?.[0] === "-probe").length;
}

describe("attr_changed", () => {
  it("warns of a delay below its default, and the new one holds without a restart (scenario 9)", async () => {
    await modify("web", "DelayAfterGuestOffline", "3");
    await modify("web", "DelayAfterGuestOnline", "2");

    const warning = "delay is below its default, the guest may be ended by force before it has stopped";
    expect(host.daemon.said(warning, { resource: "web", value: 3, byDefault: 30 })).not.toEqual([]);
    const other = "delay is below its default, the first monitor may find the guest not yet up";
    expect(host.daemon.said(other, { resource: "web", value: 2, byDefault: 5 })).not.toEqual([]);
    expect(await host.engine.online("web")).toBe("ONLINE");
    expect(
      host.engine.log.entries.findLast(is("entry point ended", { entryPoint: "online" }))?.details.exitCode,
    ).toBe(2);
  });

  it("puts a new GuestName in force between two operations, never under one", async () => {
    await startAttentive(host.libvirtd, "db2", files);
    await startGuest(host.libvirtd, { name: "db1", files: await guestFiles(), kind: "sector" });
    expect(await host.engine.probe("db")).toBe("ONLINE");
    const db = new Resource(host, "db", { GuestName: "db1", DelayAfterGuestOffline: "300" });
    const offline = db.offline({ timeoutS: 600 });
    await expect.poll(() => db.operation(), SOON).toBe("offline");

    const modified = modify("db", "GuestName", "db2");
    await host.engine.waitFor(is("hares", { args: ["-value", "db", "DROpts", SYSTEM] }));
    expect((await db.view())?.["guest"]).toBe("db1");
    await killEmulator(host.libvirtd, "db1");
    await Promise.all([offline, modified]);

    expect((await db.view())?.["guest"]).toBe("db2");
    expect(await domainState(host.libvirtd, "db2")).toBe("running (booted)");
    expect(await host.engine.probe("db")).toBe("ONLINE");
    const from = host.engine.log.entries.length;
    await killEmulator(host.libvirtd, "db2");
    await host.engine.waitFor(is("clean", { reason: 4 }), 60_000, from);
  });

  it("leaves what the last request brought when the engine does not tell", async () => {
    const from = host.daemon.lines.length;
    host.engine.haresFault = { kind: "error", commands: ["-value"] };

    await modify("mail", "DelayAfterGuestOffline", "45");
    host.engine.haresFault = undefined;

    const silent = "engine does not tell the attributes, the ones of the last request serve";
    await host.daemon.waitForLine(silent, { resource: "mail" }, { from });
    expect(await host.engine.online("mail")).toBe("ONLINE");
  });

  it("names what is wrong with a new value, and the old one stays", async () => {
    await modify("web", "GuestName", "we/b1");

    const [failed] = host.daemon.said("entry point failed", { entryPoint: "attr_changed", resource: "web" });
    expect(JSON.stringify(failed)).toContain("we/b1");
    expect((await new Resource(host, "web", {}).view())?.["guest"]).toBe("web1");
    await modify("web", "GuestName", "web1");
  });

  it("of a resource that is not open here changes nothing", async () => {
    const called = await host.shim("attr_changed", "unknown", "unknown", "GuestName", "web1");

    expect(called.exitCode).toBe(0);
    expect(await new Resource(host, "unknown", {}).view()).toBeUndefined();
  });
});

describe("open and close", () => {
  it("keep a resource from open to close, on disk too, and never touch its guest", async () => {
    await startAttentive(host.libvirtd, "kept", files);
    const pid = await emulatorPid(host.libvirtd, "kept");
    const resource = await openedResource(host, "kept");
    await resource.open();
    expect(await registrations()).toContain("kept.json");

    expect((await resource.close()).exitCode).toBe(0);
    expect((await resource.close()).exitCode).toBe(0);

    expect(await registrations()).not.toContain("kept.json");
    expect(await resource.view()).toBeUndefined();
    expect(await emulatorPid(host.libvirtd, "kept")).toBe(pid);
  });

  it("are not needed: a monitor brings all that the daemon must know", async () => {
    await startAttentive(host.libvirtd, "unopened", files);
    const resource = new Resource(host, "unopened", { GuestName: "unopened" });

    expect(await resource.monitor()).toBe(MONITOR.online);

    await expect.poll(registrations, SOON).toContain("unopened.json"); // a monitor does not wait for the disk
  });

  it("end the watch: a guest that dies after its close is no news", async () => {
    expect(await host.engine.online("left")).toBe("ONLINE");
    await host.engine.disable("left");
    const from = host.engine.log.entries.length;

    await killEmulator(host.libvirtd, "left1");
    await expect.poll(() => domainState(host.libvirtd, "left1"), SOON).toBe("shut off (crashed)");
    await host.engine.probe("mail");

    expect(probesOf("left", from)).toBe(0);
  });
});

describe("shutdown", () => {
  it("ends the watch of all resources until they are opened again, and touches no guest", async () => {
    expect(await host.engine.online("web")).toBe("ONLINE");
    const web = new Resource(host, "web", { GuestName: "web1" });
    const pid = await emulatorPid(host.libvirtd, "web1");

    expect((await host.shim("shutdown")).exitCode).toBe(0);

    expect((await web.view())?.["watched"]).toBe(false);
    expect(await emulatorPid(host.libvirtd, "web1")).toBe(pid);
    const from = host.engine.log.entries.length;
    await killEmulator(host.libvirtd, "web1");
    await expect.poll(() => domainState(host.libvirtd, "web1"), SOON).toBe("shut off (crashed)");
    expect(await web.monitor()).toBe(MONITOR.offline);
    expect(probesOf("web", from)).toBe(0);

    await web.open();
    expect((await web.view())?.["watched"]).toBe(true);
  });
});

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { is } from "../support/engine/engine-log.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { attentiveFiles, attentiveOptions, tell, waitUntilAttentive } from "../support/lab/boot-sector.ts";
import {
  defineGuest,
  domainState,
  emulatorPid,
  freezeEmulator,
  thawEmulator,
  waitForState,
} from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { run } from "../support/lab/run.ts";
import { until } from "../support/lab/until.ts";

const SOON = { timeout: 60_000 };
const BEGIN = "guest is resumed again and again until its disk is back";
const END = "guest is not stalled any more";

/** The engine's own monitors are an hour away: whatever it learns, the daemon told it. */
const QUIET = "DelayAfterGuestOnline = 0\n MonitorInterval = 3600\n OfflineMonitorInterval = 3600";

const ON_SMALL_DISKS = ["patient", "leaving"];
const GUESTS = ["icy", "cold", ...ON_SMALL_DISKS];

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost("kvm: { ioErrorPause: resume }");
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  for (const name of GUESTS) {
    const more = ON_SMALL_DISKS.includes(name) ? { ownDisk: await diskOnFullStorage(name) } : {};
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, name, files, more));
  }
  await host.startDaemon();
  await host.startEngine(
    GUESTS.map(
      (name) => `KVMGuest ${name} ( GuestName = ${name}\n DelayAfterGuestOffline = 3\n ${QUIET} )`,
    ).join("\n"),
  );
  await host.engine.probed();
});

afterAll(() => host.stop());

/** Runs a script where libvirtd sees its mounts. */
const besideLibvirtd = (script: string) =>
  run("nsenter", ["-t", String(host.libvirtd.pid), "-m", "sh", "-c", script]);

/** A disk to boot from, on storage that is full after a few blocks of it. */
async function diskOnFullStorage(name: string): Promise<string> {
  const small = join(host.libvirtd.folder, `storage-${name}`);
  const disk = join(small, "disk");
  await besideLibvirtd(`mkdir ${small} && mount -t tmpfs -o size=16k none ${small}
    dd if=${files.bootSector} of=${disk} bs=512 count=1 && truncate -s 1M ${disk}`);
  return disk;
}

const makeRoom = (name: string) =>
  besideLibvirtd(`mount -o remount,size=4m ${join(host.libvirtd.folder, `storage-${name}`)}`);

/** Brings a guest online under the engine; the places in both logs after that. */
async function online(name: string): Promise<{ readonly daemon: number; readonly engine: number }> {
  expect(await host.engine.online(name)).toBe("ONLINE");
  await waitUntilAttentive(host.libvirtd, name);
  expect(host.engine.confidence(name)).toBe(100);
  return { daemon: host.daemon.lines.length, engine: host.engine.log.entries.length };
}

function lastReason(resource: string): string {
  return String(host.daemon.said("engine is told a new state", { resource }).at(-1)?.["reason"]);
}

describe("a guest whose emulator stands still (scenario 27)", () => {
  it("is doubtful for as long as it does, and the engine is told of both without asking", async () => {
    const from = await online("icy");

    const pid = await freezeEmulator(host.libvirtd, "icy");
    await expect.poll(() => host.engine.confidence("icy"), SOON).toBe(20);
    expect(lastReason("icy")).toBe(
      `libvirt says running (booted); its emulator (pid ${pid}) is stopped by a signal or a debugger (state T)`,
    );
    expect(host.daemon.said("guest is in an alarming state", { guest: "icy" })).toHaveLength(1);

    await thawEmulator(host.libvirtd, "icy");
    await expect.poll(() => host.engine.confidence("icy"), SOON).toBe(100);
    expect(
      host.engine.log.entries
        .slice(from.engine)
        .filter(is("clean", {}))
        .filter(({ resource }) => resource === "icy"),
    ).toEqual([]);
  });

  it("is doubtful too while libvirtd is away", async () => {
    await online("cold");
    await freezeEmulator(host.libvirtd, "cold");
    await host.libvirtd.kill();
    try {
      expect(await host.engine.probe("cold")).toBe("ONLINE");
      expect(host.engine.confidence("cold")).toBe(20);
      expect(lastReason("cold")).toContain("lives and is stopped by a signal or a debugger");
    } finally {
      await thawEmulator(host.libvirtd, "cold");
      await host.libvirtd.restart();
    }
    await expect.poll(() => host.engine.confidence("cold"), SOON).toBe(100);
  });
});

describe("a guest whose disk has failed, with kvm.ioErrorPause: resume (scenario 17)", () => {
  it("goes on by itself when the disk does, and that is told once", async () => {
    const from = await online("patient");
    await tell(host.libvirtd, "patient", "fillDisk");
    await waitForState(host.libvirtd, "patient", "paused (I/O error)");
    await expect.poll(() => host.engine.confidence("patient"), SOON).toBe(20);
    await host.daemon.waitForLine(BEGIN, { guest: "patient" }, { from: from.daemon });
    const pid = await emulatorPid(host.libvirtd, "patient");

    // at least one attempt while the disk is full still
    await host.daemon.waitForLine(
      "stalled guest has stalled again",
      { guest: "patient" },
      { from: from.daemon },
    );
    expect(await domainState(host.libvirtd, "patient")).toBe("paused (I/O error)");
    await makeRoom("patient");
    await host.daemon.waitForLine(END, { guest: "patient" }, { from: from.daemon });

    await waitForState(host.libvirtd, "patient", "running (unpaused)");
    await expect.poll(() => host.engine.confidence("patient"), SOON).toBe(100);
    expect(await emulatorPid(host.libvirtd, "patient")).toBe(pid);
    expect(host.daemon.said(BEGIN, { guest: "patient" })).toHaveLength(1);
    expect(host.daemon.said(END, { guest: "patient" })).toHaveLength(1);
    expect(host.daemon.said("guest is in an alarming state", { guest: "patient" })).toHaveLength(1);
    expect(host.daemon.said("guest changed state", { guest: "patient", state: "ONLINE(100)" })).toHaveLength(
      1,
    );
  });

  it("is not resumed once the engine stops it: clean ends it", async () => {
    await online("leaving");
    await tell(host.libvirtd, "leaving", "fillDisk");
    await waitForState(host.libvirtd, "leaving", "paused (I/O error)");
    await expect.poll(() => host.engine.confidence("leaving"), SOON).toBe(20);

    const from = host.daemon.lines.length;
    const offline = host.engine.offline("leaving");
    await until("it is being stopped", () => host.engine.phase("leaving") === "going offline");
    await makeRoom("leaving");

    expect(await offline).toContain("OFFLINE");
    expect(await domainState(host.libvirtd, "leaving")).toContain("shut off");
    const states = host.daemon.lines.slice(from).filter(({ resource }) => resource === "leaving");
    expect(states.map(({ state }) => state)).not.toContain("ONLINE(100)");
  });
});

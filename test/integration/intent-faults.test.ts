import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EngineLogEntry, is } from "../support/engine/engine-log.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import {
  type AttentiveDeed,
  attentiveFiles,
  attentiveOptions,
  tell,
  waitUntilAttentive,
} from "../support/lab/boot-sector.ts";
import { defineGuest, domainState, emulatorPid, killEmulator, waitForState } from "../support/lab/guest.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { run } from "../support/lab/run.ts";

const SOON = { timeout: 60_000 };

/** The engine's own monitors are an hour away: whatever it learns, the daemon told it. */
const QUIET = "DelayAfterGuestOnline = 0\n MonitorInterval = 3600\n OfflineMonitorInterval = 3600";

/** Events alone can show the daemon anything: its own look at all guests is minutes away. */
const SELDOM = "monitorIntervalS: 300";

/** Opens a pipe, and reads it when told to by a file beside it. */
const SLOW_READER = 'exec 3<"$1"; until [ -e "$1.go" ]; do sleep 0.1; done; cat <&3 >/dev/null';

const GUESTS = `powered termed destroyed killed panicked
  suspended asleep managed saved offlined dumped backup rebooted wished started`.split(/\s+/);

let host: Host;

beforeAll(async () => {
  host = await makeHost(SELDOM);
  const { libvirtd } = host;
  const files = await attentiveFiles(libvirtd, await guestFiles());
  for (const name of GUESTS) {
    await defineGuest(libvirtd, attentiveOptions(libvirtd, name, files, { pm: true, panicDevice: true }));
  }
  await host.startDaemon();
  await host.startEngine(
    GUESTS.map((name) => `KVMGuest ${name} ( GuestName = ${name}\n ${QUIET} )`).join("\n"),
  );
  await host.engine.probed();
});

afterAll(() => host.stop());

const virsh = (...args: string[]): Promise<string> => host.libvirtd.virsh(...args);
async function say(name: string, deed: AttentiveDeed): Promise<void> {
  await waitUntilAttentive(host.libvirtd, name);
  await tell(host.libvirtd, name, deed);
}

async function terminate(name: string): Promise<void> {
  process.kill(await emulatorPid(host.libvirtd, name), "SIGTERM");
}

/** Brings a guest online under the engine; returns the place in the engine's log after that. */
async function online(name: string): Promise<number> {
  expect(await host.engine.online(name)).toBe("ONLINE");
  expect(host.engine.confidence(name)).toBe(100);
  return host.engine.log.entries.length;
}

/** The entries about a resource since a place in the log. */
function since(name: string, from: number): EngineLogEntry[] {
  return host.engine.log.entries.slice(from).filter(({ resource }) => resource === name);
}

describe("an end that nobody wished", () => {
  it.each([
    ["a power-off from inside, by default (scenario 79)", "powered", () => say("powered", "poweroff")],
    ["a SIGTERM to its emulator (scenario 80)", "termed", () => terminate("termed")],
    ["a destroy behind the engine's back", "destroyed", () => virsh("destroy", "destroyed")],
    ["a kill of its emulator (scenario 81)", "killed", () => killEmulator(host.libvirtd, "killed")],
    ["a panic", "panicked", () => say("panicked", "panic")],
  ] as const)("is a fault that the engine learns at once: %s", async (_what, name, end) => {
    const from = await online(name);

    await end();
    const cleaned = await host.engine.waitFor(is("clean", { reason: 4 }), 60_000, from);

    expect(cleaned.resource).toBe(name);
    await expect.poll(() => host.engine.state(name), SOON).toContain("FAULTED");
  });
});

describe("an end or a pause that somebody wished", () => {
  it.each([
    ["a managed save (scenario 82)", "managed", () => virsh("managedsave", "managed")],
    [
      "a save to a file (scenario 82)",
      "saved",
      () => virsh("save", "saved", join(host.libvirtd.folder, "saved.image")),
    ],
    ["a suspend", "suspended", () => virsh("suspend", "suspended")],
    ["its own sleep", "asleep", () => say("asleep", "sleep")],
  ] as const)("is no fault, and the engine learns it at once: %s", async (_what, name, end) => {
    const from = await online(name);

    await end();
    await expect.poll(() => host.engine.state(name), SOON).toBe("OFFLINE");

    expect(since(name, from).filter(is("clean"))).toEqual([]);
    expect(
      since(name, from).filter(is("entry point ended", { entryPoint: "monitor", exitCode: 200 })),
    ).not.toEqual([]);
  });

  it("is no fault where a power-off from inside is configured as a wish (scenario 79)", async () => {
    await host.configure(`${SELDOM}\nkvm: { guestPowerOff: intentional }`);
    host.daemon.signal("SIGHUP");
    await host.daemon.waitForLine("configuration reloaded");
    const from = await online("wished");

    await say("wished", "poweroff");
    await expect.poll(() => host.engine.state("wished"), SOON).toBe("OFFLINE");
    expect(since("wished", from).filter(is("clean"))).toEqual([]);

    const again = await online("wished");
    await killEmulator(host.libvirtd, "wished");
    await host.engine.waitFor(is("clean", { reason: 4 }), 60_000, again);
    expect(
      host.daemon.said("engine is told a new state", { resource: "wished", state: "OFFLINE" }),
    ).not.toEqual([]);
  });

  it("is no fault when it is the cluster's own offline (scenario 83)", async () => {
    const from = await online("offlined");

    expect(await host.engine.offline("offlined")).toBe("OFFLINE");

    expect(since("offlined", from).filter(is("clean"))).toEqual([]);
    expect(since("offlined", from).filter(is("hares"))).toEqual([]);
    expect(await domainState(host.libvirtd, "offlined")).toBe("shut off (shutdown)");
  });

  it("is no fault when a backup takes its memory from it, running or paused (scenario 84)", async () => {
    const from = await online("dumped");
    const pid = await emulatorPid(host.libvirtd, "dumped");

    await virsh("dump", "--live", "--memory-only", "dumped", join(host.libvirtd.folder, "live"));
    await virsh("dump", "dumped", join(host.libvirtd.folder, "core"));
    expect(await host.engine.probe("dumped")).toBe("ONLINE");

    expect(host.engine.confidence("dumped")).toBe(100);
    expect(since("dumped", from).filter(is("clean"))).toEqual([]);
    expect(await emulatorPid(host.libvirtd, "dumped")).toBe(pid);
  });

  it("is ONLINE with low confidence while a backup keeps it paused (scenario 84)", async () => {
    const from = await online("backup");
    const pipe = join(host.libvirtd.folder, "pipe");
    await run("mkfifo", [pipe]);

    const reader = run("sh", ["-c", SLOW_READER, "sh", pipe]);
    // a pipe is no file that libvirt likes to have written in the end, but until then it is a slow disk
    const dump = virsh("dump", "backup", pipe).catch((error: unknown) => error);
    await waitForState(host.libvirtd, "backup", "paused (dumping)");
    expect(await host.engine.probe("backup")).toBe("ONLINE");
    expect(host.engine.confidence("backup")).toBe(20);
    await writeFile(`${pipe}.go`, "");
    await Promise.all([dump, reader]);

    expect(await host.engine.probe("backup")).toBe("ONLINE");
    expect(host.engine.confidence("backup")).toBe(100);
    expect(since("backup", from).filter(is("clean"))).toEqual([]);
  });

  it("is no fault and no news when it reboots (scenario 26)", async () => {
    const from = await online("rebooted");

    await say("rebooted", "reboot");
    expect(await host.engine.probe("rebooted")).toBe("ONLINE");

    expect(since("rebooted", from).filter(is("clean"))).toEqual([]);
    expect(since("rebooted", from).filter(is("hares"))).toEqual([]);
  });
});

describe("a start behind the cluster's back", () => {
  it("is told to the engine at once (scenario 61)", async () => {
    expect(host.engine.state("started")).toBe("OFFLINE");
    const from = host.engine.log.entries.length;

    await virsh("start", "started");
    await expect.poll(() => host.engine.state("started"), SOON).toBe("ONLINE");

    expect(since("started", from).filter(is("external start"))).toHaveLength(1);
    expect(since("started", from).filter(is("hares"))).not.toEqual([]);
  });
});

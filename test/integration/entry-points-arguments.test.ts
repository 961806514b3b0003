import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { knownGuest } from "../support/host/known-guest.ts";
import { MONITOR } from "../support/host/resource.ts";
import { attentiveFiles, attentiveOptions } from "../support/lab/boot-sector.ts";
import { defineGuest, domainState } from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";

const SECRET = "gUoSfQrOePmNlMkL";

let host: Host;
let files: GuestFiles;

beforeAll(async () => {
  host = await makeHost();
  files = await attentiveFiles(host.libvirtd, await guestFiles());
  await host.startDaemon();
  await knownGuest(host, files, "box");
});

afterAll(() => host.stop());

/** Everything that was written about one resource, and not the environment of the machine. */
function complaints(resource: string): string[] {
  return host.daemon
    .said("entry point failed", { resource })
    .map((line) => JSON.stringify(line["err"]).replaceAll("\\", ""));
}

async function monitorExit(resource: string, ...tuples: string[]): Promise<number> {
  return (await host.shim("monitor", resource, ...tuples)).exitCode;
}

/** Words of an argument list in which no argument is empty or holds a blank. */
function words(text: string): string[] {
  return text.split(/\s+/);
}

const NAME = words("GuestName 1 box");
const AEP = words("AEPTimeout 1 60");
const DELAYS = words("DelayAfterGuestOnline 1 5 DelayAfterGuestOffline 1 30");
const PATHS = ["SyncDir", "1", "", "GuestConfigFilePath", "1", ""];
const ASSOCIATIONS = words(`CEInfo 6 Enabled 0 CESystem NONE FaultOnHBLoss 1
  RHEVMInfo 12 Enabled 0 URL NONE User NONE Password NONE Cluster NONE UseManualRHEVMFencing 0
  DROpts 14 ConfigureNetwork 0 IPAddress NONE Netmask NONE Gateway NONE DNSServers NONE DNSSearchPath NONE Device NONE`);

describe("the arguments of an entry point", () => {
  it.each([
    ["in the order of the type", [...NAME, ...DELAYS, ...PATHS, ...ASSOCIATIONS, ...AEP]],
    ["in another order", [...ASSOCIATIONS, ...DELAYS, ...NAME, ...AEP]],
    ["with AEPTimeout first", [...AEP, ...NAME]],
    ["with AEPTimeout in the middle", [...DELAYS, ...AEP, ...NAME]],
    ["with AEPTimeout twice", [...AEP, ...NAME, "AEPTimeout", "1", "30"]],
    ["without AEPTimeout", NAME],
    ["with an AEPTimeout that is no number", [...NAME, "AEPTimeout", "1", "soon"]],
    [
      "with unknown attributes",
      ["Colour", "1", "red", ...NAME, "Shades", "4", "a", "b", "c", "d", "Void", "0"],
    ],
    ["with blanks around a value", ["GuestName", "1", "  box ", ...AEP]],
    [
      "with NONE for what is not set",
      [...NAME, "SyncDir", "1", "NONE", "DelayAfterGuestOnline", "1", "NONE"],
    ],
    ["with empty lists", [...NAME, "CEInfo", "0", "RHEVMInfo", "0", "DROpts", "0"]],
    [
      "with values that were split at their blanks",
      [...NAME, "DROpts", "6", "Enabled", "0", "DNSServers", "10.1.0.2", "10.1.0.3", "10.1.0.4", ...AEP],
    ],
  ])("are understood %s", async (_how, tuples) => {
    expect(await monitorExit("vmres", ...tuples)).toBe(MONITOR.online);
  });

  it.each([
    ["is missing", "nameless", [...DELAYS, ...AEP], 'resource nameless: GuestName = ""'],
    ["is empty", "emptyname", ["GuestName", "1", "", ...AEP], 'resource emptyname: GuestName = ""'],
    ["is NONE", "nonename", ["GuestName", "1", "NONE", ...AEP], 'resource nonename: GuestName = ""'],
    ["is a path", "pathname", ["GuestName", "1", "../box"], 'resource pathname: GuestName = "../box"'],
    [
      "has two values",
      "twonames",
      ["GuestName", "2", "box", "tub"],
      'resource twonames: GuestName = "2 values"',
    ],
  ])(
    "are UNKNOWN to monitor when GuestName %s, and the message names it",
    async (_how, name, tuples, said) => {
      expect(await monitorExit(name, ...tuples)).toBe(MONITOR.unknown);

      expect(complaints(name)).toEqual([expect.stringContaining(said)]);
    },
  );

  it.each(["-5", "five", "5.5", "1e9", "86401", "0x10"])(
    "are UNKNOWN to monitor when a delay is %s, and the message names resource, attribute and value",
    async (delay) => {
      const resource = `delay${delay.replace("-", "minus")}`;

      expect(await monitorExit(resource, ...NAME, "DelayAfterGuestOffline", "1", delay)).toBe(
        MONITOR.unknown,
      );

      const said = `resource ${resource}: DelayAfterGuestOffline = "${delay}"`;
      expect(complaints(resource)).toEqual([expect.stringContaining(said)]);
    },
  );

  it("are complained of once, not at each monitor, and again after they were right", async () => {
    for (let count = 0; count < 3; count++) expect(await monitorExit("once", ...AEP)).toBe(MONITOR.unknown);
    expect(complaints("once")).toHaveLength(1);

    expect(await monitorExit("once", ...NAME)).toBe(MONITOR.online);
    expect(await monitorExit("once", ...AEP)).toBe(MONITOR.unknown);

    expect(complaints("once")).toHaveLength(2);
  });

  it.each([
    ["without any", []],
    ["with a count that is none", ["vmres", "GuestName", "box"]],
    ["with fewer values than promised", ["vmres", "GuestName", "1", "box", "DROpts", "14", "Device"]],
    ["with a name that is a path", ["../vmres", ...NAME]],
  ])("are UNKNOWN to monitor %s", async (_how, args) => {
    expect((await host.shim("monitor", ...args)).exitCode).toBe(MONITOR.unknown);
  });

  it("never bring a password into a log when they are shifted by one", async () => {
    const shifted = words(`RHEVMInfo 7 Enabled 0 URL NONE User NONE Password ${SECRET} Cluster NONE`);

    expect(await monitorExit("shifted", ...shifted, ...NAME)).toBe(MONITOR.unknown);

    expect(complaints("shifted")).toEqual([expect.stringContaining("the tuple that begins with argument")]);
    expect(JSON.stringify(host.daemon.lines)).not.toContain(SECRET);
    expect(await readFile(host.shimLog, "utf8").catch(() => "")).not.toContain(SECRET);
  });
});

describe("wrong arguments of what changes a guest", () => {
  it("start nothing", async () => {
    await defineGuest(host.libvirtd, attentiveOptions(host.libvirtd, "stays-off", files));

    const called = await host.shim(
      "online",
      "off",
      "GuestName",
      "1",
      "stays-off",
      "SyncDir",
      "1",
      "relative",
    );

    expect(called.exitCode).toBe(0);
    expect(await domainState(host.libvirtd, "stays-off")).toBe("shut off (unknown)");
    expect(complaints("off")).toEqual([expect.stringContaining('SyncDir = "relative"')]);
  });

  it("fail a clean, because nothing says which guest is meant", async () => {
    expect((await host.shim("clean", "unheard-of", "4", ...AEP)).exitCode).toBe(1);
  });

  it("end the guest of the last good request, because a guest must be stoppable", async () => {
    await knownGuest(host, files, "spoilt");

    const called = await host.shim(
      "clean",
      "spoilt",
      "4",
      "GuestName",
      "1",
      "spoilt",
      "SyncDir",
      "1",
      "x",
      ...AEP,
    );

    expect(called.exitCode).toBe(0);
    expect(await domainState(host.libvirtd, "spoilt")).toBe("shut off (destroyed)");
  });
});

describe("what is no entry point (scenario 8)", () => {
  it("changes nothing, and the daemon goes on", async () => {
    await copyFile(join(host.agentDirectory, "monitor"), join(host.agentDirectory, "info"));
    await copyFile(join(host.agentDirectory, "monitor"), join(host.agentDirectory, "actions/dance"));

    expect((await host.shim("info", "vmres", "1", ...NAME)).exitCode).toBe(0);
    const danced = await host.shim("actions/dance", "vmres", ...NAME);

    expect(danced.exitCode).toBe(1);
    expect(danced.output).toContain("dance");
    expect(await monitorExit("vmres", ...NAME)).toBe(MONITOR.online);
  });
});

import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TypeTimeouts } from "../../../daemon/readiness/timeouts.ts";
import {
  secondsIn,
  shutdownTimeCheck,
  stopSeconds,
  unitOrderCheck,
} from "../../../daemon/readiness/units.ts";
import { wordsOf } from "../../support/fakes/inspected-host.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "readiness-"));
});

afterEach(() => rm(folder, { recursive: true }));

/** A systemd whose systemctl prints these lines. */
async function systemd(lines: readonly string[]) {
  const systemctl = join(folder, "systemctl");
  await writeFile(systemctl, `#!/bin/sh\ncat <<'END'\n${lines.join("\n")}\nEND\n`);
  await chmod(systemctl, 0o755);
  return { systemctl, marker: folder };
}

function guests(...delays: readonly number[]) {
  return delays.map((delayAfterGuestOfflineS, at) => ({
    resource: `vm${at}`,
    attributes: attributesOfGuest(`web${at}`, { delayAfterGuestOfflineS }),
  }));
}

const saidOfOrder = async (lines: readonly string[]) =>
  wordsOf(await unitOrderCheck(await systemd(lines)).look(never));

describe("the check of the unit's order", () => {
  const GOOD = [
    "LoadState=loaded",
    "UnitFileState=enabled",
    "After=basic.target virtqemud.service libvirtd.service",
    "Before=shutdown.target vcs.service",
  ];

  it("is content with one between libvirt and the engine", async () => {
    expect(await saidOfOrder(GOOD)).toEqual(["ok: enabled, after libvirt and before vcs.service"]);
  });

  it("tells what is missing", async () => {
    expect(
      await saidOfOrder(["LoadState=loaded", "UnitFileState=disabled", "After=basic.target", "Before="]),
    ).toEqual([
      "warning: the unit is disabled: it does not start with the host",
      "problem: it is not ordered after libvirtd or virtqemud: at shutdown libvirt may go first",
      "problem: it is not ordered before vcs.service: at shutdown the daemon may go while the engine still stops guests",
    ]);
    expect(await saidOfOrder(["LoadState=not-found"])).toEqual(["warning: systemd does not know the unit"]);
  });

  it("checks nothing where systemd does not run, or does not answer", async () => {
    const { systemctl } = await systemd(GOOD);
    const marker = join(folder, "gone");
    expect(wordsOf(await unitOrderCheck({ systemctl, marker }).look(never))).toEqual([
      "not checked: systemd does not run this host",
    ]);
    expect(wordsOf(await unitOrderCheck({ systemctl: "/gone", marker: folder }).look(never))).toEqual([
      "not checked: gone show vcskvmguestd.service -p: cannot be run: spawn /gone ENOENT",
    ]);
  });
});

const long = () => Promise.resolve({ offlineS: 300, cleanS: 60 });
const short = () => Promise.resolve({ offlineS: 130, cleanS: 60 });

const saidOfTime = async (limit: string, timeouts: () => Promise<TypeTimeouts> = short) => {
  const places = await systemd(["LoadState=loaded", `TimeoutStopUSec=${limit}`]);
  return wordsOf(await shutdownTimeCheck(places, guests(60, 120), timeouts).look(never));
};

describe("the check of the time for a shutdown", () => {
  it("compares what guests may take with what systemd gives the engine", async () => {
    expect(await saidOfTime("5min")).toEqual([
      "ok: 2 guests, 10 at a time, may take 150 s to stop; systemd gives 5min",
    ]);
    expect(await saidOfTime("infinity")).toEqual([
      "ok: 2 guests, 10 at a time, may take 150 s to stop; systemd gives infinity",
    ]);
    expect(await saidOfTime("1min 30s")).toEqual([
      "problem: 2 guests, 10 at a time, may take 150 s to stop, but systemd kills the engine after 1min 30s, and then libvirt and the guests go down with the host",
    ]);
  });

  it("warns where the engine waits longer for one guest that hangs, as far as it tells", async () => {
    expect(await saidOfTime("5min", long)).toEqual([
      "warning: 2 guests, 10 at a time, may take 150 s to stop, and systemd gives 5min; but where storage hangs, the engine waits up to 390 s for one guest alone (OfflineTimeout, CleanTimeout)",
    ]);
    expect(await saidOfTime("6min 30s", long)).toEqual([
      "ok: 2 guests, 10 at a time, may take 150 s to stop; systemd gives 6min 30s",
    ]);
    expect(await saidOfTime("5min", () => Promise.reject(new Error("no engine")))).toEqual([
      "ok: 2 guests, 10 at a time, may take 150 s to stop; systemd gives 5min",
    ]);
  });

  it("checks nothing where systemd does not run the engine", async () => {
    expect(
      wordsOf(await shutdownTimeCheck(await systemd(["LoadState=not-found"]), guests(60), short).look(never)),
    ).toEqual(["not checked: systemd knows no vcs.service on this host"]);
  });

  it("counts rounds of ten guests, the slowest of each", () => {
    expect(stopSeconds(guests())).toBe(30);
    expect(stopSeconds(guests(30))).toBe(60);
    // the slowest of the first ten is 300, of the rest 60
    expect(stopSeconds(guests(300, ...Array.from({ length: 11 }, () => 60)))).toBe(390);
  });

  it.each([
    ["90s", 90],
    ["1min 30s", 90],
    ["1h 500ms", 3600.5],
    ["2", 2],
    ["soon", undefined],
    ["", undefined],
  ])("reads systemd's time span %j", (span, seconds) => {
    expect(secondsIn(span)).toBe(seconds);
  });
});

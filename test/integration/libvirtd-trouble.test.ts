import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineLogEntry } from "../support/engine/engine-log.ts";
import { is } from "../support/engine/engine-log.ts";
import { type Host, makeHost } from "../support/host/host.ts";
import { emulatorPid, killEmulator } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { configure } from "../support/trouble/configuration.ts";
import { monitorCode } from "../support/trouble/entry-point-run.ts";
import { hearEvents } from "../support/trouble/event-stream.ts";
import { stubbornEmulator, unburiedEmulator } from "../support/trouble/fake-emulator.ts";
import { guestNames, runSectorGuests, startAll } from "../support/trouble/sector-guests.ts";
import { stopLibvirtd } from "../support/trouble/stop-libvirtd.ts";

const ONLINE_100 = 110;
const ONLINE_30 = 103;
const UNKNOWN = 99;

const MANY = guestNames(22);
/** Looked at by the engine once a minute: what it learns sooner, the daemon told it. */
const QUIET = "quiet";
const RESOURCES = [...MANY, QUIET].map((name) => `r-${name}`);
/** Known to no resource of the engine. */
const LONE = ["gone", "replaced", "zombie", "unseen", "alive"] as const;

describe("libvirtd goes away under many guests", () => {
  let host: Host;

  beforeAll(async () => {
    host = await makeHost();
    await configure(host, { logLevel: "info" });
    await runSectorGuests(host.libvirtd, [...MANY, QUIET, ...LONE]);
    await host.daemon.start();
    const often = MANY.map(
      (name) => `KVMGuest r-${name} ( GuestName = ${name}  MonitorInterval = 1  OfflineMonitorInterval = 1 )`,
    );
    const seldom = `KVMGuest r-quiet ( GuestName = quiet  DelayAfterGuestOnline = 0  RestartLimit = 3 )`;
    await host.startEngine([...often, seldom].join("\n"));
    await host.engine.probed();
    await until("all are online", () => RESOURCES.every((name) => host.engine.confidence(name) === 100));
  });

  afterAll(() => host.stop());

  const since = (from: number, what: EngineLogEntry["what"]) =>
    host.engine.log.entries.slice(from).filter((entry) => entry.what === what);

  it("keeps every guest ONLINE while libvirtd is stopped two seconds and started (scenario 36)", async () => {
    const { engine, libvirtd, daemon } = host;
    const from = engine.log.entries.length;
    const logged = daemon.lines.length;

    await stopLibvirtd(libvirtd);
    const stoppedAt = performance.now();
    await until("each guest is proved by its emulator", () =>
      MANY.every((name) => engine.confidence(`r-${name}`) === 30),
    );
    await until("two seconds", () => performance.now() - stoppedAt > 2000);
    await libvirtd.restart();
    await until("all are read again", () => RESOURCES.every((name) => engine.confidence(name) === 100));

    expect(since(from, "state")).toEqual([]);
    expect(since(from, "clean")).toEqual([]);
    expect(daemon.said("libvirt connection lost", { lane: "watch" })).toHaveLength(1);
    // the outage is told once for each guest, however many monitors there were
    const told = daemon.lines.slice(logged).filter((line) => line.msg === "engine is told a new state");
    expect(told.length).toBeLessThanOrEqual(2 * (MANY.length + 1));
  });

  it("finds a guest that died while libvirtd was down, and tells the engine at once (scenario 38)", async () => {
    const { engine, libvirtd } = host;
    const from = engine.log.entries.length;

    await libvirtd.kill();
    const pid = await killEmulator(libvirtd, QUIET);
    await libvirtd.restart();
    await host.connected(); // the pauses between attempts grow while there is no libvirtd
    const connected = performance.now();
    const clean = await engine.waitFor(is("clean", { reason: 4 }), 60_000, from);

    expect(clean.resource).toBe("r-quiet");
    expect(clean.at - connected).toBeLessThan(10_000);
    expect(since(from, "probe requested").map((entry) => entry.resource)).toContain("r-quiet");
    await until("the engine starts it again", async () => (await emulatorPid(libvirtd, QUIET)) !== pid);
    await until("the engine sees it", () => engine.confidence("r-quiet") === 100);
  });

  it("sees an event once after it has connected again (scenario 43)", async () => {
    const { libvirtd, daemon, socket } = host;
    const from = daemon.lines.length;
    await libvirtd.restart();
    await daemon.waitForLine("libvirt connection lost", { lane: "watch" }, { from });
    await until("it is connected", async () => (await monitorCode(host, one("alive"))) === ONLINE_100);
    expect(await monitorCode(host, one("gone"))).toBe(ONLINE_100);
    const heard = await hearEvents(socket);

    await libvirtd.virsh("suspend", "alive");
    await libvirtd.virsh("resume", "alive");
    const changed = (guest: string) =>
      heard.lines.filter((line) => line["event"] === "changed" && line["guest"] === guest);
    const of = () => changed("alive");
    await until("both events came", () => of().length >= 2);
    await libvirtd.virsh("suspend", "gone");
    await libvirtd.virsh("resume", "gone");
    await until("later events came", () => changed("gone").length > 0);

    expect(of()).toHaveLength(2);
    heard.close();
  });

  it("answers by the emulator's proof while libvirtd is dead, and UNKNOWN where that fails (scenario 37)", async () => {
    const { libvirtd } = host;
    const zombie = await plantUnburied("zombie");
    for (const name of ["gone", "replaced", "zombie", "alive"]) {
      expect(await monitorCode(host, one(name))).toBe(ONLINE_100);
    }
    const uuid = await libvirtd.virsh("domuuid", "replaced");

    await libvirtd.kill();
    const before = await Promise.all(["gone", "zombie", "alive"].map((name) => monitorCode(host, one(name))));
    expect(before).toEqual([ONLINE_30, ONLINE_30, ONLINE_30]);
    await killEmulator(libvirtd, "gone");
    await zombie.kill();
    await killEmulator(libvirtd, "replaced");
    const impostor = await stubbornEmulator({ guest: "replaced", uuid });
    await writeFile(join(libvirtd.runDirectory, "replaced.pid"), `${impostor.pid}`);

    const names = ["gone", "replaced", "zombie", "unseen", "alive"];
    const codes = await Promise.all(names.map((name) => monitorCode(host, one(name))));
    expect(codes).toEqual([UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, ONLINE_30]);

    await impostor.stop();
    await zombie.stop();
    await libvirtd.restart();
    await until("it is back by itself", async () => (await monitorCode(host, one("alive"))) === ONLINE_100);
    expect(await monitorCode(host, one("unseen"))).toBe(ONLINE_100);
    expect(await monitorCode(host, one("gone"))).toBe(100);
  });

  /** Gives a guest an emulator that will not be buried: the daemon reads which one it is when it first sees the run. */
  async function plantUnburied(guest: string) {
    const { libvirtd } = host;
    const uuid = await libvirtd.virsh("domuuid", guest);
    const planted = await unburiedEmulator({ guest, uuid });
    const file = join(libvirtd.runDirectory, `${guest}.pid`);
    expect(await readFile(file, "utf8")).not.toBe("");
    await libvirtd.virsh("destroy", guest);
    await startAll(libvirtd, [guest]);
    await writeFile(file, `${planted.pid}`);
    return planted;
  }
});

function one(guest: string) {
  return { resource: `l-${guest}`, guest };
}

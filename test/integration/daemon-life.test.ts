import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { clientsAt } from "../support/ipc/processes.ts";
import { domainState, emulatorPid, killEmulator } from "../support/lab/guest.ts";
import { until } from "../support/lab/until.ts";
import { repositoryFile } from "../support/repository.ts";
import { configure } from "../support/trouble/configuration.ts";
import { argumentsOf, monitorCode, runEntryPoint, startShim } from "../support/trouble/entry-point-run.ts";
import { holdStarts } from "../support/trouble/hooks.ts";
import { type RecordingHares, recordingHares } from "../support/trouble/recording-hares.ts";
import { defineSectorGuests, runSectorGuests } from "../support/trouble/sector-guests.ts";
import { resourcesOf } from "../support/trouble/views.ts";

const ONLINE_100 = 110;
const OFFLINE = 100;
const UNKNOWN = 99;

const RUNNING = ["web1", "web2", "deaf", "spared", "victim"];

describe("the daemon comes and goes while guests run", () => {
  let host: Host;
  let hares: RecordingHares;

  beforeAll(async () => {
    host = await makeHost("", undefined, {
      // libvirtd gives up a client that is stopped
      libvirtdConf: ["keepalive_interval = 1", "keepalive_count = 1"],
    });
    hares = await recordingHares(host.folder);
    await configureDaemon();
    await runSectorGuests(host.libvirtd, RUNNING);
    await defineSectorGuests(host.libvirtd, ["starting"]);
    await host.daemon.start();
    for (const name of RUNNING) await isKnown(name);
  });

  afterAll(() => host.stop());

  const configureDaemon = () =>
    configure(host, {
      hares: hares.command,
      more: ["stopTimeoutS: 4", "monitorIntervalS: 1"],
      libvirt: ["openTimeoutS: 2"],
    });
  const isKnown = (guest: string) =>
    until(`${guest} is known`, async () => (await monitorCode(host, of(guest))) === ONLINE_100);
  const pids = () => Promise.all(RUNNING.map((name) => emulatorPid(host.libvirtd, name)));

  it("is killed and started again: guests run on, and all resources are known (scenario 90)", async () => {
    const before = await pids();
    const file = join(host.stateDirectory, "registrations/r-web1.json");
    await runEntryPoint(host, "open", of("web1"));
    await isKnown("web1");
    await until("it is on disk", async () => (await readFile(file, "utf8")).includes('"lastAnswer"'));

    await host.daemon.kill();
    await host.startDaemon();

    const resources = await resourcesOf(host.socket);
    expect([...resources.keys()].toSorted((one, other) => one.localeCompare(other))).toEqual(
      RUNNING.map((name) => `r-${name}`).toSorted((one, other) => one.localeCompare(other)),
    );
    expect(resources.get("r-web1")).toMatchObject({ guest: "web1", watched: true, told: "ONLINE(100)" });
    expect(await monitorCode(host, of("web1"))).toBe(ONLINE_100);
    expect(await pids()).toEqual(before);
  });

  it("leaves the shims with what is not known while it is away (scenario 12)", async () => {
    await host.daemon.kill();

    const ends = await Promise.all(
      ["monitor", "clean", "online", "offline"].map((name) => runEntryPoint(host, name, of("web1", 8))),
    );
    expect(ends.map(({ exitCode }) => exitCode)).toEqual([UNKNOWN, 1, 0, 0]);
    for (const { ms } of ends) expect(ms).toBeLessThan(8000);

    await host.daemon.start();
    await isKnown("web1");
  });

  it("answers nothing before its first full read (scenario 90)", async () => {
    await host.daemon.kill();
    await host.libvirtd.freeze();
    await host.daemon.start();

    const codes = await Promise.all(RUNNING.map((name) => monitorCode(host, of(name, 20))));
    expect(codes).toEqual(RUNNING.map(() => UNKNOWN));

    host.libvirtd.thaw();
    for (const name of RUNNING) await isKnown(name);
  });

  it("ends within its time in the middle of an offline and of a clean, and spares the guest", async () => {
    const { daemon, libvirtd } = host;
    const before = await pids();
    const offline = startShim(host, "offline", argumentsOf("offline", of("deaf")));
    await until("it is asked to stop", async () => (await operationOf("deaf")) === "offline");
    await libvirtd.freeze();
    try {
      const clean = startShim(host, "clean", argumentsOf("clean", of("spared")));
      await until("clean is under way", async () => (await operationOf("spared")) === "clean");

      const since = performance.now();
      const exitCode = await daemon.stop();
      const tookMs = performance.now() - since;

      expect(exitCode).toBe(0);
      expect(tookMs).toBeLessThan(7000);
      expect((await offline.ended).exitCode).toBe(0);
      expect((await clean.ended).exitCode).toBe(1);
    } finally {
      libvirtd.thaw();
    }
    expect(await pids()).toEqual(before);
    await daemon.start();
    for (const name of ["deaf", "spared"]) await isKnown(name);
  });

  it("ends in the middle of an online; what libvirt was asked goes on and is found", async () => {
    const { daemon, libvirtd } = host;
    const held = await holdStarts(libvirtd, "starting");
    await isKnown("web1");
    const online = startShim(host, "online", argumentsOf("online", of("starting")));
    await held.reached();

    expect(await daemon.stop()).toBe(0);
    expect((await online.ended).exitCode).toBe(0);

    await daemon.start();
    await held.release();
    await until("the guest runs", async () =>
      (await domainState(libvirtd, "starting")).startsWith("running"),
    );
    await isKnown("starting");
  });

  it("still serves offline after the framework's shutdown, then ends (scenario 57)", async () => {
    const { daemon, socket } = host;
    expect((await startShim(host, "shutdown", []).ended).exitCode).toBe(0);
    expect((await resourcesOf(socket)).get("r-web2")).toMatchObject({ watched: false });

    const from = (await hares.calls()).length;
    await host.libvirtd.virsh("destroy", "web2");
    expect((await runEntryPoint(host, "offline", of("web2"))).exitCode).toBe(0);
    expect(await daemon.stop()).toBe(0);
    expect((await hares.calls()).slice(from)).toEqual([]);

    await daemon.start();
    await runEntryPoint(host, "open", of("web1"));
    await isKnown("web1");
  });

  it("connects and reads again after it stood still, and tells the engine what it missed (scenario 93)", async () => {
    const { daemon, libvirtd } = host;
    await runEntryPoint(host, "open", of("victim"));
    await isKnown("victim");
    const from = daemon.lines.length;
    const asked = (await hares.calls()).length;

    await daemon.freeze();
    const since = performance.now();
    await killEmulator(libvirtd, "victim");
    await until("libvirtd has given it up", () => performance.now() - since > 5000);
    daemon.signal("SIGCONT");

    await daemon.waitForLine("libvirt connection lost", { lane: "watch" }, { from });
    await daemon.waitForLine("engine asked to probe", { resource: "r-victim" }, { from });
    expect((await hares.calls()).slice(asked)).toContain("-probe r-victim -sys node1");
    expect(await monitorCode(host, of("victim"))).toBe(OFFLINE);
  });

  it("never guesses while it gets no processor time (scenario 92)", async () => {
    const { daemon } = host;
    await daemon.freeze();
    const late = await runEntryPoint(host, "monitor", of("web1", 4));
    const waiting = Array.from({ length: 40 }, () => runEntryPoint(host, "monitor", of("web1", 20)));
    await until("they wait", async () => (await clientsAt(host.socket)).length >= 40);
    daemon.signal("SIGCONT");
    const codes = new Set((await Promise.all(waiting)).map(({ exitCode }) => exitCode));

    expect(late.exitCode).toBe(UNKNOWN);
    expect(late.ms).toBeLessThan(4000);
    expect([...codes]).toEqual([ONLINE_100]);
  });

  it("outlives a defect in one request", async () => {
    const { daemon } = host;
    await daemon.stop();
    await daemon.start({
      env: { NODE_OPTIONS: `--import ${repositoryFile("dist/test/support/injected-defect-main.js")}` },
    });
    const { pid } = daemon;

    const names = ["monitor", "clean", "online"];
    const codes = await Promise.all(
      names.map(
        async (name) => (await runEntryPoint(host, name, { resource: "defective", guest: "web1" })).exitCode,
      ),
    );

    expect(codes).toEqual([UNKNOWN, 1, 0]);
    const lines = daemon.said("entry point failed in a way nobody foresaw");
    expect(lines).toHaveLength(3);
    expect(JSON.stringify(lines[0]?.["err"])).toContain("an injected defect");
    await isKnown("web1");
    expect(daemon.pid).toBe(pid);
  });

  async function operationOf(guest: string): Promise<unknown> {
    return (await resourcesOf(host.socket)).get(`r-${guest}`)?.["operation"];
  }
});

function of(guest: string, timeoutS = 60) {
  return { resource: `r-${guest}`, guest, timeoutS };
}

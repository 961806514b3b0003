import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { is } from "../support/engine/engine-log.ts";
import {
  createToyCluster,
  entryPointsOf,
  isRunning,
  type ToyCluster,
} from "../support/engine/toy-cluster.ts";

let toy: ToyCluster;

beforeEach(async () => {
  toy = await createToyCluster();
});

afterEach(() => toy.end());

describe("the stand-in's entry points", () => {
  it("opens a resource before it probes it, and tells both the tuples of ArgList and the timeout", async () => {
    const engine = await toy.start('DROpts = {}\n SyncDir = "/a b"\n MonitorTimeout = 7');

    await engine.probed();

    expect(entryPointsOf(engine).slice(0, 2)).toEqual(["open", "monitor"]);
    expect(engine.state("web")).toBe("OFFLINE");
    expect(await toy.agent.argv("monitor")).toEqual(
      [
        [
          "web",
          "GuestName",
          "1",
          "vm1",
          "DelayAfterGuestOnline",
          "1",
          "5",
          "DelayAfterGuestOffline",
          "1",
          "30",
        ],
        ["SyncDir", "1", "/a b", "GuestConfigFilePath", "1", ""],
        ["CEInfo", "6", "Enabled", "0", "CESystem", "NONE", "FaultOnHBLoss", "1"],
        ["RHEVMInfo", "12", "Enabled", "0", "URL", "NONE", "User", "NONE", "Password", "NONE"],
        ["Cluster", "NONE", "UseManualRHEVMFencing", "0", "ResyncVMCfg", "1", "0", "DROpts", "0"],
        ["AEPTimeout", "1", "7"],
      ].flat(),
    );
    expect((await toy.agent.argv("open")).slice(-3)).toEqual(["AEPTimeout", "1", "60"]);
  });

  it("brings a resource online and takes it offline", async () => {
    const engine = await toy.start();
    await engine.probed();

    expect(await engine.online("web")).toBe("ONLINE");
    expect(engine.confidence("web")).toBe(100);
    expect(await engine.offline("web")).toBe("OFFLINE");
    expect(engine.log.entries.some(is("clean"))).toBe(false);
  });

  it("waits as many seconds as online's exit code says before it monitors", async () => {
    await toy.agent.does("online", ': >"$toy/up"; exit 1');
    const engine = await toy.start("MonitorInterval = 60\n OfflineMonitorInterval = 0");
    await engine.probed();

    await engine.online("web");

    const ended = engine.log.entries.find(is("entry point ended", { entryPoint: "online" }))?.at ?? 0;
    const monitored =
      engine.log.entries.findLast(is("entry point started", { entryPoint: "monitor" }))?.at ?? 0;
    expect(monitored - ended).toBeGreaterThanOrEqual(990);
  });

  it("runs one entry point of a resource at a time and serves many probes with one monitor", async () => {
    const engine = await toy.start("MonitorInterval = 60\n OfflineMonitorInterval = 0");
    await engine.probed();
    await toy.agent.does("online", ': >"$toy/up"; sleep 0.3; exit 0');
    const before = entryPointsOf(engine).length;

    const online = engine.online("web");
    const probes = [engine.probe("web"), engine.probe("web"), engine.probe("web")];
    await online;

    expect(await Promise.all(probes)).toEqual(["ONLINE", "ONLINE", "ONLINE"]);
    expect(entryPointsOf(engine).slice(before)).toEqual(["online", "monitor"]);
  });

  it("tells clean the reason before the tuples", async () => {
    await toy.agent.does("offline", "exit 0");
    const engine = await toy.start();
    await engine.probed();
    await engine.online("web");

    expect(await engine.offline("web")).toBe("OFFLINE");

    expect((await toy.agent.argv("clean")).slice(0, 5)).toEqual(["web", "1", "GuestName", "1", "vm1"]);
    expect((await toy.agent.argv("clean")).slice(-3)).toEqual(["AEPTimeout", "1", "60"]);
  });

  it("runs close when a resource is disabled, and nothing more until it is enabled", async () => {
    const engine = await toy.start();
    await engine.probed();

    await engine.disable("web");
    const before = entryPointsOf(engine);
    await engine.probe("web");

    expect(before.at(-1)).toBe("close");
    expect(entryPointsOf(engine)).toEqual(before);
    expect(engine.state("web")).toBe("OFFLINE|STATE UNKNOWN");
    expect(await engine.enable("web")).toBe("OFFLINE");
  });

  it("runs shutdown without arguments when it stops", async () => {
    const engine = await toy.start();
    await engine.probed();

    await engine.stop();

    expect(await toy.agent.argv("shutdown")).toEqual([]);
    expect(engine.log.entries.at(-1)?.details).toMatchObject({ entryPoint: "shutdown", exitCode: 0 });
  });

  it("tells attr_changed the new value of an attribute that RegList names, and no other", async () => {
    const engine = await toy.start();
    await engine.probed();

    engine.modify("web", "SyncDir", ["/elsewhere"]);
    engine.modify("web", "DelayAfterGuestOnline", ["3"]);
    await engine.waitFor(is("entry point ended", { entryPoint: "attr_changed" }));
    await engine.probe("web");

    expect(await toy.agent.argv("attr_changed")).toEqual(["web", "web", "DelayAfterGuestOnline", "3"]);
    expect((await toy.agent.argv("monitor")).slice(3, 10)).toEqual([
      "vm1",
      "DelayAfterGuestOnline",
      "1",
      "3",
      "DelayAfterGuestOffline",
      "1",
      "30",
    ]);
    expect(await toy.agent.argv("monitor")).toContain("/elsewhere");
    expect(entryPointsOf(engine).filter((name) => name === "attr_changed")).toHaveLength(1);
  });
});

describe("the stand-in's timeouts", () => {
  it("kills a script at its timeout, but not what it started, and calls clean with the reason", async () => {
    await toy.agent.does("online", 'sleep 30 & echo $! >"$toy/child"; wait');
    const engine = await toy.start("OnlineTimeout = 1\n OnlineRetryLimit = 0");
    await engine.probed();

    const state = await engine.online("web");

    const child = Number(await readFile(join(toy.agent.home, "child"), "utf8"));
    expect(engine.log.entries.find(is("entry point killed"))?.details).toMatchObject({
      entryPoint: "online",
      signal: "SIGKILL",
    });
    expect(engine.log.entries.find(is("clean"))?.details).toMatchObject({ reason: 2 });
    expect(state).toBe("FAULTED");
    expect(await isRunning(child)).toBe(true);

    await engine.stop();

    await vi.waitFor(async () => expect(await isRunning(child)).toBe(false), 10_000);
  });

  it("kills the whole process group when told to", async () => {
    await toy.agent.does("online", 'sleep 30 & echo $! >"$toy/child"; wait');
    const engine = await toy.start("OnlineTimeout = 1", { killScope: "process group" });
    await engine.probed();

    await engine.online("web");

    const child = Number(await readFile(join(toy.agent.home, "child"), "utf8"));
    await vi.waitFor(async () => expect(await isRunning(child)).toBe(false), 10_000);
  });

  it("takes a monitor that times out for UNKNOWN, and cleans after FaultOnMonitorTimeouts of them", async () => {
    const engine = await toy.start("MonitorTimeout = 2\n FaultOnMonitorTimeouts = 2\n RestartLimit = 1");
    await engine.probed();
    await engine.online("web");
    await toy.agent.does(
      "clean",
      'rm -f "$toy/up"; echo "[ -e $toy/up ] && exit 110; exit 100" >"$toy/do-monitor"',
    );
    const from = engine.log.entries.length;

    await toy.agent.does("monitor", "exec sleep 30");

    await engine.waitFor(is("state", { from: "ONLINE", to: "ONLINE|STATE UNKNOWN" }), 30_000, from);
    await engine.waitFor(is("clean", { reason: 5 }), 30_000, from);
    await engine.waitFor(is("restart"), 30_000, from);
    await engine.waitFor(is("state", { to: "ONLINE" }), 30_000, from);
    expect(engine.log.entries.slice(from).filter(is("entry point killed"))).toHaveLength(2);
  });

  it("never gives an action more than half of MonitorInterval", async () => {
    await toy.agent.hasAction("DevScan", "exec sleep 30");
    const engine = await toy.start("MonitorInterval = 1\n OfflineMonitorInterval = 60");
    await engine.probed();

    expect(await engine.action("web", "DevScan")).toEqual({ exitCode: 1, output: "" });
    expect(engine.log.entries.find(is("entry point killed"))?.details).toMatchObject({ timeoutS: 0.5 });
  });
});

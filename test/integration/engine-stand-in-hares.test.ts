import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ClusterStates } from "../support/engine/cluster-states.ts";
import { is } from "../support/engine/engine-log.ts";
import { createToyCluster, hares, type ToyCluster } from "../support/engine/toy-cluster.ts";

let toy: ToyCluster;

beforeEach(async () => {
  toy = await createToyCluster();
});

afterEach(() => toy.end());

describe("hares of the stand-in", () => {
  it("prints states, values and attributes in columns", async () => {
    const cluster = new ClusterStates();
    cluster.set("n2", "web", "ONLINE|STATE UNKNOWN");
    const engine = await toy.start("", { cluster });
    await engine.probed();

    expect(await hares(engine, "-state", "web")).toEqual({
      exitCode: 0,
      stdout: "#Resource Attribute System Value\nweb State n1 OFFLINE\nweb State n2 ONLINE|STATE UNKNOWN\n",
      stderr: "",
    });
    expect((await hares(engine, "-value", "web", "GuestName")).stdout).toBe("vm1\n");
    expect((await hares(engine, "-value", "web", "CEInfo")).stdout).toBe(
      "Enabled 0 CESystem NONE FaultOnHBLoss 1\n",
    );
    expect((await hares(engine, "-value", "web", "State", "n2")).stdout).toBe("ONLINE|STATE UNKNOWN\n");
    const display = await hares(engine, "-display", "web");
    expect(display.stdout.split("\n")[0]).toBe("#Resource Attribute System Value");
    expect(display.stdout).toContain("\nweb GuestName global vm1\n");
    expect((await hares(engine, "-list")).stdout).toBe("web n1\nweb n2\n");
  });

  it("asks for a monitor and says nothing", async () => {
    const engine = await toy.start("OfflineMonitorInterval = 0");
    await engine.probed();
    await toy.agent.guest("up");

    expect(await hares(engine, "-probe", "web", "-sys", "n1")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });

    await engine.waitFor(is("external start"));
  });

  it("runs an action, prints its output and exits as it did", async () => {
    await toy.agent.hasAction("guestmigrated", 'echo "migrated"; exit 0');
    await toy.agent.hasAction("DevScan", 'echo "no storage"; exit 7');
    const engine = await toy.start("MonitorInterval = 60");
    await engine.probed();

    const done = await hares(
      engine,
      "-action",
      "web",
      "guestmigrated",
      "-actionargs",
      "a b",
      "c",
      "-sys",
      "n1",
    );

    expect(done).toEqual({ exitCode: 0, stdout: "migrated\n", stderr: "" });
    expect((await toy.agent.argv("guestmigrated")).slice(-6)).toEqual([
      "2",
      "a b",
      "c",
      "AEPTimeout",
      "1",
      "30",
    ]);
    const failed = await hares(engine, "-action", "web", "DevScan", "-sys", "n1");
    expect(failed).toEqual({ exitCode: 1, stdout: "no storage\n", stderr: "" });
  });

  it.each([
    [["-probe", "nope", "-sys", "n1"], "VCS ERROR V-16-1-10260 Resource nope does not exist\n"],
    [["-probe", "web", "-sys", "n9"], "VCS ERROR V-16-1-10200 System n9 is not available\n"],
    [
      ["-action", "web", "reboot", "-sys", "n1"],
      "VCS ERROR V-16-1-99901 Action reboot is not supported by type KVMGuest\n",
    ],
    [["-value", "web", "Nothing"], "VCS ERROR V-16-1-99901 Attribute Nothing does not exist\n"],
  ])("exits 1 with a message for %j", async (args, stderr) => {
    const engine = await toy.start();
    await engine.probed();

    expect(await hares(engine, ...args)).toEqual({ exitCode: 1, stdout: "", stderr });
  });

  it("changes values, whole or in part, when the configuration is writable", async () => {
    const engine = await toy.start();
    await engine.probed();

    expect((await hares(engine, "-modify", "web", "SyncDir", "%-odd")).exitCode).toBe(0);
    expect((await hares(engine, "-modify", "web", "CEInfo", "-update", "Enabled", "1")).exitCode).toBe(0);
    engine.isWritable = false;
    const refused = await hares(engine, "-modify", "web", "SyncDir", "/x");

    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/^VCS ERROR V-16-1-10369 /);
    expect((await hares(engine, "-value", "web", "SyncDir")).stdout).toBe("-odd\n");
    expect((await hares(engine, "-value", "web", "CEInfo")).stdout).toBe(
      "Enabled 1 CESystem NONE FaultOnHBLoss 1\n",
    );
  });

  it("cannot connect when the engine is gone", async () => {
    const engine = await toy.start();
    await engine.probed();
    await engine.stop();

    const { exitCode, stderr } = await hares(engine, "-state");

    expect(exitCode).toBe(1);
    expect(stderr).toBe("VCS ERROR V-16-1-10600 Cannot connect to VCS engine\n");
  });

  it("hangs or fails when a test wants it to", async () => {
    const engine = await toy.start();
    await engine.probed();
    engine.haresFault = {
      kind: "error",
      commands: ["-probe"],
      exitCode: 3,
      stderr: "VCS ERROR V-16-1-50129 no\n",
    };
    const failed = await hares(engine, "-probe", "web", "-sys", "n1");
    const other = await hares(engine, "-value", "web", "GuestName");
    engine.haresFault = { kind: "hang" };
    const from = engine.log.entries.length;
    let hasEnded = false;
    const hanging = hares(engine, "-value", "web", "GuestName").finally(() => {
      hasEnded = true;
    });
    await engine.waitFor(is("hares"), 30_000, from);
    await engine.probe("web");

    expect(failed).toEqual({ exitCode: 3, stdout: "", stderr: "VCS ERROR V-16-1-50129 no\n" });
    expect(other.exitCode).toBe(0);
    expect(hasEnded).toBe(false);
    engine.haresFault = undefined;
    expect((await hanging).exitCode).toBe(1);
  });
});

describe("the stand-in's log", () => {
  it("is a file of lines like the engine's, and holds no password", async () => {
    const logFile = join(toy.agent.home, "engine.log");
    const engine = await toy.start('RHEVMInfo = { Enabled = 1, Password = "BNCnCNc" }', { logFile });
    await engine.probed();
    expect(await toy.agent.argv("monitor")).toContain("BNCnCNc"); // the next one has the new password
    await hares(engine, "-modify", "web", "RHEVMInfo", "-update", "Password", "HXyZ");
    await engine.waitFor(is("entry point ended", { entryPoint: "attr_changed" }));

    const text = await readFile(logFile, "utf8");

    expect(await toy.agent.argv("attr_changed")).toContain("HXyZ");
    expect(text).not.toMatch(/BNCnCNc|HXyZ/);
    expect(JSON.stringify(engine.log.entries)).not.toMatch(/BNCnCNc|HXyZ/);
    expect(text.split("\n")[0]).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d VCS INFO V-16-1-\d+ \(n1\) web entry point started /,
    );
  });
});

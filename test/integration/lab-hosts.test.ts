import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attentiveFiles, startAttentive, tell } from "../support/lab/boot-sector.ts";
import {
  domainState,
  emulatorPid,
  startGuest,
  typeOnConsole,
  waitForMarker,
  waitForState,
} from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import { holdMigrations, letGo } from "../support/lab/hold.ts";
import { type Lab, makeLab } from "../support/lab/lab.ts";
import type { LabHost } from "../support/lab/lab-host.ts";
import { migrateGuest, movableGuest } from "../support/lab/migrate.ts";
import { run } from "../support/lab/run.ts";
import { watchTicks } from "../support/lab/ticks.ts";
import { until } from "../support/lab/until.ts";
import { repositoryFile } from "../support/repository.ts";

let files: GuestFiles;
let attentive: GuestFiles;
let lab: Lab;
let one: LabHost;
let two: LabHost;

beforeAll(async () => {
  files = await guestFiles();
  lab = await makeLab(["node1", "node2"]);
  [one, two] = [lab.on("node1"), lab.on("node2")];
  attentive = await attentiveFiles(one.libvirtd, files);
});

afterAll(() => lab.stop());

/** The first number after a word in what `virsh domjobinfo` says, 0 without. */
async function jobFigure(host: LabHost, name: string, word: string): Promise<number> {
  const text = await host.libvirtd.virsh("domjobinfo", name);
  return Number(new RegExp(`^${word}:\\s+([\\d.]+)`, "m").exec(text)?.[1] ?? 0);
}

/** How many processes of that name a host sees. */
async function countProcesses(host: LabHost, name: string): Promise<number> {
  const { stdout } = await host.exec("sh", ["-c", "cat /proc/[0-9]*/comm"]);
  return stdout.split("\n").filter((line) => line === name).length;
}

describe("the hosts of a lab", () => {
  it("have their own names and network, and reach each other by name", async () => {
    const { stdout: machine } = await run("ip", ["-o", "address"]);

    expect((await one.exec("hostname")).stdout).toBe("node1");
    expect((await one.exec("ip", ["-o", "address"])).stdout).toContain("10.77.0.1/24");
    expect((await one.exec("virsh", ["-c", two.uri, "hostname"])).stdout).toBe("node2");
    expect(machine).not.toContain("10.77.0.");
  });

  it("have their own pids, of which the machine sees other numbers", async () => {
    await startGuest(one.libvirtd, { name: "seen", files, kind: "sector" });
    const pid = await emulatorPid(one.libvirtd, "seen");

    expect(await countProcesses(one, "qemu-system-x86")).toBe(1);
    expect(await countProcesses(two, "qemu-system-x86")).toBe(0);
    process.kill(pid, "SIGKILL");
    await waitForState(one.libvirtd, "seen", "shut off (crashed)");
  });

  it("end what runs on them with the command that started it", async () => {
    await expect(one.exec("sleep", ["1000"], 500)).rejects.toThrow("killed after 500 ms");

    await until("it is gone", async () => (await countProcesses(one, "sleep")) === 0);
    await expect(one.exec("sh", ["-c", "exit 7"])).rejects.toThrow("ended with 7");
  });
});

describe("a live migration between hosts of a lab", () => {
  it("moves a ticking guest there and back, and it misses no tick", async () => {
    const options = movableGuest(one.libvirtd, "web1", files, { agent: true });
    const { serialLog = "", consolePath = "" } = options;
    await startGuest(one.libvirtd, options);
    await waitForMarker(serialLog, "READY");
    const watching = new AbortController();
    const ticks = await watchTicks(serialLog, watching.signal);
    await until("a tick", () => ticks.last() > 0);

    await migrateGuest("web1", one, two);
    const before = ticks.last();
    await until("it ticks on", () => ticks.last() > before + 1);

    expect(await domainState(two.libvirtd, "web1")).toBe("running (migrated)");
    expect(await domainState(one.libvirtd, "web1")).toBe("shut off (migrated)");
    await typeOnConsole(two.libvirtd.outsidePath(consolePath), "ping");
    const ping = ["qemu-agent-command", "web1", '{"execute":"guest-ping"}'];
    expect(await until("the agent answers", () => two.libvirtd.virsh(...ping))).toBe('{"return":{}}');

    await migrateGuest("web1", two, one);
    const back = ticks.last();
    await until("it ticks on", () => ticks.last() > back + 1);

    expect(ticks.irregular()).toEqual([]);
    expect(ticks.largestGapMs()).toBeGreaterThan(900);
    expect(await domainState(one.libvirtd, "web1")).toBe("running (migrated)");
    watching.abort();
    await one.libvirtd.virsh("destroy", "web1");
  });

  it("moves an attentive guest, whose disk is read only", async () => {
    await startAttentive(one.libvirtd, "attentive", attentive, { migrates: true });

    await migrateGuest("attentive", one, two);
    await tell(two.libvirtd, "attentive", "poweroff");

    const state = () => domainState(two.libvirtd, "attentive");
    await expect.poll(state, { timeout: 60_000 }).toBe("shut off (shutdown)");
  });

  it("refuses a guest with a disk that only one host can be trusted with", async () => {
    const ownDisk = `${lab.folder}/own.img`;
    await run("cp", [files.bootSector, ownDisk]);
    await startGuest(one.libvirtd, { name: "unsafe", files, kind: "sector", ownDisk, migrates: true });

    await expect(migrateGuest("unsafe", one, two)).rejects.toThrow("Unsafe migration");

    await one.libvirtd.virsh("destroy", "unsafe");
  });
});

describe.each(["attentive", "kernel"] as const)("a migration of an %s guest that is held", (kind) => {
  const name = `held-${kind}`;

  beforeEach(async () => {
    if (kind === "attentive") {
      await startAttentive(one.libvirtd, name, attentive, { migrates: true });
      await tell(one.libvirtd, name, "scribble");
    } else {
      const options = movableGuest(one.libvirtd, name, files, { dirtyMiB: 4 });
      await startGuest(one.libvirtd, options);
      await waitForMarker(options.serialLog ?? "", "READY");
    }
  });

  it("goes on until it is aborted, and the next one until it is let go", async () => {
    await holdMigrations(one.libvirtd, name);
    const held = migrateGuest(name, one, two).then(
      () => "moved",
      (error: unknown) => String(error),
    );
    await until("5 s passed", async () => (await jobFigure(one, name, "Time elapsed")) > 5000);
    expect(await domainState(one.libvirtd, name)).toBe("running (booted)");
    expect(await domainState(two.libvirtd, name)).toBe("paused (migrating)");
    await one.libvirtd.virsh("domjobabort", name);
    expect(await held).toContain("canceled by client");
    expect(await domainState(one.libvirtd, name)).toBe("running (booted)");

    await holdMigrations(one.libvirtd, name);
    const released = migrateGuest(name, one, two);
    await until("it began", async () => (await jobFigure(one, name, "Iteration")) > 0);
    await letGo(one.libvirtd, name);
    await released;

    expect(await domainState(two.libvirtd, name)).toBe("running (migrated)");
    await two.libvirtd.virsh("destroy", name);
  });
});

describe("a fault of a lab's host", () => {
  it("cuts its cable, and puts it back", async () => {
    const ask = () => one.exec("virsh", ["-c", two.uri, "hostname"], 3000);

    await two.cut();
    await expect(ask()).rejects.toThrow("killed after 3000 ms");
    expect(await two.libvirtd.virsh("hostname")).toBe("node2");
    await two.join();

    expect((await until("it is reached again", ask)).stdout).toBe("node2");
  });

  it("takes its power, and all that ran on it, but nothing of the others", async () => {
    for (const { libvirtd } of lab.hosts) await startGuest(libvirtd, { name: "a", files, kind: "sector" });
    const pids = [two.libvirtd.pid, await emulatorPid(two.libvirtd, "a")];
    const boot = (await two.exec("cat", ["/proc/sys/kernel/random/boot_id"])).stdout;

    await two.powerOff();

    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(() => two.libvirtd.pid).toThrow("does not run");
    expect(() => two.command).toThrow("node2 is off");
    expect(await domainState(one.libvirtd, "a")).toBe("running (booted)");

    await two.powerOn();

    expect(await domainState(two.libvirtd, "a")).toBe("shut off (unknown)");
    expect((await one.exec("virsh", ["-c", two.uri, "hostname"])).stdout).toBe("node2");
    expect((await two.exec("cat", ["/proc/sys/kernel/random/boot_id"])).stdout).not.toBe(boot);
    await one.libvirtd.virsh("destroy", "a");
  });

  it("kills, freezes and restarts its libvirtd, and its guest goes on", async () => {
    await startGuest(one.libvirtd, { name: "b", files, kind: "sector" });
    const pid = await emulatorPid(one.libvirtd, "b");
    const first = one.libvirtd.pid;

    await one.libvirtd.kill();
    expect(existsSync(`/proc/${first}`)).toBe(false);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    await one.libvirtd.restart();
    expect(await emulatorPid(one.libvirtd, "b")).toBe(pid);
    await one.libvirtd.freeze();
    await expect(run("virsh", ["-c", one.libvirtd.uri, "uri"], 1000)).rejects.toThrow("killed after 1000 ms");
    one.libvirtd.thaw();

    expect(await domainState(one.libvirtd, "b")).toBe("running (booted)");
    expect(await two.libvirtd.virsh("hostname")).toBe("node2");
  });
});

describe("the end of a lab", () => {
  it("leaves nothing when it is stopped, and another lab with the same names alone", async () => {
    const other = await makeLab(["node1", "node2"]);
    const { libvirtd } = other.on("node2");
    await startGuest(libvirtd, { name: "c", files, kind: "sector" });
    const pids = [...other.hosts.map((host) => host.libvirtd.pid), await emulatorPid(libvirtd, "c")];
    await other.on("node1").powerOff();

    await other.stop();
    await other.stop();

    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(existsSync(other.folder)).toBe(false);
    expect((await one.exec("virsh", ["-c", two.uri, "hostname"])).stdout).toBe("node2");
  });

  it("leaves nothing when a libvirtd does not start, and says why", async () => {
    const broken = makeLab(["node1", "node2"], {
      libvirtd: (name) => (name === "node2" ? { libvirtdConf: ["max_clients = -1"] } : {}),
    });

    await expect(broken).rejects.toThrow("max_clients");
  });

  it("leaves nothing when the tests themselves are killed", async () => {
    const tests = spawn(process.execPath, [repositoryFile("dist/test/support/lab-main.js")]);
    let said = "";
    tests.stdout.on("data", (text: Buffer) => {
      said += text.toString();
    });
    const [, folder = "", list = ""] = await until(
      "a lab",
      () => /"(\/[^"]+)","pids":\[(.*)\]/.exec(said) ?? undefined,
    );
    const pids = list.split(",");
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toHaveLength(3);

    tests.kill("SIGKILL");

    await until("its processes are gone", () => pids.every((pid) => !existsSync(`/proc/${pid}`)));
    await until("its folder is gone", () => !existsSync(folder));
  });
});

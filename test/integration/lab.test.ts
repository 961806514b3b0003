import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createGuest,
  domainState,
  emulatorPid,
  freezeEmulator,
  guestPaths,
  killEmulator,
  startGuest,
  thawEmulator,
  typeOnConsole,
  waitForMarker,
  waitForState,
} from "../support/lab/guest.ts";
import { type GuestFiles, guestFiles } from "../support/lab/guest-files.ts";
import type { GuestOptions } from "../support/lab/guest-xml.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../support/lab/libvirtd.ts";
import { makeFolder } from "../support/lab/libvirtd-folder.ts";
import { run } from "../support/lab/run.ts";
import { until } from "../support/lab/until.ts";

let files: GuestFiles;
let libvirtd: PrivateLibvirtd;

beforeAll(async () => {
  files = await guestFiles();
  libvirtd = await startLibvirtd();
});

afterAll(async () => {
  await libvirtd.stop();
});

/** Starts a guest with a log and a console, and waits until it is up. */
async function boot(name: string, options: Partial<GuestOptions> = {}): Promise<Paths> {
  const paths = guestPaths(libvirtd, name);
  await startGuest(libvirtd, { name, files, ...paths, ...options });
  await waitForMarker(paths.serialLog, "READY");
  return paths;
}

interface Paths {
  serialLog: string;
  consolePath: string;
}

/** Seconds of the guest's own clock at which it said that. */
async function saidAt(serialLog: string, text: string): Promise<number> {
  return Number((await waitForMarker(serialLog, text)).split(" ")[2]);
}

/** Most changes take a moment. */
const SOON = { timeout: 60_000 };

describe("a tiny guest", () => {
  it("hears its console, reboots, and obeys the power button", async () => {
    const { serialLog, consolePath } = await boot("plain");

    await typeOnConsole(consolePath, "ping");
    await waitForMarker(serialLog, "PONG");
    await typeOnConsole(consolePath, "reboot");
    await until(
      "a second READY",
      async () => (await readFile(serialLog, "latin1")).split("READY").length > 2,
    );
    await libvirtd.virsh("shutdown", "plain");

    await waitForMarker(serialLog, "BUTTON");
    await expect.poll(() => domainState(libvirtd, "plain"), SOON).toBe("shut off (shutdown)");
  });

  it("ignores the power button when told so", async () => {
    const { serialLog, consolePath } = await boot("stubborn", { powerButton: "ignore" });

    await libvirtd.virsh("shutdown", "stubborn");
    await typeOnConsole(consolePath, "ping");

    expect(await readFile(serialLog, "latin1")).not.toContain("BUTTON");
    expect(await domainState(libvirtd, "stubborn")).toBe("running (booted)");
    await libvirtd.virsh("destroy", "stubborn");
    expect(await domainState(libvirtd, "stubborn")).toBe("shut off (destroyed)");
  });

  it("obeys the power button late when told so", async () => {
    const { serialLog } = await boot("slow", { powerButton: { delayS: 2 } });

    await libvirtd.virsh("shutdown", "slow");
    await waitForState(libvirtd, "slow", "shut off (shutdown)");

    expect(
      (await saidAt(serialLog, "POWEROFF")) - (await saidAt(serialLog, "BUTTON")),
    ).toBeGreaterThanOrEqual(2);
  });

  it("panics, which libvirt sees through the panic device", async () => {
    await boot("panics", { action: { do: "panic", afterS: 0 }, panicDevice: true, onCrash: "preserve" });

    await expect.poll(() => domainState(libvirtd, "panics"), SOON).toBe("crashed (panicked)");
    await libvirtd.virsh("destroy", "panics");
  });

  it("powers itself off", async () => {
    await boot("tired", { action: { do: "poweroff", afterS: 1 } });

    await expect.poll(() => domainState(libvirtd, "tired"), SOON).toBe("shut off (shutdown)");
  });

  it("sleeps and is woken", async () => {
    const { serialLog, consolePath } = await boot("sleeper", { pm: true });

    await typeOnConsole(consolePath, "suspend");
    await expect.poll(() => domainState(libvirtd, "sleeper"), SOON).toBe("pmsuspended (unknown)");
    await libvirtd.virsh("dompmwakeup", "sleeper");

    await waitForMarker(serialLog, "RESUMED");
    await libvirtd.virsh("destroy", "sleeper");
  });

  it("answers through the real guest agent, until it hangs", async () => {
    const { serialLog, consolePath } = await boot("agent", { agent: true });
    const ping = () =>
      libvirtd.virsh("qemu-agent-command", "agent", '{"execute":"guest-ping"}', "--timeout", "2");

    expect(await until("the agent answers", ping)).toBe('{"return":{}}');
    await typeOnConsole(consolePath, "hang");
    await waitForMarker(serialLog, "HANG");

    await expect(ping()).rejects.toThrow(/agent/i);
    await libvirtd.virsh("destroy", "agent");
  });

  it("is cheap as a boot sector, and gone when it was transient", async () => {
    await createGuest(libvirtd, { name: "sector", files, kind: "sector" });

    expect(await domainState(libvirtd, "sector")).toBe("running (booted)");
    await libvirtd.virsh("destroy", "sector");
    await expect(domainState(libvirtd, "sector")).rejects.toThrow("failed to get domain");
  });
});

describe("a fault", () => {
  it("kills libvirtd and nothing else, and the next libvirtd finds the guest", async () => {
    const { serialLog } = await boot("survivor", { tick: true });
    const pid = await emulatorPid(libvirtd, "survivor");
    const first = libvirtd.pid;

    await libvirtd.kill();
    const before = (await readFile(serialLog, "latin1")).split("TICK").length;
    await until(
      "it ticks on",
      async () => (await readFile(serialLog, "latin1")).split("TICK").length > before,
    );
    expect(() => libvirtd.pid).toThrow("does not run");
    await libvirtd.restart();

    expect(libvirtd.pid).not.toBe(first);
    await waitForState(libvirtd, "survivor", "running (booted)"); // libvirtd takes up its domains after its socket
    expect(await emulatorPid(libvirtd, "survivor")).toBe(pid);
    await libvirtd.virsh("destroy", "survivor");
  });

  it("freezes libvirtd, which answers again when thawed", async () => {
    await libvirtd.freeze();
    await expect(run("virsh", ["-c", libvirtd.uri, "uri"], 1000)).rejects.toThrow("killed after 1000 ms");
    libvirtd.thaw();

    expect(await libvirtd.virsh("uri")).toContain("qemu");
  });

  it("kills or freezes an emulator", async () => {
    await startGuest(libvirtd, { name: "victim", files, kind: "sector" });

    const pid = await freezeEmulator(libvirtd, "victim");
    expect(await readFile(`/proc/${pid}/status`, "latin1")).toMatch(/^State:\tT/m);
    expect(await domainState(libvirtd, "victim")).toBe("running (booted)");
    await thawEmulator(libvirtd, "victim");
    await killEmulator(libvirtd, "victim");

    await waitForState(libvirtd, "victim", "shut off (crashed)");
    await expect(emulatorPid(libvirtd, "victim")).rejects.toThrow("victim.pid");
  });
});

describe("the end", () => {
  it("leaves no process and no folder of a stopped libvirtd, and others alone", async () => {
    const other = await startLibvirtd({ hostname: "other" });
    await startGuest(other, { name: "left", files, kind: "sector" });
    await startGuest(other, { name: "frozen", files, kind: "sector" });
    const pids = [other.pid, await emulatorPid(other, "left"), await freezeEmulator(other, "frozen")];
    expect(await other.virsh("hostname")).toBe("other");
    await other.freeze();

    await Promise.all([other.stop(), other.stop()]);
    await other.stop();

    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(existsSync(other.folder)).toBe(false);
    expect(await libvirtd.virsh("uri")).toContain("qemu");
    await expect(other.restart()).rejects.toThrow("for good");
  });

  it("says why a libvirtd does not start, and leaves nothing", async () => {
    await expect(startLibvirtd({ libvirtdConf: ["max_clients = -1"] })).rejects.toThrow("max_clients");
  });

  it("leaves no process and no folder when the tests themselves are killed", async () => {
    const folder = await makeFolder({});
    const script = fileURLToPath(new URL("../support/lab/namespace.sh", import.meta.url));
    const words = ["--mount", "--uts", "--propagation", "private", "sh", script, folder, "", "remove"];
    const tests = spawn(process.execPath, [
      "-e",
      `const { spawn } = require("node:child_process");
       const stdio = ["pipe", "inherit", "inherit"];
       spawn("unshare", ${JSON.stringify(words)}, { stdio, detached: true }).stdin.write("start sleep 1000\\n");`,
    ]);
    let said = "";
    tests.stdout.on("data", (text: Buffer) => {
      said += text.toString();
    });
    const pid = await until("a process in the namespace", () => /started (\d+)/.exec(said)?.[1]);

    tests.kill("SIGKILL");

    await expect.poll(() => existsSync(`/proc/${pid}`), SOON).toBe(false);
    await expect.poll(() => existsSync(folder), SOON).toBe(false);
  });

  it("builds the guest once when many ask at the same time", async () => {
    const cache = await mkdtemp(join(tmpdir(), "vkg-cache-"));
    const build = fileURLToPath(new URL("../../scripts/build-guest", import.meta.url));

    const downloaded = join(dirname(dirname(files.kernel)), "deb");
    await cp(downloaded, join(cache, "deb"), { recursive: true });

    const built = await Promise.all([run(build, [cache], 110_000), run(build, [cache], 110_000)]);

    expect(built[0].stdout).toBe(built[1].stdout);
    expect(built.filter(({ stderr }) => stderr.includes("building"))).toHaveLength(1);
    await rm(cache, { recursive: true });
  });
});

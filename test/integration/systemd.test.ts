import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf } from "../support/error-of.ts";
import { guestFiles } from "../support/lab/guest-files.ts";
import { guestXml } from "../support/lab/guest-xml.ts";
import { until } from "../support/lab/until.ts";
import {
  type InstalledMachine,
  makeInstalledMachine,
  SERVICE,
  SOCKET,
} from "../support/systemd/installed.ts";
import { HARES, QEMU_CONF, STOP_ENGINE, UNITS } from "../support/systemd/neighbours.ts";

const CONFIGURATION = `log: { level: debug }
engine: { hares: /usr/local/sbin/hares, system: machine }
rhev: { passwordCredential: rhevm, caFile: /srv/rhevm-ca.pem, host: host1 }
`;

/** The machine's file system may have to be built first. */
const SETUP_MS = 900_000;

const WEB1 = ["GuestName", "1", "web1"];

const RHEVM_INFO = [
  "Enabled",
  "1",
  "URL",
  "https://localhost:8443",
  "User",
  "admin@internal",
  "Cluster",
  "Default",
];

let machine: InstalledMachine;

beforeAll(async () => {
  const files = await guestFiles();
  const folder = dirname(files.bootSector);
  machine = await makeInstalledMachine(CONFIGURATION, { [folder]: folder });
  for (const [name, text] of Object.entries(UNITS)) await machine.write(`/etc/systemd/system/${name}`, text);
  await machine.write("/etc/libvirt/qemu.conf", QEMU_CONF);
  await machine.write("/usr/local/sbin/hares", HARES, 0o755);
  await machine.write("/usr/local/sbin/stop-engine", STOP_ENGINE, 0o755);
  await machine.write("/etc/vcskvmguestd/rhevm-password", "sesame\n", 0o600);
  await machine.write("/srv/guests/.keep", "");
  for (const name of ["web1", "web2"])
    await machine.write(`/root/${name}.xml`, guestXml({ name, kind: "sector", files }));
  await machine.enable("vcs.service", "virtqemud.service", "guest-scope.service", "rhevm.service");
  await machine.boot();
  await machine.virsh("define", "/root/web1.xml");
  await machine.shim("open", "vm1", ...WEB1);
  await start("vm1", WEB1);
}, SETUP_MS);

afterAll(() => machine.stop());

/** Brings a guest up as the engine does. */
async function start(resource: string, attributes: readonly string[]): Promise<void> {
  await machine.shim("online", resource, ...attributes);
  await until(
    "the guest is online",
    async () => (await machine.shim("monitor", resource, ...attributes)) === 110,
  );
}

function monitor(): Promise<number> {
  return machine.shim("monitor", "vm1", ...WEB1);
}

/** Waits until `systemctl status` shows this. */
function status(text: string | RegExp): Promise<string> {
  return until(`the status shows ${String(text)}`, async () => {
    const now = await machine.property(SERVICE, "StatusText");
    return now.match(text) === null ? undefined : now;
  });
}

describe("the daemon under systemd", () => {
  it("is ready without libvirt, and the status tells when it is connected", async () => {
    await machine.systemctl(
      "stop",
      "libvirtd.service",
      "libvirtd.socket",
      "libvirtd-ro.socket",
      "libvirtd-admin.socket",
    );
    await status("1 resource; libvirt lost: ");

    await machine.systemctl("restart", SERVICE);
    expect(await machine.property(SERVICE, "ActiveState")).toBe("active");
    await status(/^1 resource; libvirt (not connected|lost: )/);

    await machine.systemctl("start", "libvirtd.socket", "libvirtd.service");
    await status("1 resource; libvirt connected");
  });

  it("is stopped and restarted without touching a guest", async () => {
    const emulator = await machine.emulator("web1");

    await machine.systemctl("restart", SERVICE);

    expect(await machine.emulator("web1")).toBe(emulator);
    expect(await monitor()).toBe(110);
  });

  it("is called by its own name", async () => {
    const { stdout } = await machine.exec("ps", ["-C", "vcskvmguestd", "-o", "pid="]);

    // a program that it is about to run is called so for a moment
    expect(stdout.trim().split(/\s+/)).toContain(await machine.property(SERVICE, "MainPID"));
  });

  it("is started by a shim that comes while it is away", async () => {
    await machine.systemctl("stop", SERVICE);
    expect(await machine.property(SERVICE, "ActiveState")).toBe("inactive");

    expect(await monitor()).toBe(110);

    expect(await machine.property(SERVICE, "ActiveState")).toBe("active");
  });

  it("is started by open, with its socket, where neither is there", async () => {
    await machine.systemctl("stop", SOCKET, SERVICE);
    expect(await monitor()).toBe(99);

    expect(await machine.shim("open", "vm1", ...WEB1)).toBe(0);

    expect(await machine.property(SERVICE, "ActiveState")).toBe("active");
    expect(await machine.property(SOCKET, "ActiveState")).toBe("active");
    expect(await monitor()).toBe(110);
  });

  it("takes a new configuration at a reload", async () => {
    const pid = await machine.property(SERVICE, "MainPID");

    await machine.write("/etc/vcskvmguestd/config.yaml", `${CONFIGURATION}monitorIntervalS: 4\n`);
    await machine.systemctl("reload", SERVICE);

    await until("it is reloaded", async () =>
      (await machine.journal(SERVICE)).includes("configuration reloaded"),
    );
    await until(
      "it is active again",
      async () => (await machine.property(SERVICE, "ActiveState")) === "active",
    );
    expect(await machine.property(SERVICE, "MainPID")).toBe(pid);
  });

  it("refuses a reload with a configuration that cannot be used, says why, and goes on as it was", async () => {
    const pid = await machine.property(SERVICE, "MainPID");
    await machine.write("/etc/vcskvmguestd/config.yaml", `${CONFIGURATION}stopTimeoutS: soon\n`);

    const refusal = await errorOf(machine.systemctl("reload", SERVICE));
    await machine.write("/etc/vcskvmguestd/config.yaml", CONFIGURATION);

    expect(String(refusal)).toContain("Job for vcskvmguestd.service failed");
    const words = "vcskvmguestd: stopTimeoutS: must be a number";
    const journal = await until("the journal says why", async () => {
      const text = await machine.journal(SERVICE);
      return text.includes(words) ? text : undefined;
    });
    expect(journal).not.toContain("configuration cannot be used");
    expect(await machine.property(SERVICE, "ActiveState")).toBe("active");
    expect(await machine.property(SERVICE, "MainPID")).toBe(pid);
    await machine.systemctl("reload", SERVICE);
  });

  it("is not served twice", async () => {
    const words =
      "/opt/vcs-kvmguest/node/bin/node /opt/vcs-kvmguest/dist/daemon/main.js || echo ended with $?";

    const { stdout } = await machine.exec("sh", ["-c", words]);

    expect(stdout).toContain("another process holds /run/vcskvmguestd/agent.sock.lock");
    expect(stdout).toContain("ended with 1");
    expect(await monitor()).toBe(110);
  });
});

describe("the watchdog", () => {
  const dropIn = "/run/systemd/system/vcskvmguestd.service.d/watchdog.conf";

  /** In place of the minute. */
  const LIMIT_S = 5;

  beforeAll(async () => {
    await machine.write(dropIn, `[Service]\nWatchdogSec=${LIMIT_S}\n`);
    await machine.systemctl("daemon-reload");
    await machine.systemctl("restart", SERVICE);
  });

  afterAll(async () => {
    await machine.exec("rm", [dropIn]);
    await machine.systemctl("daemon-reload");
    await machine.systemctl("restart", SERVICE);
  });

  it("kills a daemon that stands still, and another one finds the guest running", async () => {
    const emulator = await machine.emulator("web1");

    await machine.exec("kill", ["-STOP", await machine.property(SERVICE, "MainPID")]);

    await until("it is started again", async () => (await machine.property(SERVICE, "NRestarts")) === "1");
    await until("it is ready", async () => (await machine.property(SERVICE, "ActiveState")) === "active");
    expect(await machine.journal(SERVICE)).toContain("Watchdog timeout (limit 5s)!");
    expect(await machine.emulator("web1")).toBe(emulator);
    expect(await monitor()).toBe(110);
  });

  it("leaves a daemon alone that waits for a libvirtd which hangs, also when systemd is replaced", async () => {
    const libvirtd = await machine.property("libvirtd.service", "MainPID");
    const pid = await machine.property(SERVICE, "MainPID");
    await machine.exec("kill", ["-STOP", libvirtd]);
    await machine.systemctl("daemon-reexec");

    const from = await pingedAt();
    await until("it told beyond the limit", async () => (await pingedAt()) - from > (LIMIT_S + 1) * 1e6);

    expect(await machine.property(SERVICE, "MainPID")).toBe(pid);
    expect([102, 103, 110]).toContain(await monitor());
    await machine.exec("kill", ["-CONT", libvirtd]);
  });
});

/** When systemd heard last that the daemon lives, in microseconds. */
async function pingedAt(): Promise<number> {
  return Number(await machine.property(SERVICE, "WatchdogTimestampMonotonic"));
}

describe("the sandbox", () => {
  it("lets the agent define, end and copy guests, with storage that came later, a hidden /proc and a libvirtd that hangs", async () => {
    const attributes = [
      "GuestName",
      "1",
      "web2",
      "GuestConfigFilePath",
      "1",
      "/root/web2.xml",
      "SyncDir",
      "1",
      "/srv/guests",
    ];
    const clean = () =>
      machine.shim("clean", "vm2", ...attributes, "AEPTimeout", "1", "12", "CleanReason", "1", "0");
    await machine.exec("mount", ["-o", "remount,hidepid=2", "/proc"]);
    await machine.shim("open", "vm2", ...attributes);

    await start("vm2", attributes);
    expect(await machine.owner("web2")).toBe("libvirt-qemu");
    await machine.exec("mount", ["-t", "tmpfs", "shared", "/srv/guests"]);
    expect(await clean()).toBe(0);
    expect(await machine.read("/srv/guests/web2.xml")).toContain("<name>web2</name>");
    await machine.exec("umount", ["/srv/guests"]);

    await start("vm2", attributes);
    const emulator = await machine.emulator("web2");
    const libvirtd = await machine.property("libvirtd.service", "MainPID");
    await machine.exec("kill", ["-STOP", libvirtd]);
    const cleaned = await clean();
    const isAlive = await machine.isAlive(emulator);
    await machine.exec("kill", ["-CONT", libvirtd]);

    expect({ cleaned, isAlive }).toEqual({ cleaned: 0, isAlive: false });
    await machine.shim("close", "vm2", ...attributes);
  });

  it("lets the agent run the engine's commands, without privileges that those can get from systemd", async () => {
    await machine.write("/var/log/hares", "");
    await machine.virsh("destroy", "web1");

    const said = await until("hares has run", async () => {
      const text = (await machine.read("/var/log/hares")).replaceAll("\r", "");
      return /^hares -probe vm1 -sys machine\n(.*?)\nend$/ms.exec(text)?.[1];
    });

    expect(said.split("\n")).toEqual([
      "CapEff:\t000000000008002f",
      "NoNewPrivs:\t1",
      expect.stringMatching(/^CapEff:\t0+[1-9a-f]{7,}$/),
      "NoNewPrivs:\t0",
      "ssh: connect to host 127.0.0.1 port 22: Connection refused",
    ]);
    await start("vm1", WEB1);
  });

  it("gives the agent the password of RHEV-M as a credential", async () => {
    const attributes = ["GuestName", "1", "vm1", "RHEVMInfo", String(RHEVM_INFO.length), ...RHEVM_INFO];
    await machine.shim("open", "rhev1", ...attributes);

    await until(
      "RHEV-M says that it is down",
      async () => (await machine.shim("monitor", "rhev1", ...attributes)) === 100,
    );

    expect(await status("https://localhost:8443")).toBe(
      "2 resources; libvirt connected; https://localhost:8443 connected",
    );
    await machine.shim("close", "rhev1", ...attributes);
  });

  it("exposes little, by systemd's own measure, and its units are sound", async () => {
    const verified = await machine.exec("systemd-analyze", ["verify", "--man=no", SERVICE, SOCKET]);
    const { stdout } = await machine.exec("systemd-analyze", ["security", "--no-pager", SERVICE]);

    expect(verified).toEqual({ stdout: "", stderr: "" });
    const exposure = /exposure level for vcskvmguestd\.service: (\d+\.\d)/.exec(stdout)?.[1];
    expect(Number(exposure)).toBeLessThanOrEqual(3.5);
  });
});

describe("a shutdown of the host", () => {
  it("ends the engine with its guests first, then the agent, then what is left of guests, then libvirt", async () => {
    await start("vm1", WEB1);

    await machine.powerOff();
    await machine.boot();

    const order = (await machine.read("/var/log/order")).split("\n").filter((line) => line !== "");
    const stop = order.slice(order.lastIndexOf("engine cleans a guest that is running: 0"), -1);
    expect(order.at(-1)).toBe("engine starts, agent is active");
    expect(stop.slice(0, 4)).toEqual([
      "engine cleans a guest that is running: 0",
      "engine ended",
      "agent ended",
      "guest ended",
    ]);
    expect(stop.slice(4).toSorted()).toEqual(["libvirtd ended", "virtqemud ended"]);
  });
});

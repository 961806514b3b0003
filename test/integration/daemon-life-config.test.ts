import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DaemonProcess } from "../support/host/daemon-process.ts";
import { ask } from "../support/ipc/http-client.ts";
import { until } from "../support/lab/until.ts";
import { runProgram } from "../support/trouble/lone-daemon.ts";

/** Debian's user of nobody's. */
const NOBODY = 65_534;

let folder: string;
let configFile: string;
const daemons: DaemonProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vkc-"));
  configFile = join(folder, "config.yaml");
});

afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.kill();
  await rm(folder, { recursive: true, force: true });
});

function write(...lines: string[]): Promise<void> {
  return writeFile(configFile, `${lines.join("\n")}\n`);
}

function basics(): string[] {
  return [
    `socket: ${join(folder, "run/agent.sock")}`,
    `stateDirectory: ${join(folder, "state")}`,
    "monitorIntervalS: 1",
  ];
}

const libvirt = () => `libvirt: { sockets: [${join(folder, "no-libvirtd")}] }`;

async function serve(): Promise<DaemonProcess> {
  const daemon = new DaemonProcess(configFile);
  daemons.push(daemon);
  await daemon.start();
  return daemon;
}

describe("the program", () => {
  it("tells its version and its help to anybody (scenario 10)", async () => {
    const [help, version, wrong] = await Promise.all([
      runProgram(["--help"], { uid: NOBODY }),
      runProgram(["--version"], { uid: NOBODY }),
      runProgram(["--no-such-option"], { uid: NOBODY }),
    ]);

    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    expect(help.stdout).toContain("--check-config");
    expect(version).toMatchObject({ exitCode: 0, stderr: "" });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain("--no-such-option");
  });

  it("lists every mistake of a configuration with its place, and does not run", async () => {
    await write(
      "socket: relative/path",
      "monitorIntervall: 3",
      "log: { level: loud }",
      "libvirt: { keepaliveCount: 0, sockets: [] }",
      'kvm: { guestPowerOff: maybe, states: { "paused (user)": ASLEEP } }',
    );

    const ends = await Promise.all([
      runProgram(["--config", configFile]),
      runProgram(["--config", configFile, "--check-config"]),
    ]);

    for (const { exitCode, stdout, stderr } of ends) {
      expect(exitCode).toBe(2);
      expect(stdout).toBe("");
      const places = [
        "socket:",
        "log.level:",
        "libvirt.keepaliveCount:",
        "libvirt.sockets:",
        "kvm.guestPowerOff:",
      ];
      for (const place of [...places, "kvm.states.paused (user):"]) expect(stderr).toContain(` ${place}`);
      expect(stderr).toContain("monitorIntervall");
    }
  });

  it.each([
    ["a state that no table has", 'kvm: { states: { "paused (lunch)": OFFLINE } }', "paused (lunch)"],
    [
      "a hypervisor on another host",
      "libvirt: { uri: 'qemu+tls://node2/system' }",
      'libvirt.uri: "qemu+tls://node2/system" leads to another host',
    ],
    [
      "a peer that cannot be reached so",
      "peers: { node2: { uri: 'qemu+ssh://node2/system?command=/bin/sh' } }",
      'peers.node2.uri: "qemu+ssh://node2/system?command=/bin/sh" cannot be opened: the parameter "command"',
    ],
    ["no mapping at all", "[just, a, list]", "must be a mapping"],
    ["broken YAML", "log: { level: [", "config.yaml:"],
    ["a key that stands twice", "stopTimeoutS: 3\nstopTimeoutS: 4", "config.yaml:"],
  ])("refuses %s and says where", async (_name, text, words) => {
    await write(text);

    const { exitCode, stderr } = await runProgram(["--config", configFile]);

    expect(exitCode).toBe(2);
    expect(stderr).toContain(words);
  });

  it("refuses a file that is missing when it was named", async () => {
    const { exitCode, stderr } = await runProgram(["--config", join(folder, "none.yaml")]);

    expect(exitCode).toBe(2);
    expect(stderr).toContain("none.yaml: cannot be read");
  });

  it("finds a configuration valid without running, as an unprivileged user too", async () => {
    await write(...basics(), libvirt());
    await chmod(folder, 0o755);
    await chmod(configFile, 0o644);

    const { exitCode, stdout } = await runProgram(["--check-config"], {
      uid: NOBODY,
      env: { VCSKVMGUESTD_CONFIG: configFile },
    });

    expect(exitCode).toBe(0);
    expect(stdout).toContain("valid");
    expect(await ask(join(folder, "run/agent.sock"), "GET", "/healthz").catch(() => "nobody")).toBe("nobody");
  });
});

describe("a reload", () => {
  it("takes over what can change, warns of what cannot, and keeps the old when the new is broken", async () => {
    await write(...basics(), libvirt());
    const daemon = await serve();
    const reload = async (message: string) => {
      const from = daemon.lines.length;
      daemon.signal("SIGHUP");
      return daemon.waitForLine(message, {}, { from });
    };
    const saysDebug = async () => {
      const from = daemon.lines.length;
      await ask(join(folder, "run/agent.sock"), "POST", "/v1/entry-points/monitor", monitorBody());
      return daemon.lines.slice(from).some((line) => line["level"] === "debug");
    };
    expect(await saysDebug()).toBe(false);

    await write(...basics(), libvirt(), "log: { level: debug }");
    await reload("configuration reloaded");
    await until("it says more", saysDebug);

    await write(...basics(), "log: { level: silent }", "kvn: {}");
    const broken = await reload("configuration cannot be used, the one before stays in force");
    expect(broken["problems"]).toHaveLength(2);
    expect(await saysDebug()).toBe(true);

    await write(
      `socket: ${join(folder, "other.sock")}`,
      `stateDirectory: ${join(folder, "elsewhere")}`,
      "log: { level: debug }",
    );
    const fixed = await reload("keys that take effect at the next start have changed");
    expect(fixed["keys"]).toEqual(["socket", "stateDirectory", "libvirt"]);
    expect((await ask(join(folder, "run/agent.sock"), "GET", "/healthz")).status).toBe(200);

    await rm(configFile);
    await reload("configuration cannot be used, the one before stays in force");
    expect(await daemon.stop()).toBe(0);
  });
});

describe("the daemon's socket", () => {
  it("is served by one daemon: the second says so, ends, and harms nothing", async () => {
    await write(...basics(), libvirt());
    const first = await serve();
    const unfinished = join(folder, "state/registrations/r1.json.0.tmp");
    await writeFile(unfinished, "the first daemon is writing this");
    const second = await runProgram(["--config", configFile]);

    expect(second.exitCode).toBe(1);
    expect(second.stdout).toContain("daemon cannot run");
    expect(second.stdout).toContain("another process holds");
    expect(second.stdout).toContain("agent.sock");
    expect((await ask(join(folder, "run/agent.sock"), "GET", "/healthz")).status).toBe(200);
    await expect(runProgram(["--check-config", "--config", configFile])).resolves.toMatchObject({
      exitCode: 0,
    });
    expect(await readFile(unfinished, "utf8")).toContain("is writing");
    expect(await first.stop()).toBe(0);
  });

  it("is replaced when its daemon was killed, and refused when it is no socket or in a stranger's reach", async () => {
    await write(...basics(), libvirt());
    const killed = await serve();
    await killed.kill();
    const next = await serve();
    expect((await ask(join(folder, "run/agent.sock"), "GET", "/healthz")).status).toBe(200);
    await next.stop();

    await writeFile(join(folder, "run/agent.sock"), "a file");
    const noSocket = await runProgram(["--config", configFile]);
    expect(noSocket.exitCode).toBe(1);
    expect(noSocket.stdout).toContain("is not a socket");

    await rm(join(folder, "run/agent.sock"));
    await chmod(join(folder, "run"), 0o777);
    const open = await runProgram(["--config", configFile]);
    expect(open.exitCode).toBe(1);
    expect(open.stdout).toContain("chmod go-w");
  });

  it("is refused when a server of another kind has it", async () => {
    await write(...basics(), libvirt());
    const first = await serve();
    await first.stop();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, "run/agent.sock"), resolve));

    const { exitCode, stdout } = await runProgram(["--config", configFile]);

    expect(exitCode).toBe(1);
    expect(stdout).toContain("another process serves");
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
});

function monitorBody(): string {
  return ["r1", "GuestName", "1", "web1", "AEPTimeout", "1", "4", ""].join("\0");
}

import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, loadConfig, type Overrides } from "../../../daemon/config.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "config-"));
  file = join(folder, "config.yaml");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function load(text: string, overrides: Overrides = {}) {
  await writeFile(file, text);
  return loadConfig(file, overrides, []);
}

/** The problems of a configuration; fails when there are none. */
async function problemsOf(text: string): Promise<readonly string[]> {
  try {
    await load(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return expect.fail("the configuration is accepted");
}

const DEFAULTS = {
  socket: "/run/vcskvmguestd/agent.sock",
  stateDirectory: "/var/lib/vcskvmguestd",
  log: { level: "info", format: "json" },
  monitorIntervalS: 5,
  stopTimeoutS: 10,
  engine: {
    hares: "/opt/VRTSvcs/bin/hares",
    sysnameFile: "/etc/VRTSvcs/conf/sysname",
    timeoutS: 10,
    log: "states",
  },
  libvirt: {
    uri: "qemu:///system",
    runDirectory: "/run/libvirt/qemu",
    openTimeoutS: 5,
    keepaliveIntervalS: 5,
    keepaliveCount: 3,
  },
  kvm: {
    guestPowerOff: "fault",
    autostart: "clear",
    shutdown: "acpi",
    ioErrorPause: "wait",
    managedSave: "restore",
    states: {},
    doubleStart: "warn",
  },
  heartbeat: { intervalS: 20, timeoutS: 5, misses: 3, lossS: 60 },
  peers: {},
  migration: { autoConverge: true, postCopy: false, encrypt: false },
  sites: {},
  rhev: {
    auth: "basic",
    connectTimeoutS: 5,
    answerTimeoutS: 10,
    hosts: {},
    clusters: {},
    devScan: { deviceCommandS: 60, spmWaitS: 180, movesGuests: false },
  },
  sync: { secrets: false, versions: 3 },
  metrics: {},
  limits: {},
};

const EVERYTHING = `
socket: /s
readOnlySocket: { path: /r, gid: 7 }
stateDirectory: /d
log: { level: debug, format: text }
monitorIntervalS: 2.5
stopTimeoutS: 20
engine: { hares: /h, system: node1, sysnameFile: /n, timeoutS: 3, log: warnings }
libvirt:
  uri: "test:///default"
  sockets: [/a, /b]
  runDirectory: /q
  openTimeoutS: 1
  keepaliveIntervalS: 2
  keepaliveCount: 4
kvm:
  guestPowerOff: intentional
  autostart: warn
  shutdown: agent
  ioErrorPause: resume
  managedSave: refuse
  states: { "paused (I/O error)": OFFLINE }
  doubleStart: strict
heartbeat: { intervalS: 2.5, timeoutS: 1, misses: 5, lossS: 90 }
peers: { node2: { uri: "qemu+tcp://node2/system" } }
migration:
  migrateUri: "tcp://{host}"
  bandwidthMiBps: 100
  parallelConnections: 4
  downtimeMs: 300
  autoConverge: false
  postCopy: false
  encrypt: true
sites: { east: [node1, node2] }
sync: { secrets: true, versions: 0 }
rhev:
  auth: oauth
  caFile: /ca
  passwordCommand: [/p, -x]
  host: rhev-host1
  hosts: { node2: rhev-host2 }
  clusters: { WEST: vcs_west }
  devScan: { deviceCommand: [/bin/true, -x, "a b"], deviceCommandS: 5, spmWaitS: 60, movesGuests: true }
  connectTimeoutS: 2
  answerTimeoutS: 3.5
metrics: { listen: "[::1]:9868" }
limits: { bodyBytes: 4096, requestsAtOnce: 1, readRequestS: 1, connections: 2 }
`;

describe("loadConfig", () => {
  it("is complete by its defaults", async () => {
    expect(await load("")).toEqual(DEFAULTS);
    expect(await load("# nothing but a comment\n")).toEqual(DEFAULTS);
    expect(await load("kvm: { shutdown: agent }")).toEqual({
      ...DEFAULTS,
      kvm: { ...DEFAULTS.kvm, shutdown: "agent" },
    });
  });

  it("reads every key", async () => {
    expect(await load(EVERYTHING)).toEqual({
      socket: "/s",
      readOnlySocket: { path: "/r", gid: 7 },
      stateDirectory: "/d",
      log: { level: "debug", format: "text" },
      monitorIntervalS: 2.5,
      stopTimeoutS: 20,
      engine: { hares: "/h", system: "node1", sysnameFile: "/n", timeoutS: 3, log: "warnings" },
      libvirt: {
        uri: "test:///default",
        sockets: ["/a", "/b"],
        runDirectory: "/q",
        openTimeoutS: 1,
        keepaliveIntervalS: 2,
        keepaliveCount: 4,
      },
      kvm: {
        guestPowerOff: "intentional",
        autostart: "warn",
        shutdown: "agent",
        ioErrorPause: "resume",
        managedSave: "refuse",
        states: { "paused (I/O error)": "OFFLINE" },
        doubleStart: "strict",
      },
      heartbeat: { intervalS: 2.5, timeoutS: 1, misses: 5, lossS: 90 },
      migration: {
        migrateUri: "tcp://{host}",
        bandwidthMiBps: 100,
        parallelConnections: 4,
        downtimeMs: 300,
        autoConverge: false,
        postCopy: false,
        encrypt: true,
      },
      sites: { east: ["node1", "node2"] },
      peers: { node2: { uri: "qemu+tcp://node2/system" } },
      sync: { secrets: true, versions: 0 },
      rhev: {
        auth: "oauth",
        caFile: "/ca",
        passwordCommand: ["/p", "-x"],
        host: "rhev-host1",
        hosts: { node2: "rhev-host2" },
        clusters: { WEST: "vcs_west" },
        devScan: {
          deviceCommand: ["/bin/true", "-x", "a b"],
          deviceCommandS: 5,
          spmWaitS: 60,
          movesGuests: true,
        },
        connectTimeoutS: 2,
        answerTimeoutS: 3.5,
      },
      metrics: { listen: "[::1]:9868" },
      limits: { bodyBytes: 4096, requestsAtOnce: 1, readRequestS: 1, connections: 2 },
    });
  });

  it("reads each of the alternatives for RHEV-M", async () => {
    const { rhev: byFile } = await load("rhev: { fingerprints: ['AB:CD'], passwordFile: /f }");
    const { rhev: byCredential } = await load("rhev: { passwordCredential: rhevm }");

    expect(byFile).toMatchObject({ fingerprints: ["AB:CD"], passwordFile: "/f" });
    expect(byCredential).toMatchObject({ passwordCredential: "rhevm" });
  });

  it("puts command line and environment over the file", async () => {
    const config = await load("socket: /s\nlog: { level: debug }", {
      socket: "/over",
      stateDirectory: "/state",
      logLevel: "error",
      logFormat: "text",
    });

    expect(config).toMatchObject({
      socket: "/over",
      stateDirectory: "/state",
      log: { level: "error", format: "text" },
    });
  });

  it("may miss its default file, but none that was named", () => {
    expect(() => loadConfig(join(folder, "none.yaml"), {}, [])).toThrow(/none\.yaml: cannot be read: ENOENT/);
  });

  it("ends: a device that never does is refused, a pipe that nobody fills is empty", () => {
    expect(() => loadConfig("/dev/zero", {}, [])).toThrow(
      "/dev/zero: is no configuration: it is longer than 1048576 bytes",
    );
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect(loadConfig(join(folder, "pipe"), {}, [])).toEqual(loadConfig("/dev/null", {}, []));
  });

  it("takes a system for one of one site only", async () => {
    expect(await problemsOf("sites: { east: [node1, node2], west: [node2] }")).toEqual([
      "sites: a system is of one site only",
    ]);
  });

  it("names every problem at once, by its path", async () => {
    const problems = await problemsOf(`
sokcet: /s
socket: relative
monitorIntervalS: 0
log: { level: loud }
engine: { hares: hares, timeoutS: soon }
libvirt: { keepaliveCount: 1.5, sockets: [] }
kvm: { guestPowerOff: maybe, states: { "running (*)": FAULTED } }
limits: { bodyBytes: 1 }
`);

    const paths = problems.map((problem) => problem.split(": ")[0] ?? "");
    expect(paths.toSorted((one, other) => (one < other ? -1 : 1))).toEqual([
      "(top)",
      "engine.hares",
      "engine.timeoutS",
      "kvm.guestPowerOff",
      "kvm.states.running (*)",
      "libvirt.keepaliveCount",
      "libvirt.sockets",
      "limits.bodyBytes",
      "log.level",
      "monitorIntervalS",
      "socket",
    ]);
    expect(problems.join("\n")).toContain("sokcet");
    expect(problems).toContain("socket: must be an absolute path");
  });

  it.each([
    "monitorIntervalS: 301",
    "stopTimeoutS: 0",
    "engine: { timeoutS: 121 }",
    "engine: { system: '' }",
    "libvirt: { openTimeoutS: 61 }",
    "libvirt: { keepaliveIntervalS: 0 }",
    "libvirt: { sockets: [relative] }",
    "kvm: { states: { x: 'ONLINE 15' } }",
    "kvm: { ioErrorPause: yes }",
    "heartbeat: { timeoutS: 2.5 }",
    "heartbeat: { misses: 0 }",
    "heartbeat: { intervalS: 0.5 }",
    "heartbeat: { lossS: 3601 }",
    "readOnlySocket: { path: /r, gid: -1 }",
    "readOnlySocket: { path: /r }",
    "metrics: { listen: 0.0.0.0:9868 }",
    "metrics: { listen: 192.0.2.1:9868 }",
    "metrics: { listen: 127.0.0.256:9868 }",
    "metrics: { listen: 127.0.0.1:0 }",
    "metrics: { listen: 127.0.0.1:65536 }",
    "metrics: { listen: 127.0.0.1 }",
    "metrics: { listen: localhost:9868 }",
    "metrics: { listen: '[::]:9868' }",
    "metrics: { listen: '::1:9868' }",
    "log: { format: pretty }",
    "engine: { log: all }",
    "kvm: { guestpoweroff: fault }",
    "kvm: { doubleStart: off }",
    "rhev: { auth: kerberos }",
    "rhev: { caFile: /ca, fingerprints: ['AB:CD'] }",
    "rhev: { fingerprints: [] }",
    "rhev: { passwordFile: /f, passwordCredential: rhevm }",
    "rhev: { passwordFile: /f, passwordCommand: [/p] }",
    "rhev: { passwordCommand: [vcsdecrypt] }",
    "rhev: { passwordCredential: ../rhevm }",
    "rhev: { password: secret }",
    "rhev: { answerTimeoutS: 61 }",
    "peers: { node2: qemu+tls://node2/system }",
    "peers: { node2: { uri: '' } }",
    `peers: { ${Array.from({ length: 65 }, (_, at) => `n${at}: { uri: x }`).join(", ")} }`,
    "log:",
  ])("refuses %s", async (text) => {
    expect(await problemsOf(text)).toHaveLength(1);
  });

  it.each([
    ["a list", "- a\n- b"],
    ["a word", "socket"],
    ["broken", "socket: [/s"],
    ["a key twice", "socket: /a\nsocket: /b"],
    [
      "a bomb of aliases",
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]`,
    ],
  ])("refuses a file that is %s, and names it", async (_what, text) => {
    expect((await problemsOf(text)).join("\n")).toContain(`${file}: `);
  });

  it("adds what further checks find of a valid file", async () => {
    await writeFile(file, "");
    const load = () => loadConfig(file, {}, [() => ["one"], () => [], () => ["two", "three"]]);

    expect(load).toThrow("the configuration cannot be used: one; two; three");
  });

  it("throws nothing but ConfigError on garbage", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        const error = await load(text).catch((thrown: unknown) => thrown);

        expect(error instanceof Error ? error : new ConfigError([])).toBeInstanceOf(ConfigError);
      }),
      { numRuns: 200 },
    );
  });
});

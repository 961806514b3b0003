import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, makeHost } from "../support/host/host.ts";
import { ask } from "../support/ipc/http-client.ts";
import { clientsAt } from "../support/ipc/processes.ts";
import { until } from "../support/lab/until.ts";
import { configure } from "../support/trouble/configuration.ts";
import { argumentsOf, type ShimEnd, startShim } from "../support/trouble/entry-point-run.ts";
import { hearEvents } from "../support/trouble/event-stream.ts";
import { recordingHares } from "../support/trouble/recording-hares.ts";
import { runSectorGuests } from "../support/trouble/sector-guests.ts";

const SECRET = "Kranich4711Vogel";
const DISGUISES = [
  SECRET,
  Buffer.from(SECRET).toString("base64"),
  Buffer.from(`admin@internal:${SECRET}`).toString("base64"),
];

const RHEVM = [
  "Enabled",
  "0",
  "URL",
  "https://m/",
  "User",
  "admin@internal",
  "Password",
  SECRET,
  "Cluster",
  "NONE",
];

const VIEWS = [
  "/",
  "/healthz",
  "/metrics",
  "/v1/guests",
  "/v1/guests/web1",
  "/v1/guests/web1/why",
  "/v1/history",
  "/v1/resources/vm1/attributes",
];

const web1 = {
  resource: "vm1",
  guest: "web1",
  timeoutS: 20,
  tuples: { DelayAfterGuestOffline: ["1"], RHEVMInfo: [...RHEVM, "UseManualRHEVMFencing", "0"] },
};

describe("a password of RHEVMInfo", () => {
  let host: Host;
  const outputs: string[] = [];

  beforeAll(async () => {
    host = await makeHost();
    await runSectorGuests(host.libvirtd, ["web1"]);
    await host.daemon.start();
  });

  afterAll(() => host.stop());

  const run = async (entryPoint: string, args: readonly string[]): Promise<ShimEnd> => {
    const end = await startShim(host, entryPoint, args).ended;
    outputs.push(end.output);
    return end;
  };

  it("reaches no log, output, reply or file of ours through any entry point (scenario 89)", async () => {
    const { daemon, socket } = host;
    const heard = await hearEvents(socket);
    for (const name of ["open", "monitor", "online", "offline", "clean", "online", "monitor"]) {
      expect((await run(name, argumentsOf(name, web1))).exitCode).not.toBeNull();
    }
    for (const token of ["guestmigrated", "vmconfigsync", "DevScan"]) {
      await run(`actions/${token}`, ["vm1", "1", "argument", ...argumentsOf("monitor", web1).slice(1)]);
    }
    await run("migrate", ["vm1", "node2", ...argumentsOf("monitor", web1).slice(1)]);
    await run("attr_changed", [
      "vm1",
      "vm1",
      "RHEVMInfo",
      String(RHEVM.length),
      ...RHEVM,
      "AEPTimeout",
      "1",
      "20",
    ]);
    // broken argument lists: the password stands where something else belongs
    await run("monitor", ["vm1", "GuestName", "1", "web1", "RHEVMInfo", "3", "Password", SECRET]);
    await run("monitor", ["vm1", "GuestName", "1", "web1", "RHEVMInfo", "1", "Password", SECRET, "1"]);
    await run("online", ["vm1", "GuestName", "1", "web1", "Password", SECRET]);
    await run("monitor", [
      "vm1",
      "GuestName",
      "1",
      "web1",
      "RHEVMInfo",
      "2",
      "Enabled",
      "2",
      "Password",
      SECRET,
    ]);
    await run("clean", ["vm1", SECRET]);
    await run("shutdown", argumentsOf("monitor", web1));
    await run("close", argumentsOf("close", web1));
    await run("open", argumentsOf("open", web1));
    await until("it is on disk", async () => (await registrationFiles()).length > 0);

    const replies = await Promise.all(
      [...VIEWS, `/v1/guests/${SECRET}`].map(async (path) => JSON.stringify(await ask(socket, "GET", path))),
    );
    heard.close();

    const searched = {
      log: JSON.stringify(daemon.lines),
      complaints: daemon.complaints.join("\n"),
      shims: outputs.join("\n"),
      shimLog: await readFile(host.shimLog, "latin1").catch(() => ""), // none was needed
      replies: replies.join("\n"),
      events: JSON.stringify(heard.lines),
      files: await filesBelow(host.stateDirectory),
      libvirtd: await readFile(host.libvirtd.logFile, "latin1"),
    };
    expect(searched.files).toContain('"vm1"');
    expect(searched.log).toContain("web1");
    expect(placesOf(searched)).toEqual([]);
  });

  it("stands on no command line but the framework's own (scenario 89)", async () => {
    await host.daemon.freeze();
    const running = ["monitor", "clean"].map((name) => startShim(host, name, argumentsOf(name, web1)));
    await until("both ask", async () => (await clientsAt(host.socket)).length === 2);
    const lines = await commandLines();
    const environment = await readFile(`/proc/${host.daemon.pid}/environ`, "latin1");
    host.daemon.signal("SIGCONT");
    await Promise.all(running.map(({ ended }) => ended));

    const strangers = lines.filter((line) => !line.some((word) => word.startsWith(host.agentDirectory)));
    expect(strangers.filter((line) => line.join(" ").includes(SECRET))).toEqual([]);
    expect(lines.filter((line) => line.join(" ").includes(SECRET)).length).toBeGreaterThan(0); // the shims'
    expect(environment).not.toContain(SECRET);
  });

  it("could be asked for on no network port: the daemon listens on none", async () => {
    const pid = String(host.daemon.pid);
    const links = await Promise.all(
      (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")), // closed
    );
    const inodes = links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
    const tables = await Promise.all(["tcp", "tcp6", "udp", "udp6"].map((name) => tableOf(pid, name)));

    expect((await tableOf(pid, "unix")).some((line) => line.includes(host.socket))).toBe(true);
    expect(tables.flat().filter((line) => inodes.includes(line.split(/\s+/)[9] ?? ""))).toEqual([]);
  });

  it("is not repeated when the engine prints it and fails, or hangs, while attributes are read (scenario 89)", async () => {
    const { daemon } = host;
    const hares = await recordingHares(host.folder);
    await configure(host, { hares: hares.command, haresTimeoutS: 1 });
    await daemon.stop();
    await daemon.start();
    await run("open", argumentsOf("open", web1));
    const changed = ["vm1", "vm1", "RHEVMInfo", "2", "Password", SECRET, "AEPTimeout", "1", "20"];
    const line = RHEVM.join(" ");

    const attributes = `case "$3" in GuestName) echo web1 ;; RHEVMInfo)`;
    for (const script of [
      `${attributes} echo "${line}"; exit 1 ;; esac`,
      `${attributes} echo "${line}"; exec sleep 5 ;; esac`,
      `${attributes} echo "Enabled 7 ${line}" ;; esac`,
      `${attributes} echo "Password ${line}" ;; esac`,
      `${attributes} echo "${line}" ;; esac`,
    ]) {
      await hares.behave(script);
      expect((await run("attr_changed", changed)).exitCode).toBe(0);
    }
    await daemon.stop();

    // the second where this machine itself has a rival, as libvirt-guests
    const checked = ["attributes are in force", "environment of the resource"];
    expect(checked.flatMap((message) => daemon.said(message)).length).toBeGreaterThan(0);
    const searched = {
      log: JSON.stringify(daemon.lines),
      complaints: daemon.complaints.join("\n"),
      shims: outputs.join("\n"),
      files: await filesBelow(host.stateDirectory),
    };
    expect(placesOf(searched)).toEqual([]);
  });

  const registrationFiles = () => readdir(join(host.stateDirectory, "registrations")).catch(() => []);
});

/** Where the password stands, with what is around it. */
function placesOf(searched: Readonly<Record<string, string>>): string[] {
  return Object.entries(searched).flatMap(([place, text]) =>
    DISGUISES.filter((word) => text.includes(word)).map((word) => {
      const at = text.indexOf(word);
      return `${place}: ${text.slice(Math.max(0, at - 150), at + 50)}`;
    }),
  );
}

async function filesBelow(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map(async (file) => `${file}: ${await readFile(file, "latin1")}`))).join(
    "\n",
  );
}

/** The sockets of one kind in the network of a process. Source: proc(5), /proc/net. */
async function tableOf(pid: string, kind: string): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/net/${kind}`, "latin1");
  return text.split("\n").map((line) => line.trim());
}

/** The command lines of all processes. */
async function commandLines(): Promise<string[][]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const texts = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")), // it ended meanwhile
  );
  return texts.map((text) => text.split("\0"));
}

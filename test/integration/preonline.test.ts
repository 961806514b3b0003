import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EngineStandIn, startEngine } from "../support/engine/engine.ts";
import { until } from "../support/lab/until.ts";
import { repositoryFile } from "../support/repository.ts";

const SHELLS = [["dash"], ["bash"], ["busybox", "sh"]] as const;

let folder: string;
let engine: EngineStandIn | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "pre-"));
});

afterEach(async () => {
  await engine?.stop();
  engine = undefined;
  await rm(folder, { recursive: true });
});

/** An agent whose DevScan says one planned reply after another, and the last one for ever: `0 DevScan done: ...`. */
async function start(replies: readonly string[], resources = guest("web1", 1)): Promise<EngineStandIn> {
  const agent = join(folder, "agent");
  await mkdir(join(agent, "actions"), { recursive: true });
  const script = (name: string, text: string) =>
    writeFile(join(agent, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  for (const name of ["open", "close", "offline", "clean", "attr_changed", "shutdown"])
    await script(name, "exit 0");
  await script("online", `touch ${folder}/on.$1`);
  await script("monitor", `[ -e ${folder}/on.$1 ] && exit 110\nexit 100`);
  await writeFile(join(folder, "replies"), `${replies.join("\n")}\n`);
  await script(
    "actions/DevScan",
    `for last; do case $last in start | status) word=$last ;; esac; done
echo "$1 $word" >>${folder}/calls
line=$(head -n 1 ${folder}/replies)
[ "$(wc -l <${folder}/replies)" -le 1 ] || sed -i 1d ${folder}/replies
echo "\${line#* }"
exit "\${line%% *}"`,
  );
  const mainCf = join(folder, "main.cf");
  await writeFile(
    mainCf,
    `include "${repositoryFile("src/KVMGuestTypes.cf")}"
cluster c1 ( )
system node1 ( )
group g1 ( SystemList = { node1 = 0 } )
${resources}
`,
  );
  const workDirectory = join(folder, "vcs");
  engine = await startEngine({ mainCf, system: "node1", agentDirectory: agent, workDirectory });
  await engine.probed();
  return engine;
}

function guest(name: string, enabled: 0 | 1): string {
  return `KVMGuest ${name} ( GuestName = ${name}
  RHEVMInfo = { Enabled = ${enabled}, URL = "https://rhevm.example.com:443", Cluster = EAST } )`;
}

/** Runs the trigger as the engine does. */
function trigger(
  shell: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [program = "sh", ...words] = shell;
  const all = {
    VCS_HOME: join(folder, "vcs"),
    VCSKVMGUESTD_DEFAULTS: "/dev/null",
    VCSKVMGUESTD_LOG: join(folder, "log"),
    VCSKVMGUESTD_DEVSCAN_PAUSE: "0",
    ...env,
  };
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...words, repositoryFile("triggers/preonline"), ...args],
      { env: all, timeout: 120_000 },
      (error) => {
        if (error === null) resolve(0);
        else if (typeof error.code === "number") resolve(error.code);
        else reject(error);
      },
    );
  });
}

async function calls(): Promise<readonly string[]> {
  const text = await readFile(join(folder, "calls"), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}

function logged(): Promise<string> {
  return readFile(join(folder, "log"), "utf8");
}

/** Command lines of `hagrp -online`, as the engine got them. */
function onlineCalls(): readonly string[] {
  const entries = engine?.log.entries ?? [];
  return entries
    .filter(({ what }) => what === "hares")
    .map(({ details }) => (details.args ?? []).join(" "))
    .filter((line) => line.startsWith("-online"));
}

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))(
  "the preonline trigger, in %s",
  (_name, shell) => {
    it("scans, waits for the outcome by asking again, and brings the group online", async () => {
      const host = await start([
        "0 DevScan running (devices): the device command runs",
        "0 DevScan running (SPM): waits: the SPM is being elected",
        "0 DevScan done: the SPM is host east1",
      ]);

      expect(await trigger(shell, ["0", "node1", "g1", "FAULT"])).toBe(0);
      await until("the guest is online", () => host.state("web1") === "ONLINE");
      expect(await calls()).toEqual(["web1 start", "web1 status", "web1 status"]);
      expect(onlineCalls()).toEqual(["-online -nopre g1 -sys node1"]);
    });

    it("goes on when the SPM stays away, and says so", async () => {
      const host = await start(["1 DevScan failed (SPM): hasys -state says that system east1 is EXITED"]);

      expect(await trigger(shell, ["node1", "g1", "MANUAL", "node2"])).toBe(0);
      await until("the guest is online", () => host.state("web1") === "ONLINE");
      expect(onlineCalls()).toEqual(["-online -nopre g1 -sys node1 -checkpartial node2"]);
      expect(await logged()).toMatch(/WARNING KVMGuest:g1:preonline:web1: DevScan failed \(SPM\).*EXITED/);
    });

    it("holds the group back when the devices are not writable", async () => {
      const host = await start(["1 DevScan failed (devices): the device command make-rw ended with 3"]);

      expect(await trigger(shell, ["0", "node1", "g1", "FAULT"])).toBe(1);
      expect(onlineCalls()).toEqual([]);
      expect(host.state("web1")).toBe("OFFLINE");
      expect(await logged()).toMatch(/CRITICAL .*hagrp -online g1 -sys node1/);
    });

    it("holds the group back when the devices do not become writable in time, and goes on when only the SPM is late", async () => {
      await start(["0 DevScan running (devices): the device command runs"]);
      expect(await trigger(shell, ["node1", "g1"], { VCSKVMGUESTD_DEVSCAN_WAIT: "1" })).toBe(1);
      await writeFile(join(folder, "replies"), "0 DevScan running (SPM): waits\n");

      expect(await trigger(shell, ["node1", "g1"], { VCSKVMGUESTD_DEVSCAN_WAIT: "1" })).toBe(0);
      expect(onlineCalls()).toHaveLength(1);
    });

    it("starts the scan again when the daemon was restarted, and goes on when nobody answers", async () => {
      await start([
        "0 DevScan running (SPM): waits",
        "1 vcskvmguestd does not answer",
        "0 DevScan none: no scan has run since the daemon started",
        "1 vcskvmguestd does not answer",
      ]);

      expect(await trigger(shell, ["node1", "g1"])).toBe(0);
      expect((await calls()).slice(0, 4)).toEqual(["web1 start", "web1 status", "web1 status", "web1 start"]);
      expect(onlineCalls()).toHaveLength(1);
    });

    it("leaves guests of plain KVM alone, and scans once for all guests of one RHEV-M and cluster", async () => {
      await start(
        ["0 DevScan done: east1"],
        [guest("web1", 0), guest("web2", 1), guest("web3", 1)].join("\n"),
      );

      expect(await trigger(shell, ["node1", "g1"])).toBe(0);
      expect(await calls()).toEqual(["web2 start"]);
    });

    it("goes on when the engine does not list the guests, and fails when it refuses the group", async () => {
      const host = await start(["0 DevScan done: east1"]);
      host.haresFault = { kind: "error", commands: ["-list"] };
      expect(await trigger(shell, ["node1", "g1"])).toBe(0);
      expect(onlineCalls()).toHaveLength(1);

      expect(await trigger(shell, ["node1", "nogroup"])).toBe(1);
      expect(await trigger(shell, ["0"])).toBe(1);
    });
  },
);

describe("triggers/preonline", () => {
  it("is executable, as the engine wants it", async () => {
    expect((await stat(repositoryFile("triggers/preonline"))).mode & 0o111).toBe(0o111);
  });
});

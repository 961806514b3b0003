import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkedConfiguration } from "../../../daemon/readiness/configuration.ts";
import { daemonCheck, socketCheck, stateDirectoryCheck } from "../../../daemon/readiness/daemon-checks.ts";
import { engineCheck, shimCheck, typeCheck } from "../../../daemon/readiness/engine-checks.ts";
import { wordsOf } from "../../support/fakes/inspected-host.ts";
import { makeAgentDirectory } from "../../support/host/agent-directory.ts";

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "readiness-"));
});

afterEach(() => rm(folder, { recursive: true }));

/** A program of the test's folder. */
async function program(name: string, body: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

function short(texts: readonly string[]): readonly string[] {
  return texts.map((text) => text.replaceAll(`${folder}/`, ""));
}

describe("the check of the configuration", () => {
  it("has a row for each problem, of the file and of what it names", async () => {
    const file = join(folder, "config.yaml");
    await writeFile(file, "nonsense: 1\nmonitorIntervalS: 0\n");

    expect(short(wordsOf(checkedConfiguration(file).rows))).toEqual([
      expect.stringContaining("problem: monitorIntervalS: "),
      expect.stringContaining('problem: (top): unknown key "nonsense"'),
    ]);
    expect(checkedConfiguration(file).config).toBeUndefined();
  });

  it("is content with one that the daemon can use", async () => {
    const file = join(folder, "config.yaml");
    await writeFile(file, "monitorIntervalS: 7\n");

    const { config, rows } = checkedConfiguration(file);

    expect([config?.monitorIntervalS, rows.map(({ verdict }) => verdict)]).toEqual([7, ["ok"]]);
  });

  it("has a problem with a file that others may write", async () => {
    const file = join(folder, "config.yaml");
    await writeFile(file, "");
    await chmod(file, 0o666);

    expect(wordsOf(checkedConfiguration(file).rows)).toEqual([
      "problem: others may write it, and have commands of their own run as root",
    ]);
  });
});

describe("the check of the daemon", () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function answering(health: unknown): Promise<string> {
    const socket = join(folder, "agent.sock");
    server = createServer((_request, response) => response.end(JSON.stringify(health)));
    await new Promise<void>((resolve) => server?.listen(socket, resolve));
    return socket;
  }

  it("tells of its connections", async () => {
    const socket = await answering({ status: "ok", libvirt: "connected", managers: {} });

    expect(wordsOf(await daemonCheck(socket, true).look(never))).toEqual(["ok: runs, and is connected"]);
  });

  it("warns of one that has no connection, and of one that does not run", async () => {
    const socket = await answering({
      status: "ok",
      libvirt: "lost: gone",
      managers: { "https://m": "connected" },
    });

    expect(wordsOf(await daemonCheck(socket, true).look(never))).toEqual([
      'warning: runs, but its connection to libvirt is "lost: gone"',
    ]);
    expect(wordsOf(await daemonCheck(socket, false).look(never))).toEqual(["ok: runs, and is connected"]);
    expect(wordsOf(await daemonCheck(join(folder, "none.sock"), true).look(never))).toEqual([
      "warning: nobody answers: the daemon does not run",
    ]);
  });

  it("has a problem with a socket that others may use or replace", async () => {
    const socket = await answering({});
    await chmod(socket, 0o660);
    expect(wordsOf(await socketCheck(socket).look(never))).toEqual([
      "problem: is open to others than its owner",
    ]);

    await chmod(socket, 0o600);
    expect(wordsOf(await socketCheck(socket).look(never))).toEqual(["ok: only its owner may use it"]);

    await chmod(folder, 0o777);
    expect(short(wordsOf(await socketCheck(socket).look(never)))).toEqual([
      `problem: others may write in its folder ${folder}, and put their own socket there`,
    ]);
  });

  it("looks at the state directory, and does not make it", async () => {
    const state = join(folder, "state");
    expect(wordsOf(await stateDirectoryCheck(state).look(never))).toEqual([
      "not checked: is not there yet: the daemon makes it at its start",
    ]);

    await mkdir(state, { mode: 0o700 });
    expect(wordsOf(await stateDirectoryCheck(state).look(never))).toEqual([
      expect.stringMatching(
        /^(ok: writable|warning: little room is left:|problem: no room is left:).* MiB are free$/,
      ),
    ]);
    await chmod(state, 0o777);
    expect(wordsOf(await stateDirectoryCheck(state).look(never))).toEqual([
      "problem: others may write in it",
    ]);
    expect(wordsOf(await stateDirectoryCheck("/proc").look(never))[0]).toMatch(/^problem: /);
  });
});

const haresOf = (system = "node1") => ({ command: join(folder, "hares"), system, timeoutMs: 10_000 });

describe("the check of the engine", () => {
  const states = "#System Attribute Value\nnode1 SysState RUNNING\nnode2 SysState FAULTED";

  async function said(peers: readonly string[], system?: string): Promise<readonly string[]> {
    await program("hares", "exit 0");
    await program("hasys", `[ "$1" = -state ] && printf '${states.replaceAll("\n", "\\n")}\\n'`);
    return wordsOf(await engineCheck(haresOf(system), peers).look(never));
  }

  it("knows this host among the cluster's systems", async () => {
    expect(await said(["node2"])).toEqual(["ok: this host is system node1 (RUNNING) of node1, node2"]);
  });

  it("has a problem with a system that the cluster does not have, and warns of such a peer", async () => {
    expect(await said([], "node7")).toEqual([
      "problem: the cluster has no system node7, which this host takes for its own name: it has node1, node2",
    ]);
    expect(await said(["node2", "nodeX"])).toEqual([
      "warning: peers of the configuration that are no systems of this cluster: nodeX; it has node1, node2",
    ]);
  });

  it("has a problem with commands that are not there, and warns of an engine that does not answer", async () => {
    expect(wordsOf(await engineCheck(haresOf(), []).look(never))).toEqual([
      "problem: is not there, or cannot be run: the engine cannot be asked to probe, so changes show at the next monitor only",
    ]);
    await program("hares", "exit 0");
    await program("hasys", "echo 'VCS ERROR V-16-1-10600 Cannot connect to VCS engine' >&2; exit 1");

    expect(wordsOf(await engineCheck(haresOf(), []).look(never))).toEqual([
      "warning: the engine does not answer: hasys -state ended with 1: VCS ERROR V-16-1-10600 Cannot connect to VCS engine",
    ]);
  });
});

const plainType = async () => {
  const AgentDirectory = join(folder, "agent");
  await makeAgentDirectory(AgentDirectory);
  const AgentFile = await program("Script51Agent", "");
  return { AgentDirectory, AgentFile, IntentionalOffline: "1", AEPTimeout: "1" };
};

async function saidOfType(values: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const lines = Object.entries(values).map(([attribute, value]) => `${attribute}) echo "${value}" ;;`);
  await program("hatype", `case $3 in ${lines.join(" ")} esac`);
  const hares = { command: join(folder, "hares"), system: "node1", timeoutMs: 10_000 };
  return short(wordsOf(await typeCheck(hares).look(never)));
}

describe("the check of the type", () => {
  it("is content with our entry points under a script agent that is new enough", async () => {
    expect(await saidOfType(await plainType())).toEqual([
      "ok: its entry points are those in agent, run by Script51Agent",
    ]);
  });

  it("has a problem where the product's own agent keeps the guests", async () => {
    expect(await saidOfType({ ...(await plainType()), AgentDirectory: "" })).toEqual([
      "problem: AgentDirectory is not set: the product's own agent keeps the guests",
    ]);
  });

  it("has a problem with entry points that are missing or another's", async () => {
    const values = await plainType();
    await rm(join(values.AgentDirectory, "actions/DevScan"));
    expect(await saidOfType(values)).toEqual([
      "problem: entry points are missing in AgentDirectory agent, or cannot be executed: actions/DevScan",
    ]);

    await writeFile(join(values.AgentDirectory, "clean"), "#!/bin/sh\n");
    expect(await saidOfType(values)).toEqual([
      "problem: entry points in AgentDirectory agent are not this agent's: clean",
    ]);
  });

  it("has a problem with a script agent that is too old or not there, and warns of switches", async () => {
    const values = {
      ...(await plainType()),
      AgentFile: await program("Script50Agent", ""),
      IntentionalOffline: "0",
      AEPTimeout: "0",
    };

    expect(await saidOfType(values)).toEqual([
      "problem: AgentFile Script50Agent is too old: it knows no intentional offline, and a guest that left is a fault",
      "warning: IntentionalOffline is not 1: a guest that migrates away is a fault",
      "warning: AEPTimeout is not 1: the agent does not learn how long an entry point may take, and assumes the product's defaults",
    ]);
    expect((await saidOfType({ ...values, AgentFile: "/gone" }))[0]).toBe(
      "problem: the program that runs the entry points, /gone, is not there or cannot be executed",
    );
  });
});

describe("the check of the shim's client", () => {
  it("wants perl, else curl", async () => {
    const perl = await program("perl", "");
    const curl = [await program("curl", "")];

    expect(short(wordsOf(await shimCheck({ perl, curl }).look(never)))).toEqual([
      "ok: the shim asks the daemon with perl",
    ]);
    expect(short(wordsOf(await shimCheck({ perl: "/gone", curl }).look(never)))).toEqual([
      "ok: the shim asks the daemon with curl; perl would be twice as fast",
    ]);
    expect(wordsOf(await shimCheck({ perl: "/gone", curl: [] }).look(never))).toEqual([
      "problem: neither is there: no entry point reaches the daemon",
    ]);
  });
});

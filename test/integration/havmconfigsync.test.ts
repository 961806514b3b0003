import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ClusterStates } from "../support/engine/cluster-states.ts";
import type { EngineStandIn } from "../support/engine/engine.ts";
import { is } from "../support/engine/engine-log.ts";
import { createToyCluster, hares, type ToyCluster } from "../support/engine/toy-cluster.ts";
import { repositoryFile } from "../support/repository.ts";

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

let toy: ToyCluster;
let config: string;
let n1: EngineStandIn;
let n2: EngineStandIn;

beforeAll(async () => {
  toy = await createToyCluster();
  const other = await toy.addAgent();
  const cluster = new ClusterStates();
  const attributes = 'SyncDir = "/sync"';
  await toy.agent.hasAction("vmconfigsync", "echo saved by n1; exit 0");
  await other.hasAction("vmconfigsync", "echo saved by n2; exit 0");
  n1 = await toy.start(attributes, { cluster });
  n2 = await toy.start(attributes, {
    cluster,
    system: "n2",
    agentDirectory: other.directory,
    workDirectory: join(other.home, "n2"),
  });
  await Promise.all([n1.probed(), n2.probed()]);
  config = join(toy.agent.home, "config.yaml");
  await writeFile(config, `engine: { hares: ${n1.binDirectory}/hares, timeoutS: 20 }\n`);
});

afterAll(() => toy.end());

/** Runs the program as an administrator of n1 does. */
function sync(...args: string[]): Promise<Ended> {
  const program = repositoryFile("dist/daemon/havmconfigsync.js");
  const env = { PATH: process.env["PATH"] ?? "", VCSKVMGUESTD_CONFIG: config };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

async function flagOf(system: string): Promise<string> {
  return (await hares(n1, "-value", "web", "ResyncVMCfg", system)).stdout.trim();
}

/** What would change the cluster, of the commands that n1's engine got from an entry of its log on. */
function changes(from: number): readonly string[] {
  const calls = n1.log.entries.slice(from).filter(is("hares"));
  const lines = calls.map(({ details }) => (details.args ?? []).join(" "));
  return lines.filter((line) => /^-(action|modify|local)/.test(line));
}

describe("havmconfigsync", () => {
  let from: number;

  beforeEach(() => {
    n1.isWritable = true;
    from = n1.log.entries.length;
  });

  it("tells its help and version, and what is wrong with a command line", async () => {
    const help = await sync("--help");
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toContain("Usage: havmconfigsync");
    expect((await sync("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const wrong = await sync();

    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toMatch(/^havmconfigsync: name resources, or say --all\n/);
    expect((await sync("web", "--config", "/nowhere/config.yaml")).exitCode).toBe(2);
  });

  it("asks whose configuration counts when the resource is ONLINE nowhere", async () => {
    expect(await sync("web")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr:
        "havmconfigsync: web: it is ONLINE nowhere: name the system that has the right configuration with -sys\n",
    });
    expect(changes(from)).toEqual([]);
  });

  it("changes nothing in a dry run", async () => {
    expect(await sync("-n", "-sys", "n2", "web")).toEqual({
      exitCode: 0,
      stdout: [
        "web: would run: hares -action web vmconfigsync -sys n2",
        "web: would run: hares -local web ResyncVMCfg",
        "web: would run: hares -modify web ResyncVMCfg 1 -sys n1",
        "",
      ].join("\n"),
      stderr: "",
    });
    expect(changes(from)).toEqual([]);
  });

  it("says in plain words that the cluster's configuration has to be writable", async () => {
    n1.isWritable = false;
    const refused = await sync("-sys", "n1", "web");

    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toBe("web: n1: saved by n1\n");
    expect(refused.stderr).toContain("run haconf -makerw, this command again, then haconf -dump -makero");
    expect(await flagOf("n2")).toBe("0");
  });

  it("has the system where the resource is ONLINE save, and the others take it over", async () => {
    expect(await n2.online("web")).toBe("ONLINE");

    expect(await sync("--all")).toEqual({
      exitCode: 0,
      stdout: [
        "web: n2: saved by n2",
        "web: ResyncVMCfg is now one for each system",
        "web: n1: takes it over at its next online",
        "",
      ].join("\n"),
      stderr: "",
    });
    expect([await flagOf("n1"), await flagOf("n2")]).toEqual(["1", "0"]);
    const again = await sync("web");
    expect(again.stdout).toBe("web: n2: saved by n2\nweb: n1: takes it over at its next online\n");
    await n2.offline("web");
    expect(await n1.online("web")).toBe("ONLINE");
    const argv = await toy.agent.argv("online");
    expect(argv[argv.indexOf("ResyncVMCfg") + 2]).toBe("1");
    await n1.offline("web");
  });

  it("fails for a resource that the cluster does not have, and does the others", async () => {
    const done = await sync("-sys", "n1", "nope", "web");

    expect(done.exitCode).toBe(1);
    expect(done.stderr).toContain("havmconfigsync: nope: hares -value nope Type ended with 1");
    expect(done.stdout).toContain("web: n2: takes it over at its next online");
  });

  it("ends with 3 when the engine does not answer", async () => {
    n1.haresFault = { kind: "error" };
    const silent = await sync("web");
    n1.haresFault = undefined;

    expect(silent.exitCode).toBe(3);
    expect(silent.stderr).toMatch(
      /^havmconfigsync: the engine does not answer: .*Cannot connect to VCS engine\n$/,
    );
    await writeFile(`${config}.none`, "engine: { hares: /nowhere/hares }\n");
    expect((await sync("web", "--config", `${config}.none`)).exitCode).toBe(3);
  });
});

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../support/lab/until.ts";
import { repositoryFile } from "../support/repository.ts";
import { PASSWORD } from "../support/rhev-client.ts";
import type { RhevmSimulator } from "../support/rhevm-simulator/simulator.ts";
import { hostsOf, twoSites } from "../support/two-sites.ts";

let folder: string;
let children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "spm-"));
  await mkdir(join(folder, "state"));
  await writeFile(join(folder, "password"), `${PASSWORD}\n`, { mode: 0o600 });
});

afterEach(async () => {
  await Promise.all(children.map(kill));
  children = [];
  await rm(folder, { recursive: true });
});

/** A process that scans, or that only gives back what an earlier one owed. */
function begin({ url, caFile }: RhevmSimulator, scans: boolean): ChildProcess {
  const argument = { url, caFile, password: join(folder, "password"), folder: join(folder, "state"), scans };
  const child = spawn(
    process.execPath,
    [repositoryFile("dist/test/support/dev-scan-main.js"), JSON.stringify(argument)],
    { stdio: "ignore" },
  );
  children.push(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** What is written down of hosts in maintenance. */
async function records(): Promise<readonly string[]> {
  const names = await readdir(join(folder, "state/host-debts")).catch(() => []);
  return names.filter((name) => name.endsWith(".json"));
}

async function isRepaired(engine: RhevmSimulator): Promise<boolean> {
  return (await records()).length === 0 && engine.world.hosts.every(({ status }) => status === "up");
}

const status = (engine: RhevmSimulator, host: string) => engine.world.host(host).status;

describe("a scan whose process is killed", () => {
  it.each([
    ["before RHEV-M has seen that the host shall go", "hang", "deactivate", 1],
    ["before the answer to the first deactivation", "hang-after", "deactivate", 1],
    ["before the answer to the second deactivation", "hang-after", "deactivate", 2],
    ["before RHEV-M has seen that the host shall come back", "hang", "activate", 1],
    ["before the answer to an activation", "hang-after", "activate", 1],
  ] as const)("%s: the next process gives all hosts back", async (_when, fault, verb, which) => {
    const engine = await twoSites();
    let seen = 0;
    engine.faults.next(fault, {
      matching: ({ url }) => {
        if (url.endsWith(`/${verb}`)) seen += 1;
        return url.endsWith(`/${verb}`) && seen === which;
      },
    });
    const child = begin(engine, true);
    await until("it is there", () => engine.requests.filter((one) => one.fault === fault).length > 0);
    if (fault === "hang-after" && verb === "deactivate")
      await until("a host leaves", () => status(engine, "west2") !== "up");
    expect(await records()).toHaveLength(1);
    await kill(child);
    engine.faults.clear();

    begin(engine, false);
    await until("all hosts are up, and nothing is owed", () => isRepaired(engine));
  });

  it("while it waits for the SPM: a host that was in maintenance before stays there", async () => {
    const engine = await twoSites({ delays: { spmElectionMs: 1e9 } });
    engine.world.setHostStatus("west2", "maintenance");
    const child = begin(engine, true);
    await until("it waits", () => status(engine, "west1") === "maintenance");
    await kill(child);

    begin(engine, false);
    await until(
      "the host is up",
      async () => status(engine, "west1") === "up" && (await records()).length === 0,
    );
    expect(hostsOf(engine)[1]).toBe("west2 maintenance");
  });

  it("again and again, wherever: in the end no host is left behind", async () => {
    const engine = await twoSites();
    for (const requests of [6, 9, 12, 15, 18, 21]) {
      engine.requests.length = 0;
      engine.world.setSpm("west1");
      const child = begin(engine, true);
      await until(
        "so many requests",
        () => engine.requests.length >= requests || engine.world.host("east1").spm === "spm",
      );
      await kill(child);
    }

    begin(engine, false);
    await until("all hosts are up, and nothing is owed", () => isRepaired(engine));
    expect(hostsOf(engine).filter((text) => !text.includes(" up"))).toEqual([]);
  });
});

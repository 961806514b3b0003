import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseXml, type XmlElement } from "../src/xml.ts";
import { is } from "../test/support/engine/engine-log.ts";
import type { Host } from "../test/support/host/host.ts";
import { defineGuest } from "../test/support/lab/guest.ts";
import { guestFiles } from "../test/support/lab/guest-files.ts";
import { run } from "../test/support/lab/run.ts";
import { benchmark } from "./support/bench-host.ts";
import { median, quantile, say, sayResult } from "./support/figures.ts";
import { processorTimeMs } from "./support/processor-time.ts";
import { type CallCost, type Stopwatch, startStopwatch } from "./support/stopwatch.ts";

const GUEST = "bench1";
const RESOURCE = "bench1_vm";
const WARM_UP = 10;
const ROUNDS = 100;

/** What the daemons finish after they have answered belongs to that call. */
const AFTERMATH_MS = 5;

const OCF_ROOT = "/usr/lib/ocf";
const VIRTUAL_DOMAIN = `${OCF_ROOT}/resource.d/heartbeat/VirtualDomain`;

interface Candidate {
  readonly name: string;
  readonly words: readonly string[];
  /** that says: the guest runs */
  readonly exitCode: number;
}

/** What one call cost in processes that live on. */
type FullCost = CallCost & { readonly daemonMs: number; readonly libvirtdMs: number };

/** The shim with the arguments that the engine gave it last. */
function shimOf(host: Host): Candidate {
  const started = host.engine.log.entries.findLast(is("entry point started", { entryPoint: "monitor" }));
  const words = [join(host.agentDirectory, "monitor"), ...(started?.details.args ?? [])];
  return { name: "monitor shim", words, exitCode: 110 };
}

/** The environment of every call: Pacemaker sets no parameter that has its default. */
function environment(host: Host): Record<string, string> {
  return {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    OCF_ROOT,
    OCF_RESOURCE_INSTANCE: GUEST,
    OCF_RESKEY_config: join(host.libvirtd.folder, `${GUEST}.xml`),
    ...host.shimEnvironment,
  };
}

async function sayParameters(host: Host): Promise<void> {
  const env = environment(host);
  const metaData = await run("env", [
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    VIRTUAL_DOMAIN,
    "meta-data",
  ]);
  const agent = await parseXml(withoutDoctype(metaData.stdout), "VirtualDomain meta-data");
  const version = await run("dpkg-query", ["-W", "-f", "${Version}", "resource-agents"]);
  const cluster = await run("sh", ["-c", "command -v crm_resource || echo none"]);
  say(
    `VirtualDomain of resource-agents ${version.stdout}, outside a cluster (crm_resource: ${cluster.stdout})`,
  );
  say(`  given: config=${env["OCF_RESKEY_config"]}`);
  say(`  left at their defaults: ${defaultsOf(agent).join(" ")}`);
}

/** Our parser refuses document types, and this one declares nothing. */
function withoutDoctype(xml: string): string {
  return xml.replace(/^<!DOCTYPE .*$/m, "");
}

function defaultsOf(agent: XmlElement): string[] {
  const parameters = agent.children.find((child) => child.name === "parameters")?.children ?? [];
  return parameters
    .filter((parameter) => parameter.attributes["name"] !== "config")
    .map((parameter) => {
      const content = parameter.children.find((child) => child.name === "content");
      return `${parameter.attributes["name"]}="${content?.attributes["default"] ?? ""}"`;
    });
}

async function fullCost(host: Host, stopwatch: Stopwatch, candidate: Candidate): Promise<FullCost> {
  const pids = [host.daemon.pid, host.libvirtd.pid];
  const before = await Promise.all(pids.map(processorTimeMs));
  const cost = await stopwatch.time(candidate.words, candidate.exitCode);
  await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MS));
  const after = await Promise.all(pids.map(processorTimeMs));
  const [daemonMs = 0, libvirtdMs = 0] = after.map((ms, at) => ms - (before[at] ?? 0));
  return { ...cost, daemonMs, libvirtdMs };
}

/** Calls the candidates in turn, so that whatever disturbs the machine disturbs all of them. */
async function measure(host: Host, candidates: readonly Candidate[]): Promise<Map<string, FullCost[]>> {
  const stopwatch = startStopwatch(host.libvirtd.pid, environment(host));
  const costs = new Map(candidates.map(({ name }): [string, FullCost[]] => [name, []]));
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const candidate of candidates) {
      const cost = await fullCost(host, stopwatch, candidate);
      if (round >= 0) costs.get(candidate.name)?.push(cost);
    }
  }
  stopwatch.stop();
  return costs;
}

function mediansOf(
  costs: readonly FullCost[],
): FullCost & { readonly slowMs: number; readonly allCpuMs: number } {
  return {
    wallMs: median(costs.map((cost) => cost.wallMs)),
    slowMs: quantile(
      costs.map((cost) => cost.wallMs),
      0.95,
    ),
    cpuMs: median(costs.map((cost) => cost.cpuMs)),
    daemonMs: median(costs.map((cost) => cost.daemonMs)),
    libvirtdMs: median(costs.map((cost) => cost.libvirtdMs)),
    allCpuMs: median(costs.map((cost) => cost.cpuMs + cost.daemonMs + cost.libvirtdMs)),
  };
}

await benchmark(async (host) => {
  const { libvirtd } = host;
  await mkdir(join(libvirtd.folder, "run/resource-agents"), { recursive: true });
  await defineGuest(libvirtd, { name: GUEST, files: await guestFiles(), kind: "sector" });
  await host.daemon.start();
  const engine = await host.startEngine(
    `KVMGuest ${RESOURCE} ( GuestName = ${GUEST} DelayAfterGuestOnline = 1 MonitorInterval = 3600 )`,
  );
  await engine.probed();
  if ((await engine.online(RESOURCE)) !== "ONLINE") throw new Error("the guest did not start");
  await sayParameters(host);

  const candidates: readonly Candidate[] = [
    shimOf(host),
    { name: "virsh domstate", words: ["virsh", "domstate", GUEST], exitCode: 0 },
    { name: "VirtualDomain", words: [VIRTUAL_DOMAIN, "monitor"], exitCode: 0 },
    { name: "true", words: ["true"], exitCode: 0 },
  ];
  const costs = await measure(host, candidates);

  const medians = candidates.map(({ name }) => ({ name, ...mediansOf(costs.get(name) ?? []) }));
  const [ours, virsh, theirs] = medians;
  if (ours === undefined || virsh === undefined || theirs === undefined)
    throw new Error("nothing was measured");
  say(`medians of ${ROUNDS} calls each, in turn, on the same running guest, in ms:`);
  say("                  wall   95 %    CPU | + daemon + libvirtd = all CPU");
  for (const { name, wallMs, slowMs, cpuMs, daemonMs, libvirtdMs, allCpuMs } of medians) {
    const columns = [wallMs, slowMs, cpuMs, daemonMs, libvirtdMs, allCpuMs].map((ms) =>
      ms.toFixed(2).padStart(7),
    );
    say(`${name.padEnd(15)}${columns.join("")}`);
  }
  say("limits: wall 10 ms, CPU of VirtualDomain at least 15 times ours");
  sayResult("monitor-call", {
    wallMs: ours.wallMs,
    cpuMs: ours.cpuMs,
    cpuRatio: theirs.cpuMs / ours.cpuMs,
    wallRatio: theirs.wallMs / ours.wallMs,
    allCpuMs: ours.allCpuMs,
    allCpuRatio: theirs.allCpuMs / ours.allCpuMs,
    virshWallMs: virsh.wallMs,
    virshCpuMs: virsh.cpuMs,
    virtualDomainWallMs: theirs.wallMs,
    virtualDomainCpuMs: theirs.cpuMs,
  });
});

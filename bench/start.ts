import { readdir, stat } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import type { Host } from "../test/support/host/host.ts";
import { run } from "../test/support/lab/run.ts";
import { until } from "../test/support/lab/until.ts";
import { repositoryFile } from "../test/support/repository.ts";
import { benchmark } from "./support/bench-host.ts";
import { median, say, sayResult } from "./support/figures.ts";
import { defineGuests, guestNames, residentMiB, resourcesOf } from "./support/many-guests.ts";
import { processorTimeMs } from "./support/processor-time.ts";
import { type Stopwatch, startStopwatch } from "./support/stopwatch.ts";

const GUESTS = 100;
const STARTS = 8;
const WARM_CALLS = 20;
const PACKAGE_LIMIT_MS = 900_000;
const PACKAGES = repositoryFile("build/packages");
/** Of a monitor of a guest that does not run. */
const OFFLINE = 100;

const names = guestNames(GUESTS);

/** What one start gave. */
interface Start {
  /** until the socket answers, which is when systemd is told READY */
  readonly readyMs: number;
  /** until libvirt has been read, and monitors can be answered */
  readonly connectedMs: number;
  /** of the daemon until then */
  readonly cpuMs: number;
  readonly coldShimMs: number;
  readonly warmShimMs: number;
  readonly rssMiB: number;
}

/** The health as the daemon tells it; undefined while nobody answers. */
function healthOf(socketPath: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: "/healthz" }, (reply) => {
      let text = "";
      reply.on("data", (part: Buffer) => (text += part.toString()));
      reply.on("end", () => resolve(text));
      reply.on("error", () => resolve(undefined));
    });
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}

/** Milliseconds from now until the health matches; asked again at once. */
async function untilHealth(host: Host, pattern: RegExp): Promise<number> {
  const since = performance.now();
  await until(`the health is ${pattern}`, async () => pattern.test((await healthOf(host.socket)) ?? ""));
  return performance.now() - since;
}

/** One monitor by the shim, as the engine runs it. */
async function monitorMs(host: Host, stopwatch: Stopwatch, name: string): Promise<number> {
  const words = [
    join(host.agentDirectory, "monitor"),
    `${name}_vm`,
    "GuestName",
    "1",
    name,
    "AEPTimeout",
    "1",
    "60",
  ];
  return (await stopwatch.time(words, OFFLINE)).wallMs;
}

async function measureStart(host: Host, stopwatch: Stopwatch): Promise<Start> {
  const { daemon } = host;
  const [readyMs, connectedMs] = await Promise.all([
    untilHealth(host, /"status"/),
    untilHealth(host, /"libvirt":"connected"/),
    daemon.start(),
  ]);
  const cpuMs = await processorTimeMs(daemon.pid);
  const coldShimMs = await monitorMs(host, stopwatch, names[0] ?? "");
  const warm: number[] = [];
  for (const name of names.slice(1, 1 + WARM_CALLS)) warm.push(await monitorMs(host, stopwatch, name));
  const rssMiB = await residentMiB(daemon.pid);
  await daemon.stop();
  return { readyMs, connectedMs, cpuMs, coldShimMs, warmShimMs: median(warm), rssMiB };
}

/** Sizes in MiB of the host's package, which is made if there is none: the file, and what it becomes. */
async function packageSizes(): Promise<{ packageMiB: number; installedMiB: number }> {
  const find = async (): Promise<string | undefined> =>
    (await readdir(PACKAGES).catch(() => [])).find((name) => /^vcskvmguestd_.*\.deb$/.test(name));
  if ((await find()) === undefined) {
    say("making the package of the host (npm run package)");
    await run(repositoryFile("scripts/package"), ["host-deb"], PACKAGE_LIMIT_MS);
  }
  const file = join(PACKAGES, (await find()) ?? "");
  const { size } = await stat(file);
  const installed = await run("dpkg-deb", ["--field", file, "Installed-Size"]);
  return { packageMiB: size / 1_048_576, installedMiB: Number(installed.stdout) / 1024 };
}

await benchmark(async (host) => {
  await defineGuests(host, names);
  await host.daemon.start();
  const engine = await host.startEngine(resourcesOf(names));
  await engine.probed(300_000);
  await engine.stop();
  await host.daemon.stop();
  say(
    `${GUESTS} guests are registered; ${STARTS} starts, each with one first and ${WARM_CALLS} more monitors`,
  );

  const stopwatch = startStopwatch(host.libvirtd.pid, {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    ...host.shimEnvironment,
  });
  const starts: Start[] = [];
  for (let at = 0; at < STARTS; at += 1) starts.push(await measureStart(host, stopwatch));
  stopwatch.stop();

  const figures = {
    guests: GUESTS,
    readyMs: median(starts.map((start) => start.readyMs)),
    readyMaxMs: Math.max(...starts.map((start) => start.readyMs)),
    connectedMs: median(starts.map((start) => start.connectedMs)),
    cpuMs: median(starts.map((start) => start.cpuMs)),
    coldShimMs: median(starts.map((start) => start.coldShimMs)),
    warmShimMs: median(starts.map((start) => start.warmShimMs)),
    rssMiB: Math.max(...starts.map((start) => start.rssMiB)),
    ...(await packageSizes()),
  };
  say(
    `from the start of the process to READY: ${figures.readyMs.toFixed(0)} ms, at most ${figures.readyMaxMs.toFixed(0)}`,
  );
  say(
    `to the first full reading of libvirt: ${figures.connectedMs.toFixed(0)} ms, ${figures.cpuMs.toFixed(0)} ms of CPU`,
  );
  say(
    `monitor: the first ${figures.coldShimMs.toFixed(1)} ms, later ones ${figures.warmShimMs.toFixed(1)} ms`,
  );
  say(`memory after them: ${figures.rssMiB.toFixed(1)} MiB at most`);
  say(`package: ${figures.packageMiB.toFixed(1)} MiB, installed ${figures.installedMiB.toFixed(1)} MiB`);
  sayResult("start", figures);
});

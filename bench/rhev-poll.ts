import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Host, makeHost } from "../test/support/host/host.ts";
import type { SeenRequest } from "../test/support/rhevm-simulator/front.ts";
import { type RhevmSimulator, startRhevmSimulator } from "../test/support/rhevm-simulator/simulator.ts";
import { logAsShipped, sayMachine } from "./support/bench-host.ts";
import { mapped, median, say, sayResult } from "./support/figures.ts";
import { processorTimeMs } from "./support/processor-time.ts";

/** How many guests, one after another: the arguments, or these. */
const SIZES = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 50, 500];

/** Longer than the poller takes any change for a sign that something moves. */
const SETTLE_S = 40;
const WATCHED_S = 60;
/** Monitors beside the engine's own, whose age is measured. */
const MONITORS = 60;

interface Figures {
  readonly requestsPerMinute: number;
  readonly cyclesPerMinute: number;
  readonly cpuPercent: number;
  readonly ageMedianS: number;
  readonly ageMaxS: number;
}

const figures: Record<string, Figures> = {};
await sayMachine();
for (const size of SIZES) {
  const names = Array.from({ length: size }, (_, at) => `bench${at + 1}`);
  const engine = await startRhevmSimulator({ hosts: ["node1", "node2"], speed: 1 });
  const host = await makeHost();
  try {
    for (const name of names) engine.world.addVm(name, { host: "node1" });
    figures[size] = await measure(host, engine, names);
  } finally {
    await host.stop();
    await engine.stop();
  }
  say(`${size} guests: ${JSON.stringify(figures[size])}`);
}
sayResult("rhev-poll", {
  requestsPerMinute: mapped(figures, (one) => one.requestsPerMinute),
  cyclesPerMinute: mapped(figures, (one) => one.cyclesPerMinute),
  cpuPercent: mapped(figures, (one) => one.cpuPercent),
  ageMedianS: mapped(figures, (one) => one.ageMedianS),
  ageMaxS: mapped(figures, (one) => one.ageMaxS),
});

async function measure(host: Host, rhevm: RhevmSimulator, names: readonly string[]): Promise<Figures> {
  const password = join(host.folder, "rhevm-password");
  await writeFile(password, "secret\n", { mode: 0o600 });
  // the stand-in knows no NumThreads: all monitors may come at once
  await host.configure(
    `rhev: { host: node1, caFile: ${rhevm.caFile}, passwordFile: ${password} }\nlimits: { requestsAtOnce: 1024, connections: 2048 }`,
  );
  await logAsShipped(host);
  await host.daemon.start();
  const info = `Enabled = 1, URL = "${rhevm.url}", User = "admin@internal", Cluster = Default`;
  const engine = await host.startEngine(
    names.map((name) => `KVMGuest ${name}_vm ( GuestName = ${name}\n RHEVMInfo = { ${info} } )`).join("\n"),
  );
  await engine.probed(600_000);
  say(`${names.length} guests opened and probed; ${SETTLE_S} s to settle, then ${WATCHED_S} s are watched`);
  await seconds(SETTLE_S);

  rhevm.requests.splice(0);
  const since = performance.now();
  const before = await processorTimeMs(host.daemon.pid);
  const ages: number[] = [];
  for (let at = 0; at < MONITORS; at += 1) {
    await seconds((since + (at * WATCHED_S * 1000) / MONITORS - performance.now()) / 1000);
    const name = names[at % names.length] ?? "";
    ages.push(await ageAtMonitor(host, rhevm, name));
  }
  await seconds((since + WATCHED_S * 1000 - performance.now()) / 1000);
  const spentMs = (await processorTimeMs(host.daemon.pid)) - before;
  const minutes = (performance.now() - since) / 60_000;
  const known = ages.filter((age) => !Number.isNaN(age));
  return {
    requestsPerMinute: rhevm.requests.length / minutes,
    cyclesPerMinute: rhevm.requests.filter(({ url }) => url.includes("/hosts")).length / minutes,
    cpuPercent: (spentMs / (minutes * 60_000)) * 100,
    ageMedianS: median(known),
    ageMaxS: Math.max(...known),
  };
}

/** Seconds from the request that showed the guest to the answer of a monitor; NaN before the first one that was counted. */
async function ageAtMonitor(host: Host, { requests, url }: RhevmSimulator, guest: string): Promise<number> {
  const info = ["RHEVMInfo", "8", "Enabled", "1", "URL", url, "User", "admin@internal", "Cluster", "Default"];
  const { exitCode } = await host.shim("monitor", `${guest}_vm`, "GuestName", "1", guest, ...info);
  const answeredAt = performance.now();
  if (exitCode !== 110) {
    const warnings = host.daemon.lines.filter(({ level }) => level === "warn" || level === "error").slice(-5);
    throw new Error(`the monitor of ${guest} ended with ${exitCode}: ${JSON.stringify(warnings)}`);
  }
  const shown = requests.findLast((request) => isAnswered(request) && isAbout(request, guest));
  return shown === undefined ? Number.NaN : (answeredAt - shown.at) / 1000;
}

function isAnswered({ status }: SeenRequest): boolean {
  return status === 200;
}

function isAbout({ url }: SeenRequest, guest: string): boolean {
  return decodeURIComponent(url).includes(`name="${guest}"`);
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, count * 1000)));
}

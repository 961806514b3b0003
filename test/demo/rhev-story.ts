import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EngineStandIn } from "../support/engine/engine.ts";
import type { Host } from "../support/host/host.ts";
import { until } from "../support/lab/until.ts";
import { type RhevmSimulator, startRhevmSimulator } from "../support/rhevm-simulator/simulator.ts";
import { EngineNarrator } from "./engine-narrator.ts";
import { expectState, storyOfOneHost } from "./story.ts";
import type { Timeline } from "./timeline.ts";

const GUEST = "web1";
const RESOURCE = "web1_vm";
const [HERE, THERE] = ["node1", "node2"];

/** Times of the simulated site are short; what is shown at once is shown by its events. */
const DELAYS = { launchMs: 500, bootMs: 2500, shutdownMs: 2000, migrationMs: 3000 };

function resourcesFor(url: string): string {
  return `    KVMGuest ${RESOURCE} (
        GuestName = ${GUEST}
        RHEVMInfo = { Enabled = 1, URL = "${url}", User = "admin@internal", Password = "", Cluster = Default, UseManualRHEVMFencing = 0 }
        DelayAfterGuestOnline = 2
        DelayAfterGuestOffline = 60
        MonitorInterval = 10
        OfflineMonitorInterval = 10
        RestartLimit = 1
        )`;
}

/** One guest of RHEV-M on a simulated engine, kept. */
export const rhevStory = storyOfOneHost("one guest of RHEV-M, kept", async (host, timeline) => {
  const rhevm = await startRhevmSimulator({
    hosts: [HERE, THERE],
    vms: [GUEST],
    delays: DELAYS,
    speed: 1,
  });
  try {
    await tell(host, rhevm, timeline);
  } finally {
    await rhevm.stop();
  }
});

async function tell(host: Host, rhevm: RhevmSimulator, timeline: Timeline): Promise<void> {
  const engine = await begin(host, rhevm, timeline);
  const narrator = new EngineNarrator(engine.log, timeline);
  const sayVm = () => timeline.line("RHEV-M", wordsOf(rhevm));
  await until("the first probe", () => engine.state(RESOURCE) === "OFFLINE");
  sayVm();

  timeline.chapter(
    `2. hares -online ${RESOURCE}: RHEV-M is asked to start the guest on this host. Its way up shows as confidence.`,
  );
  expectState(await engine.online(RESOURCE), "ONLINE");
  await until("the guest is up", () => rhevm.world.vm(GUEST).status === "up");
  sayVm();
  await until("full confidence", () => lastMonitor(engine) === 110);

  timeline.chapter(
    "3. The guest's emulator dies. RHEV-M notices, and so does the daemon: clean, and a new start.",
  );
  const starts = rhevm.world.vm(GUEST).starts;
  rhevm.world.crashVm(GUEST);
  sayVm();
  await until("a new start", () => rhevm.world.vm(GUEST).starts > starts);
  await steady(engine, "ONLINE");
  await until("the guest is up again", () => rhevm.world.vm(GUEST).status === "up");
  sayVm();

  timeline.chapter(
    `4. An administrator migrates it in RHEV-M, to ${THERE} and back: intentional offline, no fault, nothing is started.`,
  );
  rhevm.world.migrateVm(GUEST, THERE, "admin@internal");
  sayVm();
  await steady(engine, "OFFLINE");
  await until("it has arrived there", () => rhevm.world.vm(GUEST).status === "up");
  sayVm();
  rhevm.world.migrateVm(GUEST, HERE, "admin@internal");
  await steady(engine, "ONLINE");
  sayVm();

  await loseManager(engine, rhevm, timeline);

  timeline.chapter(`6. hares -offline ${RESOURCE}: RHEV-M is asked to shut the guest down, and it does.`);
  expectState(await engine.offline(RESOURCE), "OFFLINE");
  sayVm();
  narrator.end();
}

async function begin(host: Host, rhevm: RhevmSimulator, timeline: Timeline): Promise<EngineStandIn> {
  timeline.chapter(
    "1. A host: the daemon, the shims in the agent's directory, an engine that runs them; and a simulated RHEV-M over TLS.",
  );
  const password = join(host.folder, "rhevm-password");
  await writeFile(password, "secret\n", { mode: 0o600 });
  await host.configure(
    `monitorIntervalS: 5\nrhev: { host: ${HERE}, caFile: ${rhevm.caFile}, passwordFile: ${password} }`,
  );
  timeline.line(
    "demo",
    `the manager is at ${rhevm.url}; its hosts are ${HERE}, which is this system, and ${THERE}`,
  );
  await host.daemon.start();
  return host.startEngine(resourcesFor(rhevm.url));
}

async function loseManager(engine: EngineStandIn, rhevm: RhevmSimulator, timeline: Timeline): Promise<void> {
  timeline.chapter(
    "5. The manager is away: nobody can prove anything, so the state is UNKNOWN and nothing is done.",
  );
  await rhevm.close();
  timeline.line("demo", "RHEV-M refuses connections; the guest runs on");
  await until("unknown", () => lastMonitor(engine) === 99, 90_000);
  await rhevm.reopen();
  timeline.line("demo", "RHEV-M is back");
  await until("known again", () => lastMonitor(engine) !== 99, 90_000);
  expectState(engine.state(RESOURCE), "ONLINE");
}

/** With what the last monitor that has ended did so. */
function lastMonitor({ log }: EngineStandIn): number | undefined {
  return log.entries.findLast(
    ({ what, details }) => what === "entry point ended" && details.entryPoint === "monitor",
  )?.details.exitCode;
}

async function steady(engine: EngineStandIn, state: string): Promise<void> {
  await until(
    `${RESOURCE} is ${state}`,
    () => engine.state(RESOURCE) === state && engine.phase(RESOURCE) === "steady",
    90_000,
  );
}

function wordsOf({ world }: RhevmSimulator): string {
  const { name, status, hostId } = world.vm(GUEST);
  const host = world.hosts.find(({ id }) => id === hostId);
  return `has ${name} "${status}"${host === undefined ? "" : ` on ${host.name}`}`;
}

// Two real hosts, one guest that is started, killed, migrated, and left while libvirtd is away: scrapes both daemons each
// second, and writes docs/monitoring/recording.csv and docs/monitoring/recording.svg. See scripts/monitoring-picture.

import { writeFile } from "node:fs/promises";
import { type Cluster, makeCluster } from "./host/cluster.ts";
import { ask } from "./ipc/http-client.ts";
import { defineGuest, killEmulator } from "./lab/guest.ts";
import { guestFiles } from "./lab/guest-files.ts";
import { migrateGuest, movableGuest } from "./lab/migrate.ts";
import { until } from "./lab/until.ts";
import { type Band, pictureOf } from "./metrics/picture.ts";
import { csvOf, type Mark, type Scrape } from "./metrics/recording.ts";
import { samplesOf } from "./metrics/samples.ts";
import { repositoryFile } from "./repository.ts";

const HOSTS = ["node1", "node2"] as const;
type HostName = (typeof HOSTS)[number];
const GUEST = "web1";
const RESOURCE = "web1_vm";
/** Of a guest that is defined nowhere: a standby without a word to say. */
const STANDBY = "web2_vm";

const CONFIGURATION = `peers:
${HOSTS.map((system) => `  ${system}: { uri: "qemu+tcp://${system}/system" }`).join("\n")}`;

const INTERVALS = "MonitorInterval = 5 OfflineMonitorInterval = 5 RestartLimit = 3";

const COLOURS = { node1: "#0969da", node2: "#bf8700" } as const satisfies Record<HostName, string>;

/** performance.now of the beginning, which is the first scrape. */
const since = { at: performance.now() };
const scrapes: Scrape[] = [];
const marks: Mark[] = [];

function nowS(): number {
  return (performance.now() - since.at) / 1000;
}

function mark(words: string): void {
  marks.push({ at: nowS(), words });
  process.stdout.write(`${nowS().toFixed(1)} s: ${words}\n`);
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}

async function scrape(cluster: Cluster): Promise<void> {
  const samples = new Map<string, number>();
  for (const name of HOSTS) {
    const { body } = await ask(cluster.on(name).socket, "GET", "/metrics");
    for (const [sample, value] of samplesOf(body)) samples.set(`${name} ${sample}`, value);
  }
  scrapes.push({ at: nowS(), samples });
}

/** Waits until the last scrape shows that this was told of the guest. */
async function told(host: HostName, words: string): Promise<void> {
  await until(`${words} is told on ${host}`, () => {
    const last = scrapes.at(-1);
    return last !== undefined && bandOf(last, host, RESOURCE).words === words;
  });
}

async function story(cluster: Cluster): Promise<void> {
  const [one, two] = [cluster.on("node1"), cluster.on("node2")];
  await seconds(5);
  mark("hares -online");
  await one.engine.online(RESOURCE);
  await told("node1", "ONLINE 100");
  await seconds(10);
  mark("kill -9 of the emulator");
  await killEmulator(one.libvirtd, GUEST);
  await told("node1", "OFFLINE");
  await told("node1", "ONLINE 100");
  await seconds(10);
  mark("libvirtd of node1 killed");
  await one.libvirtd.kill();
  await told("node1", "ONLINE 30");
  await seconds(8);
  mark("back");
  await one.libvirtd.restart();
  await told("node1", "ONLINE 100");
  await seconds(10);
  mark("virsh migrate");
  await migrateGuest(GUEST, cluster.lab.on("node1"), cluster.lab.on("node2"));
  await told("node2", "ONLINE 100");
  await seconds(10);
  mark("libvirtd of node2 killed");
  await two.libvirtd.kill();
  await told("node2", "UNKNOWN");
  await seconds(10);
  mark("back");
  await two.libvirtd.restart();
  await told("node2", "ONLINE 100");
  await seconds(10);
}

function valueOf({ samples }: Scrape, host: HostName, metric: string): number | undefined {
  return samples.get(`${host} vcskvmguestd_${metric}`);
}

function labels(resource: string): string {
  return `resource="${resource}",guest="${resource.replace("_vm", "")}"`;
}

function bandOf(at: Scrape, host: HostName, resource: string): Band {
  const is = (state: string) =>
    valueOf(at, host, `resource_state{${labels(resource)},state="${state}"}`) === 1;
  const confidence = Math.round(
    100 * (valueOf(at, host, `resource_confidence_ratio{${labels(resource)}}`) ?? 0),
  );
  if (is("online"))
    return { words: `ONLINE ${confidence}`, colour: confidence === 100 ? "#1a7f37" : "#bc4c00" };
  if (is("unknown")) return { words: "UNKNOWN", colour: "#cf222e" };
  if (is("intentional_offline")) return { words: "INTENTIONAL OFFLINE", colour: "#8250df" };
  return is("offline") ? { words: "OFFLINE", colour: "#6e7781" } : { words: "", colour: "#ffffff" };
}

function sourceBand(at: Scrape, host: HostName): Band {
  const isConnected = valueOf(at, host, 'source_connected{source="libvirt"}') === 1;
  return isConnected
    ? { words: "connected", colour: "#1a7f37" }
    : { words: "cannot be read", colour: "#cf222e" };
}

/** One line for each host. */
function hostLines(title: string, metric: string) {
  const lines = HOSTS.map((host) => ({
    title: host,
    colour: COLOURS[host],
    valueAt: (at: Scrape) => valueOf(at, host, metric),
  }));
  return { title, lines };
}

const SERIES = HOSTS.flatMap((host) =>
  [
    ...[RESOURCE, STANDBY].flatMap((resource) => [
      ...["online", "offline", "intentional_offline", "unknown"].map(
        (state) => `resource_state{${labels(resource)},state="${state}"}`,
      ),
      `resource_confidence_ratio{${labels(resource)}}`,
      `resource_unknown_seconds_total{${labels(resource)}}`,
    ]),
    'source_connected{source="libvirt"}',
    'source_connections_total{source="libvirt"}',
    'probes_total{outcome="sent"}',
    'guest_changes_total{found_by="event"}',
    'guest_changes_total{found_by="reading"}',
    'migrations_ended_total{by="others",end="moved"}',
    'entry_point_duration_seconds_sum{entry_point="monitor"}',
    'entry_point_duration_seconds_count{entry_point="monitor"}',
  ].map((metric) => `${host} vcskvmguestd_${metric}`),
);

const cluster = await makeCluster(HOSTS, { configuration: () => CONFIGURATION });
try {
  const { libvirtd } = cluster.on("node1");
  await defineGuest(libvirtd, movableGuest(libvirtd, GUEST, await guestFiles()));
  await cluster.start(
    [RESOURCE, STANDBY]
      .map((name) => `KVMGuest ${name} ( GuestName = ${name.replace("_vm", "")} ${INTERVALS} )`)
      .join("\n"),
  );
  const ending = new AbortController();
  since.at = performance.now();
  const scraping = (async () => {
    while (!ending.signal.aborted) {
      await scrape(cluster);
      await seconds(1);
    }
  })();
  await story(cluster);
  ending.abort();
  await scraping;
  const recording = { scrapes, marks };
  const rows = [RESOURCE, STANDBY].flatMap((resource) =>
    HOSTS.map((host) => ({
      title: `${resource} on ${host}`,
      bandAt: (at: Scrape) => bandOf(at, host, resource),
    })),
  );
  const sources = HOSTS.map((host) => ({
    title: `libvirt on ${host}`,
    bandAt: (at: Scrape) => sourceBand(at, host),
  }));
  const charts = [
    hostLines("Probes asked for", 'probes_total{outcome="sent"}'),
    hostLines("Changes by events", 'guest_changes_total{found_by="event"}'),
    {
      title: "Seconds UNKNOWN",
      lines: [RESOURCE, STANDBY].map((resource, at) => ({
        title: `${resource} on node2`,
        colour: COLOURS[HOSTS[at] ?? "node1"],
        valueAt: (scrape: Scrape) =>
          valueOf(scrape, "node2", `resource_unknown_seconds_total{${labels(resource)}}`),
      })),
    },
  ];
  const title = "A guest is started, killed, migrated, and left without libvirtd: /metrics of two real hosts";
  await writeFile(repositoryFile("docs/monitoring/recording.csv"), csvOf(recording, SERIES));
  await writeFile(
    repositoryFile("docs/monitoring/recording.svg"),
    pictureOf(recording, [...rows, ...sources], charts, title),
  );
} finally {
  await cluster.stop();
}

import type { Connection } from "../../../src/libvirt/connection.ts";
import { EVENT_ID, LIFECYCLE_EVENT, STOPPED_DETAIL } from "../../../src/libvirt/constants.ts";
import { openConnection } from "../../../src/libvirt/open.ts";
import { type Cluster, makeCluster } from "../host/cluster.ts";
import { startGuest, waitForMarker } from "../lab/guest.ts";
import { guestFiles } from "../lab/guest-files.ts";
import { migrateGuest, movableGuest } from "../lab/migrate.ts";
import { type Ticks, watchTicks } from "../lab/ticks.ts";
import { until } from "../lab/until.ts";
import { MigrationWatch } from "./migration-watch.ts";

const SYSTEMS = ["node1", "node2"] as const;
const GUEST = "web1";
const RESOURCE = "web1_vm";

/** So often that a pause is measured as long as it is. */
const TICK_S = 0.2;

const CONFIGURATION = `peers:
${SYSTEMS.map((system) => `  ${system}: { uri: "qemu+tcp://${system}/system" }`).join("\n")}`;

/** Who asks for a migration: the engine, or an administrator with virsh, of whom the engine knows nothing. */
export type Asker = "engine" | "administrator";

/** One migration that went well. */
export interface MigrationRun {
  readonly asker: Asker;
  readonly from: string;
  readonly to: string;
  /** From the request until both engines knew. */
  readonly ms: number;
  /** From libvirt's event of the end, at the source, until both engines knew; negative when they knew before. */
  readonly knownMs: number;
}

/** What was seen over all runs. */
export interface MigrationFigures {
  /** Of each kind. */
  readonly runs: number;
  /** How often both engines held the guest for ONLINE at a time. */
  readonly bothOnline: number;
  /** Cleans, restarts and faults of the engines. */
  readonly cleans: number;
  /** The longest time without a tick of the guest. */
  readonly maxGapS: number;
  /** The worst of the migrations that an administrator asked for. */
  readonly outsideKnownMs: number;
  /** Ticks that did not follow the one before: none in a guest that runs once and is never started anew. */
  readonly irregularTicks: readonly string[];
}

/** What a caller may do meanwhile. */
export interface RunHooks {
  /** Before the daemons start. */
  readonly onCluster?: (cluster: Cluster) => Promise<void>;
  /** After each migration. */
  readonly onRun?: (run: MigrationRun) => void;
}

/** Two real hosts with the guest running on the first, and all who watch it. */
interface Course {
  readonly cluster: Cluster;
  readonly watch: MigrationWatch;
  readonly ticks: Ticks;
  /** Bare clients of the hosts' libvirtds, which tell when a migration has ended. */
  readonly clients: ReadonlyMap<string, Connection>;
}

/**
 * Migrates one ticking guest there and back between two real hosts, `runs` times as the engine asks it, then as often
 * behind the engine's back.
 *
 * @throws {Error} a migration failed, or an engine did not learn of one within a minute
 */
export async function runMigrations(
  runs: number,
  { onCluster, onRun }: RunHooks = {},
): Promise<MigrationFigures> {
  const cluster = await makeCluster(SYSTEMS, { configuration: () => CONFIGURATION });
  const watching = new AbortController();
  try {
    await onCluster?.(cluster);
    const course = await prepare(cluster, watching.signal);
    const outside: number[] = [];
    for (const asker of ["engine", "administrator"] as const) {
      for (let run = 0; run < runs; run += 1) {
        const done = await migrateOnce(course, asker);
        if (asker === "administrator") outside.push(done.knownMs);
        onRun?.(done);
      }
    }
    await until("the guest ticks on", ticksOn(course.ticks));
    return figuresOf(course, runs, Math.max(...outside));
  } finally {
    watching.abort();
    await cluster.stop();
  }
}

async function prepare(cluster: Cluster, signal: AbortSignal): Promise<Course> {
  const { libvirtd } = cluster.on(SYSTEMS[0]);
  const guest = movableGuest(libvirtd, GUEST, await guestFiles(), { tick: { everyS: TICK_S } });
  const { serialLog = "" } = guest;
  await startGuest(libvirtd, guest);
  await waitForMarker(serialLog, "READY");
  await cluster.start(`KVMGuest ${RESOURCE} ( GuestName = ${GUEST} RestartLimit = 3 )`);
  const clients = new Map<string, Connection>();
  for (const system of SYSTEMS)
    clients.set(system, await bareClient(cluster.on(system).libvirtd.socket, signal));
  const logs = new Map(SYSTEMS.map((system) => [system, cluster.on(system).engine.log]));
  const watch = new MigrationWatch(cluster.states, logs, RESOURCE);
  const ticks = await watchTicks(serialLog, signal);
  await until("the guest ticks", ticksOn(ticks));
  return { cluster, watch, ticks, clients };
}

async function bareClient(socket: string, signal: AbortSignal): Promise<Connection> {
  const client = await openConnection({ uri: "qemu:///system", sockets: [socket] }, signal);
  await client.registerEvent(EVENT_ID.LIFECYCLE);
  signal.addEventListener("abort", () => void client.close(), { once: true });
  return client;
}

/** From where it is to the other host. */
async function migrateOnce({ cluster, watch, clients }: Course, asker: Asker): Promise<MigrationRun> {
  const [one, two] = SYSTEMS;
  const [from, to] = watch.isOnline(one) ? [one, two] : [two, one];
  const client = clients.get(from);
  if (client === undefined) throw new Error(`no client of ${from}`);
  const since = performance.now();
  const ended = nextDeparture(client);
  if (asker === "engine") await cluster.on(from).engine.migrate(RESOURCE, to);
  else await migrateGuest(GUEST, cluster.lab.on(from), cluster.lab.on(to));
  const endedAt = await ended;
  await until(
    `both engines know that ${GUEST} is on ${to}`,
    () => !watch.isOnline(from) && watch.isOnline(to),
  );
  await until("both engines are at rest", () =>
    SYSTEMS.every((system) => cluster.on(system).engine.phase(RESOURCE) === "steady"),
  );
  const knownAt = Math.max(...[from, to].map((system) => watch.changedAt(system) ?? Number.NaN));
  return { asker, from, to, ms: knownAt - since, knownMs: knownAt - endedAt };
}

/** The moment at which a host's libvirt tells that a guest has left. */
function nextDeparture(client: Connection): Promise<number> {
  return new Promise((resolve) => {
    const onLifecycle = ({ event, detail }: { readonly event: number; readonly detail: number }): void => {
      if (event !== LIFECYCLE_EVENT.STOPPED || detail !== STOPPED_DETAIL.MIGRATED) return;
      client.events.off("lifecycle", onLifecycle);
      resolve(performance.now());
    };
    client.events.on("lifecycle", onLifecycle);
  });
}

function ticksOn(ticks: Ticks): () => boolean {
  const before = ticks.last();
  return () => ticks.last() > before;
}

function figuresOf({ watch, ticks }: Course, runs: number, outsideKnownMs: number): MigrationFigures {
  watch.end();
  return {
    runs,
    bothOnline: watch.bothOnline,
    cleans: watch.cleans,
    maxGapS: ticks.largestGapMs() / 1000,
    outsideKnownMs,
    irregularTicks: ticks.irregular(),
  };
}

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { MetricsText } from "../../ipc/views.ts";
import type { Log } from "../../src/log.ts";
import type { Platform } from "../../src/platform.ts";
import type { Dispatcher, EndedRequest } from "../dispatcher.ts";
import type { Follower } from "../follower.ts";
import type { GuestQueue } from "../guest-queue.ts";
import type { MigrationBook } from "../migration-book.ts";
import type { Prober } from "../prober.ts";
import type { ResourceBook } from "../resource-book.ts";
import { LIBVIRT } from "../source-states.ts";
import { registerProcess } from "./process-gauges.ts";
import { registerResources } from "./resource-gauges.ts";
import { ToldStates } from "./told-states.ts";

/** Upper ends of the histogram's buckets, in seconds: from a monitor to an online that waits for a boot. */
const BUCKETS_S = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300];

/** Entry points whose failures are watched. */
const WATCHED = ["monitor", "online", "offline", "clean", "migrate", "attr_changed", "action"] as const;

/** Whom the metrics listen to, and where they look when they are asked for. */
export interface MetricsSources {
  readonly book: Pick<ResourceBook, "all">;
  readonly platform: Pick<Platform, "events">;
  readonly dispatcher: Pick<Dispatcher, "events">;
  readonly follower: Pick<Follower, "events">;
  readonly migrations: Pick<MigrationBook, "events" | "all">;
  readonly prober: Pick<Prober, "events" | "open">;
  readonly queue: Pick<GuestQueue, "waiting">;
  /** The daemon's own. */
  readonly version: string;
  readonly log: Log;
}

/** The counters of the daemon, for Prometheus. */
export interface Metrics {
  /** All of them as text; whoever asks meanwhile shares one collection. */
  text(): Promise<MetricsText>;
}

/**
 * Counts what the parts of the daemon publish. Between two scrapes that is all that is done: an addition at each event.
 * Labels take their values from the configuration of the cluster alone, never a password.
 */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const told = new ToldStates();
  const listening = { ...sources, registry, told, safely: safely(sources.log) };
  registerResources(registry, { book: sources.book, told });
  countEntryPoints(listening);
  countProbes(listening);
  countSources(listening);
  countMigrations(listening);
  countChanges(listening);
  registerQueues(registry, sources);
  registerProcess(registry, sources.version);
  let collecting: Promise<MetricsText> | undefined;
  return {
    text() {
      collecting ??= registry
        .metrics()
        .then((body) => ({ type: registry.contentType, body }))
        .finally(() => {
          collecting = undefined;
        });
      return collecting;
    },
  };
}

interface Listening extends MetricsSources {
  readonly registry: Registry;
  readonly told: ToldStates;
  readonly safely: ReturnType<typeof safely>;
}

/** A counter that fails costs its count, never what is counted. */
function safely(log: Log) {
  return <Args extends unknown[]>(count: (...args: Args) => void) =>
    (...args: Args): void => {
      try {
        count(...args);
      } catch (error) {
        log.error({ err: error }, "a listener of the metrics failed");
      }
    };
}

function countEntryPoints({ registry, dispatcher, told, safely }: Listening): void {
  const registers = [registry];
  const latency = new Histogram({
    name: "vcskvmguestd_entry_point_duration_seconds",
    help: "How long entry points took, from the request to its answer.",
    labelNames: ["entry_point"],
    buckets: BUCKETS_S,
    registers,
  });
  const outcomes = new Counter({
    name: "vcskvmguestd_entry_points_total",
    help: "Entry points that ended: done, unknown (a monitor), failed, late (at the deadline), given_up, or by a defect.",
    labelNames: ["entry_point", "outcome"],
    registers,
  });
  // from the start, so that the first failure is an increase too
  for (const entry_point of WATCHED)
    for (const outcome of ["done", "failed", "late", "defect"]) outcomes.inc({ entry_point, outcome }, 0);
  dispatcher.events.on(
    "ended",
    safely(({ entryPoint, resource, outcome, isByHand, exitCode, ms }: EndedRequest) => {
      latency.observe({ entry_point: entryPoint }, ms / 1000);
      outcomes.inc({ entry_point: entryPoint, outcome });
      // a shim that has gone told the engine nothing of what it was to tell, and an operator is not the engine
      if (entryPoint === "monitor" && outcome !== "given_up" && !isByHand) told.note(resource, exitCode);
    }),
  );
}

function countProbes({ registry, prober, safely }: Listening): void {
  const probes = new Counter({
    name: "vcskvmguestd_probes_total",
    help: "Requests to the engine to probe a resource (hares -probe): sent, or failed.",
    labelNames: ["outcome"],
    registers: [registry],
  });
  for (const outcome of ["sent", "failed"]) probes.inc({ outcome }, 0);
  prober.events.on(
    "asked",
    safely((outcome: "sent" | "failed") => probes.inc({ outcome })),
  );
}

function countSources({ registry, platform, safely }: Listening): void {
  const registers = [registry];
  const labelNames = ["source"] as const;
  const up = new Gauge({
    name: "vcskvmguestd_source_connected",
    help: "1 while a source of states, libvirt or a manager of RHEV-M, can be read, else 0.",
    labelNames,
    registers,
  });
  const connections = new Counter({
    name: "vcskvmguestd_source_connections_total",
    help: "How often a source of states was connected to; all but the first are reconnects.",
    labelNames,
    registers,
  });
  const losses = new Counter({
    name: "vcskvmguestd_source_losses_total",
    help: "How often a source of states was lost, or could not be reached.",
    labelNames,
    registers,
  });
  const requests = new Counter({
    name: "vcskvmguestd_rhevm_requests_total",
    help: "Requests to a manager of RHEV-M: granted, refused (any other status), or failed without an answer.",
    labelNames: ["source", "outcome"],
    registers,
  });
  const { events } = platform;
  up.set({ source: LIBVIRT }, 0);
  connections.inc({ source: LIBVIRT }, 0);
  losses.inc({ source: LIBVIRT }, 0);
  const onConnected = (source: string) => {
    up.set({ source }, 1);
    connections.inc({ source });
  };
  const onLost = (source: string) => {
    up.set({ source }, 0);
    losses.inc({ source });
  };
  events.on("connected", safely(onConnected));
  events.on("lost", safely(onLost));
  events.on(
    "dropped",
    safely((source: string) => up.remove({ source })),
  );
  events.on(
    "requested",
    safely((source: string, outcome: string) => requests.inc({ source, outcome })),
  );
}

function countMigrations({ registry, migrations, safely }: Listening): void {
  const registers = [registry];
  const started = new Counter({
    name: "vcskvmguestd_migrations_started_total",
    help: "Migrations away from this host that the engine asked for and that were begun.",
    registers,
  });
  const ended = new Counter({
    name: "vcskvmguestd_migrations_ended_total",
    help: "Ends of migrations away from this host, by who asked: moved, stayed, lost; doubtful when a doubt begins.",
    labelNames: ["by", "end"],
    registers,
  });
  for (const by of ["engine", "others"]) for (const end of ["moved", "doubtful"]) ended.inc({ by, end }, 0);
  migrations.events.on(
    "began",
    safely(() => started.inc()),
  );
  migrations.events.on(
    "ended",
    safely((by: "engine" | "others", end: string) => ended.inc({ by, end })),
  );
  gaugeOf(
    registry,
    "migrations_doubtful",
    "Guests of which nobody knows now on which host they live.",
    () => migrations.all().filter(({ kind }) => kind === "doubtful").length,
  );
}

function countChanges({ registry, follower, safely }: Listening): void {
  const changes = new Counter({
    name: "vcskvmguestd_guest_changes_total",
    help: "Changes of a guest's state, by what showed them: an event, or the reading of all guests that no event preceded.",
    labelNames: ["found_by"],
    registers: [registry],
  });
  for (const found_by of ["event", "reading"]) changes.inc({ found_by }, 0);
  follower.events.on(
    "found",
    safely((found_by: "event" | "reading") => changes.inc({ found_by })),
  );
}

function registerQueues(registry: Registry, { prober, queue }: MetricsSources): void {
  gaugeOf(
    registry,
    "operations_waiting",
    "Operations that wait for the end of another one on the same guest.",
    () => queue.waiting,
  );
  gaugeOf(
    registry,
    "probes_open",
    "Resources that the engine was asked to probe and has not monitored since.",
    () => prober.open,
  );
}

function gaugeOf(registry: Registry, name: string, help: string, valueOf: () => number): void {
  registry.registerMetric(
    new Gauge({
      name: `vcskvmguestd_${name}`,
      help,
      registers: [],
      collect() {
        this.set(valueOf());
      },
    }),
  );
}

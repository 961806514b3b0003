import { setMaxListeners } from "node:events";
import type { Controls } from "../ipc/controls.ts";
import type { InheritedSocket } from "../ipc/inherited-socket.ts";
import { serveMetrics } from "../ipc/metrics-port.ts";
import { startServer } from "../ipc/server.ts";
import { environmentOf } from "../src/attributes.ts";
import { bootId } from "../src/boot-id.ts";
import { pause } from "../src/deadline.ts";
import type { DevScanner } from "../src/dev-scan.ts";
import type { Log } from "../src/log.ts";
import type { Platform } from "../src/platform.ts";
import { ARRIVAL_MS, Arrivals } from "./arrivals.ts";
import type { Config } from "./config-schema.ts";
import { DevScans } from "./dev-scans.ts";
import { Dispatcher } from "./dispatcher.ts";
import { dryRun } from "./dry-run.ts";
import { EncryptedPasswords } from "./encrypted-passwords.ts";
import { Follower } from "./follower.ts";
import { GuestQueue } from "./guest-queue.ts";
import { haresEngine } from "./hares.ts";
import { Heartbeats } from "./heartbeats.ts";
import { hostDebtStore } from "./host-debt-store.ts";
import { HostDebts } from "./host-debts.ts";
import type { Journal } from "./journal.ts";
import { type KeptGuests, keptGuests } from "./kept-guests.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { MigrationBook } from "./migration-book.ts";
import { decideMigrations } from "./migration-decider.ts";
import { migrationStore } from "./migration-store.ts";
import { Prober } from "./prober.ts";
import { registrationStore } from "./registration-store.ts";
import { ResourceBook } from "./resource-book.ts";
import type { Service } from "./service.ts";
import { haresOptions, heartbeatSettings, limitsOf, metricsAddress, siteOf, systemName } from "./settings.ts";
import { sourceStates } from "./source-states.ts";
import { StalledGuests } from "./stalled-guests.ts";
import { packageVersion } from "./version.ts";
import { createViews } from "./views.ts";

/** The state directory is waited for this long at the start. */
const LOAD_MS = 10_000;

/** All environments in which guests are kept. */
interface Environments {
  readonly platform: Platform;
  /** Brings the SPM of RHEV-M to this cluster. */
  readonly scanner: DevScanner;
}

export interface DaemonParts {
  /** The configuration in force; read at each use, so that a reload takes effect. */
  readonly config: () => Config;
  /** Makes the platform, and what scans, over what is known of the guests. */
  readonly environments: (kept: KeptGuests) => Environments;
  /** Tells systemd what becomes of this process. */
  readonly service: Service;
  /** The socket that systemd listens on for this process. */
  readonly inherited?: InheritedSocket | undefined;
  readonly log: Log;
  /** Remembers what goes through the log. */
  readonly journal: Journal;
  readonly logLevel: Pick<Controls, "logLevel" | "setLogLevel">;
}

/**
 * Runs the daemon until the signal aborts, then stops in order: no new requests, the running ones end or are given
 * up, followers and sessions end, registrations are on disk. Guests are never touched.
 *
 * @throws {IpcError} when the socket is served by another process or cannot be made
 */
export async function runDaemon(parts: DaemonParts, signal: AbortSignal): Promise<void> {
  const { config, service, log, journal } = parts;
  const { socket, readOnlySocket, stateDirectory } = config();
  const address = metricsAddress(config());
  const ending = new AbortController();
  setMaxListeners(0, ending.signal); // each running request listens, and each takes its listener back
  const book = new ResourceBook(registrationStore(stateDirectory, log), log);
  const migrations = new MigrationBook(migrationStore(stateDirectory, log), bootId(), log);

  const engine = haresEngine(() => haresOptions(config()));
  const passwords = new EncryptedPasswords(engine, book);
  const { platform, scanner } = parts.environments(keptGuests(book, passwords));
  const prober = new Prober(engine, log, ending.signal);
  const intervalMs = () => config().monitorIntervalS * 1000;
  const look = (guest: string) => void follower.look(guest, ending.signal);
  const lookOf = (resource: string) => {
    const record = book.get(resource);
    if (record !== undefined) look(record.registration.attributes.guestName);
  };
  const atMostMs = (resource: string) => {
    const attributes = book.get(resource)?.registration.attributes;
    return ARRIVAL_MS[attributes === undefined ? "kvm" : environmentOf(attributes)];
  };
  const arrivals = new Arrivals({ engine, atMostMs, onOver: lookOf, log }, ending.signal);
  const follower = new Follower({ platform, book, migrations, arrivals, prober, intervalMs, log });
  const told = (resource: string, code: number) => prober.told(resource, code);
  const queue = new GuestQueue();
  const settings = () => heartbeatSettings(config());
  const heartbeats = new Heartbeats({ platform, book, look, settings, log });
  const isWanted = () => config().kvm.ioErrorPause === "resume";
  const stalled = new StalledGuests({ platform, book, migrations, queue, look, isWanted, log });
  const systems = {
    own: () => systemName(config()),
    siteOf: (system: string) => siteOf(config(), system),
  };
  const debts = new HostDebts({ scanner, store: hostDebtStore(stateDirectory, log), log });
  const devScans = new DevScans({ scanner, debts, log }, ending.signal);
  const dispatcher = new Dispatcher(
    { platform, engine, book, migrations, arrivals, queue, systems, passwords, look, told, devScans },
    log,
    ending.signal,
  );
  const known = { platform, book, migrations, arrivals };
  const sources = sourceStates(platform);
  const views = { heartbeat: settings, areStalledResumed: isWanted, intervalMs };
  const metrics = createMetrics({
    book,
    platform,
    dispatcher,
    follower,
    migrations,
    prober,
    queue,
    version: packageVersion(),
    log,
  });
  const loading = newGate();
  const server = await startServer(
    {
      socket,
      inherited: parts.inherited,
      ...(readOnlySocket === undefined ? {} : { readOnlySocket }),
      handler: async (request) => {
        await loading.ended;
        return dispatcher.handle(request);
      },
      views: {
        ...createViews({ ...known, sources, prober, journal, ...views }),
        metrics: () => metrics.text(),
      },
      controls: {
        ...parts.logLevel,
        dryRun: async (request) => {
          await loading.ended;
          return dryRun(known, request);
        },
      },
      limits: limitsOf(config()),
      log,
    },
    ending.signal,
  );
  // only now: a daemon that does not get the socket leaves alone what the other one writes
  await loadWithin(LOAD_MS, [book, migrations, debts], log);
  for (const { registration } of book.all()) {
    platform.recall(registration.attributes.guestName, registration);
  }
  for (const record of migrations.all()) platform.recall(record.guest, record);
  loading.open();
  const claiming = claimAll(book, platform, ending.signal);
  const deciding = decideMigrations(
    { platform, book, migrations, queue, intervalMs, look, log },
    service.beats,
    ending.signal,
  );
  const watched = [platform, follower, heartbeats, stalled];
  const loops = watched.map((loop) => loop.run(service.beats, ending.signal));
  const exposing =
    address === undefined
      ? undefined
      : serveMetrics({ address, metrics: () => metrics.text(), log }, ending.signal);
  const running = Promise.all([...loops, debts.run(ending.signal), claiming, deciding, exposing]);
  service.serves(platform, sources, () => book.all().length);
  const telling = service.run(ending.signal);
  log.info({ socket, resources: book.all().length }, "daemon serves");

  await aborted(signal);
  log.info({}, "daemon stops, guests are left as they are");
  const limitMs = config().stopTimeoutS * 1000;
  service.stops(limitMs);
  await server.stop(limitMs / 2);
  ending.abort(new Error("the daemon ends"));
  await Promise.race([
    Promise.all([running, telling, book.flush(), migrations.flush()]),
    pause(limitMs / 2, new AbortController().signal),
  ]);
  log.info({}, "daemon stopped");
}

/** A disk that hangs must not keep the daemon from its guests; what it holds comes when it answers. */
async function loadWithin(ms: number, books: readonly { load(): Promise<void> }[], log: Log): Promise<void> {
  const done = new AbortController();
  const loaded = Promise.all(books.map((book) => book.load())).then(() => done.abort());
  await Promise.race([loaded, pause(ms, done.signal)]);
  if (!done.signal.aborted)
    log.error({}, "registrations do not come, their disk hangs; resources are known when the engine asks");
}

/** After each connection: autostart may have been set while nobody watched. */
async function claimAll(book: ResourceBook, platform: Platform, signal: AbortSignal): Promise<void> {
  const onConnected = () => {
    for (const { registration } of book.all()) void platform.claim(registration.attributes.guestName, signal);
  };
  platform.events.on("connected", onConnected);
  await aborted(signal);
  platform.events.off("connected", onConnected);
}

function newGate(): { readonly ended: Promise<void>; readonly open: () => void } {
  const resolvers: (() => void)[] = [];
  const ended = new Promise<void>((resolve) => resolvers.push(resolve));
  return { ended, open: () => resolvers[0]?.() };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

import { setMaxListeners } from "node:events";
import { Dispatcher } from "../../../daemon/dispatcher.ts";
import { EncryptedPasswords } from "../../../daemon/encrypted-passwords.ts";
import { Follower } from "../../../daemon/follower.ts";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { Heartbeats } from "../../../daemon/heartbeats.ts";
import { decideMigrations } from "../../../daemon/migration-decider.ts";
import { Prober } from "../../../daemon/prober.ts";
import type { RegistrationStore } from "../../../daemon/registration-store.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import { StalledGuests } from "../../../daemon/stalled-guests.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import type { Engine } from "../../../src/engine.ts";
import type { Hypervisor } from "../../../src/kvm/hypervisor.ts";
import type { OpenPeer } from "../../../src/kvm/peers.ts";
import { KvmPlatform } from "../../../src/kvm/platform.ts";
import type { KvmSettings } from "../../../src/kvm/settings.ts";
import type { Log } from "../../../src/log.ts";
import { factSources } from "../fakes/fact-sources.ts";
import type { MemoryMigrations } from "../fakes/memory-migrations.ts";
import { NO_DEV_SCANS } from "../fakes/no-dev-scans.ts";

export interface ScenarioDaemonParts {
  readonly open: (signal: AbortSignal) => Promise<Hypervisor>;
  readonly openPeer: OpenPeer;
  readonly store: RegistrationStore;
  readonly migrations: MemoryMigrations;
  readonly engine: Engine;
  readonly settings: () => KvmSettings;
  readonly resumesStalled: () => boolean;
  readonly log: Log;
}

/** The product put together as the daemon does it, without sockets and files. */
export interface ScenarioDaemon {
  readonly dispatcher: Dispatcher;
  stop(): void;
}

const INTERVAL_MS = 5000;

/** The defaults of the configuration. */
const HEARTBEAT = { intervalMs: 20_000, timeoutS: 5, misses: 3, lossMs: 60_000 };

export async function startScenarioDaemon(parts: ScenarioDaemonParts): Promise<ScenarioDaemon> {
  const { open, openPeer, store, migrations, engine, settings, resumesStalled, log } = parts;
  const ending = new AbortController();
  setMaxListeners(0, ending.signal);
  const platform = new KvmPlatform({ open, openPeer, settings, log });
  const book = new ResourceBook(store, log);
  const prober = new Prober(engine, log, ending.signal);
  const look = (guest: string) => void follower.look(guest, ending.signal);
  const onOver = () => book.all().forEach(({ registration }) => look(registration.attributes.guestName));
  const facts = factSources({ engine, log, store: migrations, onOver, signal: ending.signal });
  const follower = new Follower({ platform, book, ...facts, prober, intervalMs: () => INTERVAL_MS, log });
  const told = (resource: string, code: number) => prober.told(resource, code);
  const queue = new GuestQueue();
  const systems = { own: () => "node1", siteOf: () => undefined };
  const passwords = new EncryptedPasswords(engine, book);
  const dispatcher = new Dispatcher(
    { platform, engine, book, ...facts, queue, systems, passwords, look, told, devScans: NO_DEV_SCANS },
    log,
    ending.signal,
  );
  await Promise.all([book.load(), facts.migrations.load()]);
  for (const { registration } of book.all()) {
    platform.recall(registration.attributes.guestName, registration);
  }
  for (const record of facts.migrations.all()) platform.recall(record.guest, record);
  void platform.run(UNWATCHED, ending.signal);
  void follower.run(UNWATCHED, ending.signal);
  void new Heartbeats({ platform, book, look, settings: () => HEARTBEAT, log }).run(UNWATCHED, ending.signal);
  void new StalledGuests({ platform, book, ...facts, queue, look, isWanted: resumesStalled, log }).run(
    UNWATCHED,
    ending.signal,
  );
  const deciding = {
    platform,
    book,
    migrations: facts.migrations,
    queue,
    intervalMs: () => INTERVAL_MS,
    look,
    log,
  };
  void decideMigrations(deciding, UNWATCHED, ending.signal);
  return { dispatcher, stop: () => ending.abort(new Error("the daemon ends")) };
}

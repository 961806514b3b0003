import { setMaxListeners } from "node:events";
import { Dispatcher } from "../../../daemon/dispatcher.ts";
import { EncryptedPasswords } from "../../../daemon/encrypted-passwords.ts";
import { Follower } from "../../../daemon/follower.ts";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { decideMigrations } from "../../../daemon/migration-decider.ts";
import { Prober } from "../../../daemon/prober.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import type { EntryPointName } from "../../../ipc/entry-point-names.ts";
import { UNWATCHED } from "../../../src/beat.ts";
import type { Engine } from "../../../src/engine.ts";
import type { Log } from "../../../src/log.ts";
import type { Platform } from "../../../src/platform.ts";
import { factSources } from "./fact-sources.ts";
import { MemoryMigrations } from "./memory-migrations.ts";
import { MemoryStore } from "./memory-store.ts";
import { NO_DEV_SCANS } from "./no-dev-scans.ts";

const intervalMs = () => 5000;

interface ModelDaemonParts {
  readonly platform: Platform;
  readonly engine: Engine;
  readonly log: Log;
}

interface Process {
  readonly book: ResourceBook;
  readonly dispatcher: Dispatcher;
  readonly follower: Follower;
  readonly ending: AbortController;
  /** Resolves when nothing is left to write. */
  readonly flush: () => Promise<unknown>;
}

/** The product over a platform, put together as the daemon does it; one process after another on the same records. */
export class ModelDaemon {
  readonly #parts: ModelDaemonParts;
  readonly #store = new MemoryStore();
  readonly #migrations = new MemoryMigrations();
  readonly #requests = new Set<Promise<unknown>>();
  #process: Promise<Process>;
  #present: Process | undefined;

  constructor(parts: ModelDaemonParts) {
    this.#parts = parts;
    this.#process = this.#start();
  }

  /** The process that serves now; undefined between two of them. */
  get present(): Process | undefined {
    return this.#present;
  }

  /** The exit code of an entry point; one that comes between two processes waits for the next. */
  async handle(name: EntryPointName, args: readonly string[], signal: AbortSignal): Promise<number> {
    const { dispatcher } = await this.#process;
    const answered = dispatcher.handle({ kind: "entry-point", name, args, signal });
    this.#requests.add(answered);
    const { exitCode } = await answered;
    this.#requests.delete(answered);
    return exitCode;
  }

  /** The process ends, whatever it does; the next one begins when nothing of it is left. */
  restart(): void {
    this.#process = this.#end(this.#process).then(() => this.#start());
  }

  stop(): void {
    this.#present?.ending.abort(new Error("the daemon ends"));
  }

  async #end(process: Promise<Process>): Promise<void> {
    const { ending, flush } = await process;
    this.#present = undefined;
    ending.abort(new Error("the daemon ends"));
    await Promise.allSettled(this.#requests);
    await flush();
  }

  async #start(): Promise<Process> {
    const { platform, engine, log } = this.#parts;
    const ending = new AbortController();
    const { signal } = ending;
    setMaxListeners(0, signal);
    const book = new ResourceBook(this.#store, log);
    const prober = new Prober(engine, log, signal);
    const look = (guest: string) => void follower.look(guest, signal);
    const onOver = () => look("web1");
    const facts = factSources({ engine, log, store: this.#migrations, onOver, signal });
    const { migrations } = facts;
    const follower = new Follower({ platform, book, ...facts, prober, intervalMs, log });
    const told = (resource: string, code: number) => prober.told(resource, code);
    const queue = new GuestQueue();
    const systems = { own: () => "node1", siteOf: () => undefined };
    const passwords = new EncryptedPasswords(engine, book);
    const devScans = NO_DEV_SCANS;
    const parts = { platform, book, ...facts, engine, queue, systems, passwords, look, told, devScans };
    const dispatcher = new Dispatcher(parts, log, signal);
    await Promise.all([book.load(), migrations.load()]);
    void follower.run(UNWATCHED, signal);
    void decideMigrations({ platform, book, migrations, queue, intervalMs, look, log }, UNWATCHED, signal);
    const flush = () => Promise.all([book.flush(), migrations.flush()]);
    this.#present = { book, dispatcher, follower, ending, flush };
    return this.#present;
  }
}

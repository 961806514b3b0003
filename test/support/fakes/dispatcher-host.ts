import type { FactSources } from "../../../daemon/answer-facts.ts";
import { Dispatcher } from "../../../daemon/dispatcher.ts";
import { EncryptedPasswords } from "../../../daemon/encrypted-passwords.ts";
import { GuestQueue } from "../../../daemon/guest-queue.ts";
import { ResourceBook } from "../../../daemon/resource-book.ts";
import type { EntryPointName } from "../../../ipc/entry-point-names.ts";
import type { EntryPointReply } from "../../../ipc/protocol.ts";
import { factSources } from "./fact-sources.ts";
import { FakeEngine } from "./fake-engine.ts";
import { FakePlatform } from "./fake-platform.ts";
import { MemoryMigrations } from "./memory-migrations.ts";
import { MemoryStore } from "./memory-store.ts";
import { NO_DEV_SCANS } from "./no-dev-scans.ts";
import { RecordingLog } from "./recording-log.ts";
import { requestArguments } from "./resources.ts";

/** How one entry point is asked for; the guest is web1 and its resource web1_res unless it says otherwise. */
export interface Asking {
  readonly timeoutS?: number;
  readonly reason?: number;
  readonly guest?: string;
  readonly more?: Readonly<Record<string, string | readonly string[]>>;
  readonly signal?: AbortSignal;
  /** An operator asks. */
  readonly isByHand?: true;
}

/** The product's dispatcher over fakes, as one process after another. */
export class DispatcherHost {
  readonly platform = new FakePlatform();
  readonly engine = new FakeEngine();
  readonly store = new MemoryStore();
  readonly migrations = new MemoryMigrations();
  readonly sites = new Map<string, string>();
  readonly log = new RecordingLog();
  /** `web1_res 110`: what the engine was told, in order. */
  readonly told: string[] = [];
  /** Guests that an operation had looked at. */
  readonly looked: string[] = [];
  devScans = NO_DEV_SCANS;
  #book = new ResourceBook(this.store, this.log);
  #facts = this.#newFacts();
  #dispatcher = this.#newDispatcher();

  get book(): ResourceBook {
    return this.#book;
  }

  get dispatcher(): Dispatcher {
    return this.#dispatcher;
  }

  /** What is known beside readings. */
  get facts(): FactSources {
    return this.#facts;
  }

  /** A new process on what the one before has written. */
  async restart(): Promise<void> {
    await this.#book.flush();
    this.#book = new ResourceBook(this.store, this.log);
    this.#facts = this.#newFacts();
    await Promise.all([this.#book.load(), this.#facts.migrations.load()]);
    this.#dispatcher = this.#newDispatcher();
  }

  /** The exit code of an entry point for web1_res. */
  ask(name: EntryPointName, asking: Asking = {}): Promise<number> {
    const { guest = "web1", more = {}, signal, isByHand, ...options } = asking;
    const args = requestArguments("web1_res", { GuestName: guest, ...more }, options);
    return this.raw(name, args, signal, isByHand === undefined ? {} : { isByHand });
  }

  /** The exit code of an entry point with these arguments. */
  async raw(
    name: EntryPointName,
    args: readonly string[],
    signal = new AbortController().signal,
    by: { readonly isByHand?: true } = {},
  ): Promise<number> {
    const { exitCode } = await this.#dispatcher.handle({ kind: "entry-point", name, args, signal, ...by });
    return exitCode;
  }

  /** What an action for web1_res answers. */
  act(token: string, asking: Asking = {}): Promise<EntryPointReply> {
    const { guest = "web1", more = {}, signal = new AbortController().signal, ...options } = asking;
    const args = requestArguments("web1_res", { GuestName: guest, ...more }, options);
    return this.#dispatcher.handle({ kind: "action", name: token, args, signal });
  }

  #newFacts(): FactSources {
    return factSources({ engine: this.engine, log: this.log, store: this.migrations });
  }

  #newDispatcher(): Dispatcher {
    const parts = {
      ...this.#facts,
      systems: { own: () => "node1", siteOf: (system: string) => this.sites.get(system) },
      platform: this.platform,
      engine: this.engine,
      book: this.#book,
      queue: new GuestQueue(),
      passwords: new EncryptedPasswords(this.engine, this.#book),
      look: (guest: string) => void this.looked.push(guest),
      told: (resource: string, code: number) => void this.told.push(`${resource} ${code}`),
      devScans: this.devScans,
    };
    return new Dispatcher(parts, this.log, new AbortController().signal);
  }
}

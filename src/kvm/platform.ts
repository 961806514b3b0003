import { EventEmitter } from "eventemitter3";
import type { Attributes } from "../attributes.ts";
import type { Beats } from "../beat.ts";
import { bootId } from "../boot-id.ts";
import { withDeadline } from "../deadline.ts";
import { CREATE } from "../libvirt/flags.ts";
import type { Log } from "../log.ts";
import type { AskedMigration, MigrationEnd, MigrationPlan, Whereabouts } from "../migration.ts";
import { nextChange } from "../next-change.ts";
import type { PayloadFile } from "../payload-file.ts";
import type {
  AgentAnswer,
  AgentQuestion,
  Finding,
  GuestDefinition,
  Platform,
  PlatformEvents,
  Prepared,
  Reading,
  RecalledGuest,
  StopBudget,
} from "../platform.ts";
import type { SavedMemory } from "../saved-memory.ts";
import { type Causes, createCauses } from "./causes.ts";
import { DefinitionCopier } from "./definition-copier.ts";
import { Elsewhere } from "./elsewhere.ts";
import { GuestAgent } from "./guest-agent.ts";
import { GuestMemories } from "./guest-memory.ts";
import type { DomainLifecycle, Hypervisor } from "./hypervisor.ts";
import { type CloseWords, Lane } from "./lane.ts";
import { lifecycleWords } from "./lifecycle-words.ts";
import { MigrationEnds } from "./migration-ends.ts";
import { Migrator } from "./migrator.ts";
import { Payloads } from "./payloads.ts";
import { type OpenPeer, Peers } from "./peers.ts";
import { Preparer } from "./preparer.ts";
import { Reader } from "./reader.ts";
import { type RivalPlaces, Rivals, SYSTEM_PLACES } from "./rivals.ts";
import type { KvmSettings } from "./settings.ts";
import { SharedStorage } from "./shared-storage.ts";
import { ShutdownRequester } from "./shutdown-requester.ts";
import { StalledDomains } from "./stalled-domains.ts";
import { Starter } from "./starter.ts";
import { Stopper } from "./stopper.ts";

/** Source: libvirt-domain.h, virDomainEventID: life cycle, reboot. */
const LIFECYCLE = 0;
const REBOOT = 1;

/** Low-priority calls that may hang hold few of libvirtd's workers, which others' calls need. */
const COPIES_AT_ONCE = 2;
/** Source: libvirt-domain.h, virDomainEventType and virDomainEventStartedDetailType. */
const STARTED = 2;
const WOKEN_UP = 4;

/** Who is asked for states, in events. */
const SOURCE = "libvirt";

/** A session that cannot be prepared within this is given up. */
const PREPARE_MS = 10_000;

export interface KvmPlatformOptions {
  readonly open: (signal: AbortSignal) => Promise<Hypervisor>;
  /** Opens the libvirtd of another system. */
  readonly openPeer: OpenPeer;
  /** Where rivals of the cluster are looked for; default: the system's own places. */
  readonly places?: RivalPlaces;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** The platform over libvirt: guests are domains of one libvirtd. */
export class KvmPlatform implements Platform {
  readonly events = new EventEmitter<PlatformEvents>();
  readonly #log: Log;
  readonly #causes: Causes = createCauses();
  readonly #memories = new GuestMemories();
  readonly #watch: Lane;
  readonly #others: readonly Lane[];
  readonly #reader: Reader;
  readonly #starter: Starter;
  readonly #shutdowns: ShutdownRequester;
  readonly #stopper: Stopper;
  readonly #preparer: Preparer;
  readonly #payloads: Payloads;
  readonly #rivals: Rivals;
  readonly #elsewhere: Elsewhere;
  readonly #migrator: Migrator;
  readonly #stalled: StalledDomains;
  readonly #agent: GuestAgent;
  readonly #copier: DefinitionCopier;

  constructor({ open, openPeer, places = SYSTEM_PLACES, settings, log }: KvmPlatformOptions) {
    this.#log = log;
    this.#watch = new Lane({
      name: "watch",
      speaks: true,
      open,
      prepare: (session, signal) => this.#prepareWatch(session, signal),
      onReady: () => this.#announce(() => this.events.emit("connected", SOURCE)),
      onLost: (reason) => this.#lost(reason),
      log,
    });
    // lanes of their own: what hangs in one kind of calls must not keep the other kinds waiting
    const lane = (name: string) => new Lane({ name, speaks: false, open, log });
    const [slow, start, shutdown, destroyLane, agent] = [
      lane("slow"),
      lane("start"),
      lane("shutdown"),
      lane("destroy"),
      lane("agent"),
    ];
    const copy = new Lane({ name: "copy", speaks: false, callsAtOnce: COPIES_AT_ONCE, open, log });
    this.#others = [slow, start, shutdown, destroyLane, agent, copy];
    const storage = new SharedStorage();
    const parts = { causes: this.#causes, memories: this.#memories, settings, log };
    this.#reader = new Reader({ ...parts, watch: this.#watch, slow });
    this.#starter = new Starter({ ...parts, lane: start });
    this.#shutdowns = new ShutdownRequester({ ...parts, lane: shutdown });
    this.#stopper = new Stopper({ ...parts, destroyLane, slow });
    this.#preparer = new Preparer({ ...parts, lane: slow, storage });
    this.#payloads = new Payloads({ ...parts, lane: slow });
    this.#rivals = new Rivals(slow, places);
    this.#copier = new DefinitionCopier({ ...parts, lane: copy, storage });
    const peers = new Peers({ uris: () => settings().peers, open: openPeer });
    this.#elsewhere = new Elsewhere({ ...parts, lane: slow, peers });
    const ends = new MigrationEnds({ ...parts, slow, destroyLane, peers });
    this.#migrator = new Migrator({ ...parts, open, slow, peers, ends });
    this.#stalled = new StalledDomains({ ...parts, lane: slow });
    this.#agent = new GuestAgent({ ...parts, lane: agent, slow });
  }

  async run(beats: Beats, signal: AbortSignal): Promise<void> {
    await Promise.all([this.#watch, ...this.#others].map((lane) => lane.run(beats, signal)));
  }

  read(guest: string, signal: AbortSignal, patienceMs?: number): Promise<Reading> {
    return this.#reader.read(guest, signal, patienceMs);
  }

  readAll(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    return this.#reader.readAll(guests, signal);
  }

  nextChange(guest: string, maxMs: number, signal: AbortSignal): Promise<void> {
    return nextChange(this.events, guest, maxMs, signal);
  }

  prepare(attributes: Attributes, signal: AbortSignal): Promise<Prepared> {
    return this.#preparer.prepare(attributes, signal);
  }

  setPayload(
    { guestName }: Attributes,
    payload: PayloadFile | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#payloads.set(guestName, payload, signal);
  }

  savedMemory(guest: string, signal: AbortSignal): Promise<SavedMemory | undefined> {
    return this.#starter.savedMemory(guest, signal);
  }

  start(guest: string, signal: AbortSignal): Promise<void> {
    return this.#starter.start(guest, CREATE.FORCE_BOOT, signal);
  }

  restore(guest: string, signal: AbortSignal): Promise<void> {
    return this.#starter.start(guest, 0, signal);
  }

  wake(guest: string, how: "paused" | "asleep", signal: AbortSignal): Promise<void> {
    return this.#starter.wake(guest, how, signal);
  }

  requestShutdown(guest: string, signal: AbortSignal): Promise<void> {
    return this.#shutdowns.request(guest, signal);
  }

  withdrawStop(guest: string): void {
    const { uuid } = this.#memories.of(guest);
    if (uuid !== undefined) this.#causes.stopWithdrawn(uuid);
  }

  destroy(guest: string, budget: StopBudget, signal: AbortSignal): Promise<void> {
    return this.#stopper.destroy(guest, budget, signal);
  }

  takeDefinition(guest: string, signal: AbortSignal): Promise<GuestDefinition> {
    return this.#copier.take(guest, signal);
  }

  saveDefinition(
    attributes: Attributes,
    definition: GuestDefinition,
    signal: AbortSignal,
  ): Promise<"written" | "unchanged"> {
    return this.#copier.save(attributes, definition, signal);
  }

  proveStopped(guest: string, signal: AbortSignal): Promise<void> {
    return this.#stopper.proveStopped(guest, signal);
  }

  refuseIfElsewhere(guest: string, signal: AbortSignal): Promise<void> {
    return this.#elsewhere.refuse(guest, signal);
  }

  migrate(guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd> {
    return this.#payloads.aroundMigration(guest, plan, signal, (adapted) =>
      this.#migrator.migrate(guest, adapted, signal),
    );
  }

  whereIs(guest: string, known: Whereabouts, signal: AbortSignal): Promise<MigrationEnd | undefined> {
    return this.#migrator.whereIs(guest, known, signal);
  }

  abortOverdue(
    guest: string,
    known: Whereabouts & { readonly asked: AskedMigration },
    signal: AbortSignal,
  ): Promise<boolean> {
    return this.#migrator.abortOverdue(guest, known, signal);
  }

  askAgent(guest: string, question: AgentQuestion, signal: AbortSignal): Promise<AgentAnswer> {
    return this.#agent.ask(guest, question, signal);
  }

  resumeStalled(guest: string, signal: AbortSignal): Promise<boolean> {
    return this.#stalled.resume(guest, signal);
  }

  claim(guest: string, signal: AbortSignal): Promise<void> {
    return this.#preparer.claim(guest, signal);
  }

  async validate(attributes: Attributes, signal: AbortSignal): Promise<readonly Finding[]> {
    const { guestName } = attributes;
    const checks = [
      this.#preparer.validate(attributes, signal),
      this.#rivals.find(guestName, signal),
      this.#payloads.validate(attributes),
    ];
    return (await Promise.all(checks)).flat();
  }

  recall(guest: string, { uuid, emulator, gaveAway }: RecalledGuest): void {
    const memory = this.#memories.of(guest);
    memory.uuid ??= uuid;
    if (uuid === undefined) return;
    const boot = bootId();
    if (emulator?.bootId === boot) {
      const { pid, startTicks } = emulator;
      memory.lastEmulator ??= { pid, startTicks, uuid };
    }
    if (gaveAway?.bootId === boot && memory.readings === 0) {
      memory.gaveAway = gaveAway;
      this.#causes.recallHandOver(uuid);
    }
  }

  forget(guest: string): void {
    const { uuid } = this.#memories.of(guest);
    if (uuid !== undefined) this.#causes.forget(uuid);
    this.#memories.forget(guest);
  }

  /** Events first, so that nothing falls between them and the first full read. */
  async #prepareWatch(session: Hypervisor, signal: AbortSignal): Promise<void> {
    session.events.on("lifecycle", (event) => this.#take(event));
    session.events.on("reboot", ({ domain }) => this.#takeReboot(domain.name));
    await withDeadline(PREPARE_MS, "the first read", [signal], async (limit) => {
      await session.registerEvent(LIFECYCLE, { signal: limit });
      await session.registerEvent(REBOOT, { signal: limit });
      await this.#reader.readFirst(session, limit);
    });
  }

  #take(event: DomainLifecycle): void {
    // other domains of the host come and go without end
    if (!this.#memories.has(event.domain.name)) return;
    this.#log.debug({ guest: event.domain.name, event: lifecycleWords(event) }, "libvirt tells of a guest");
    this.#causes.add(event);
    if (isStart(event)) this.#announce(() => this.events.emit("started", event.domain.name));
    this.#announce(() => this.events.emit("changed", event.domain.name));
  }

  #takeReboot(guest: string): void {
    if (!this.#memories.has(guest)) return;
    this.#log.debug({ guest, event: "Rebooted" }, "libvirt tells of a guest");
    this.#announce(() => this.events.emit("started", guest));
    this.#announce(() => this.events.emit("changed", guest));
  }

  #lost(reason: CloseWords): void {
    this.#causes.eventsLost();
    this.#announce(() => this.events.emit("lost", SOURCE, reason.message));
  }

  /** A listener that throws must not end the connection it was called from. */
  #announce(emit: () => void): void {
    try {
      emit();
    } catch (error) {
      this.#log.error({ err: error }, "a listener of the platform failed");
    }
  }
}

/** A guest that wakes up goes on where it was. */
function isStart({ event, detail }: DomainLifecycle): boolean {
  return event === STARTED && detail !== WOKEN_UP;
}

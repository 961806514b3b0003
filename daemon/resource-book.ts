import type { Answer, LastAnswer } from "../src/answer.ts";
import { type Attributes, sameAttributes } from "../src/attributes.ts";
import { pause } from "../src/deadline.ts";
import { type Heartbeat, restoredHeartbeat, UNARMED } from "../src/heartbeat.ts";
import type { Log } from "../src/log.ts";
import type { EmulatorProcess, GivenAwayRun, Reading } from "../src/platform.ts";
import { guestKey, type Registration } from "../src/resource.ts";
import { sameState, stateText } from "../src/resource-state.ts";
import type { SavedRecord } from "../src/saved-memory.ts";
import type { RegistrationStore } from "./registration-store.ts";

/** A registration that is not on disk by then is waited for no longer: the guest comes first. */
const DISK_PATIENCE_MS = 1000;

/** What the daemon knows of one resource: the registration, and what does not outlive the process. */
export interface ResourceRecord {
  registration: Registration;
  /** Grows at every event of the guest and at the end of every operation on it. */
  epoch: number;
  /** The operation on the guest that runs now. */
  operation: string | undefined;
  /** How far the migration is that runs now. */
  migration: object | undefined;
  lastReading: { readonly reading: Reading; readonly at: Date } | undefined;
  /** What this process told the engine last, with its reason, and who had said so; nobody, where nothing was proved. */
  lastTold:
    | { readonly answer: Answer; readonly source: Reading["source"] | undefined; readonly at: Date }
    | undefined;
  /** The engine was told UNKNOWN last: it shows that until its next monitor. */
  unknownTold: boolean;
  /** The framework follows an operation with a monitor of its own: until then what that finds is not asked for. */
  awaited: AwaitedMonitor | undefined;
  /** Until this moment (performance.now) an end of the guest means that its online failed. */
  onlineUntil: number;
  heartbeat: Heartbeat;
  /** Until then (performance.now) a guest that runs may stall again at once: a resume is tried. */
  resumedUntil: number;
  /** The write of the registration that is under way, so that the next one follows it. */
  saving: Promise<void>;
}

/** A monitor that the framework owes after an operation. */
interface AwaitedMonitor {
  /** Whether the operation leads to ONLINE. */
  readonly online: boolean;
  /** performance.now */
  readonly until: number;
}

/** How an answer relates to the one before. */
export interface Told {
  readonly isNews: boolean;
  /** What the engine was told before, in words. */
  readonly before: string;
}

/** All resources the daemon keeps. Changes are in force at once and on disk soon after. */
export class ResourceBook {
  readonly #store: RegistrationStore;
  readonly #log: Log;
  readonly #records = new Map<string, ResourceRecord>();
  /** Resources whose last write failed. */
  readonly #unsaved = new Set<string>();

  constructor(store: RegistrationStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** Reads what an earlier process kept; what the engine has told meanwhile is newer. */
  async load(): Promise<void> {
    for (const registration of await this.#store.load()) {
      if (!this.#records.has(registration.resource))
        this.#records.set(registration.resource, newRecord(registration));
    }
  }

  get(resource: string): ResourceRecord | undefined {
    return this.#records.get(resource);
  }

  all(): readonly ResourceRecord[] {
    return [...this.#records.values()];
  }

  ofGuest(guest: string): readonly ResourceRecord[] {
    return this.all().filter((record) => record.registration.attributes.guestName === guest);
  }

  /**
   * The record of a resource, made or refreshed with the attributes of the request at hand. Another guest or
   * environment takes effect between operations only: until then the resource is what the operation began with.
   */
  refresh(resource: string, attributes: Attributes): ResourceRecord {
    const record = this.#records.get(resource);
    if (record === undefined)
      return this.#add({ resource, attributes, watched: true, stopping: false, starting: false });
    const isOther = guestKey(record.registration.attributes) !== guestKey(attributes);
    if (isOther && record.operation !== undefined) return record;
    if (!sameAttributes(record.registration.attributes, attributes)) void this.adopt(record, attributes);
    return record;
  }

  /** Takes attributes over. What was known of another guest says nothing of this one. */
  adopt(record: ResourceRecord, attributes: Attributes): Promise<void> {
    const isOther = guestKey(record.registration.attributes) !== guestKey(attributes);
    if (!isOther) return this.change(record, { attributes });
    record.onlineUntil = 0;
    record.lastReading = undefined;
    record.lastTold = undefined;
    record.heartbeat = UNARMED;
    const fresh = {
      lastAnswer: undefined,
      stopping: false,
      starting: false,
      uuid: undefined,
      emulator: undefined,
      gaveAway: undefined,
      saved: undefined,
    };
    return this.change(record, { attributes, ...fresh });
  }

  /**
   * Keeps what a reading proves for a later process: the guest's UUID, its emulator, that an unanswered start has happened, that
   * the guest was saved here, and that a post-copy took it away.
   */
  learn(record: ResourceRecord, reading: Reading): void {
    if (reading.active === false) record.heartbeat = UNARMED;
    const { starting, uuid, saved: known } = record.registration;
    const started = starting && reading.active === true && record.operation === undefined;
    const isNewUuid = reading.uuid !== undefined && reading.uuid !== uuid;
    const saved = savedRecord(reading, known);
    const emulator = emulatorOf(reading, record.registration.emulator);
    const gaveAway = givenAwayRun(reading, record.registration.gaveAway);
    const isSame =
      saved === known &&
      emulator === record.registration.emulator &&
      gaveAway === record.registration.gaveAway;
    if (!started && !isNewUuid && isSame) return;
    const proved = { uuid: reading.uuid ?? uuid, emulator, gaveAway, saved };
    void this.change(record, { starting: starting && !started, ...proved });
  }

  /** Starts anew with a resource: it is watched, and the engine has been told nothing yet. */
  open(resource: string, attributes: Attributes): ResourceRecord {
    const record = this.refresh(resource, attributes);
    void this.change(record, { watched: true, lastAnswer: undefined });
    return record;
  }

  /** Changes a registration, then waits for the disk as saved() does. Never rejects. */
  change(record: ResourceRecord, changes: Partial<Registration>): Promise<void> {
    record.registration = { ...record.registration, ...changes };
    void this.#save(record);
    return this.saved(record);
  }

  /** Resolves when the registration is on disk, or shortly after when the disk hangs: no guest waits for it. */
  async saved(record: ResourceRecord): Promise<void> {
    const done = new AbortController();
    const saved = record.saving.then(() => done.abort());
    await Promise.race([saved, pause(DISK_PATIENCE_MS, done.signal)]);
  }

  /**
   * Notes what the engine was told; only a change costs a write, and one that failed before. UNKNOWN leaves the last proved answer as it is,
   * as the engine does.
   */
  told(record: ResourceRecord, answer: LastAnswer): Told {
    const last = record.registration.lastAnswer;
    record.awaited = undefined;
    const wasUnknown = record.unknownTold;
    const before = wasUnknown ? "UNKNOWN" : last === undefined ? "nothing" : stateText(last.state);
    record.unknownTold = answer.state.kind === "UNKNOWN";
    if (record.unknownTold) return { isNews: !wasUnknown, before };
    const isSame = last !== undefined && sameState(last.state, answer.state);
    const isKept = isSame && last.active === answer.active && last.lostRun === answer.lostRun;
    if (!isKept) void this.change(record, { lastAnswer: answer });
    else if (this.#unsaved.has(record.registration.resource)) void this.#save(record);
    return { isNews: !isSame || wasUnknown, before };
  }

  async remove(resource: string): Promise<void> {
    const record = this.#records.get(resource);
    this.#records.delete(resource);
    if (record !== undefined) await this.saved(record);
    try {
      await this.#store.remove(resource);
    } catch (error) {
      this.#log.error(
        { resource, err: error },
        "registration cannot be removed, a restart would bring it back",
      );
    }
  }

  /** Resolves when everything is on disk. */
  async flush(): Promise<void> {
    await Promise.all(this.all().map((record) => record.saving));
  }

  #add(registration: Registration): ResourceRecord {
    const record = newRecord(registration);
    this.#records.set(registration.resource, record);
    void this.#save(record);
    return record;
  }

  #save(record: ResourceRecord): Promise<void> {
    record.saving = this.#saveAfter(record.saving, record);
    return record.saving;
  }

  async #saveAfter(earlier: Promise<void>, record: ResourceRecord): Promise<void> {
    await earlier;
    const { resource } = record.registration;
    if (this.#records.get(resource) !== record) return;
    try {
      await this.#store.save(record.registration);
      if (this.#unsaved.delete(resource)) this.#log.info({ resource }, "registration is written again");
    } catch (error) {
      // a full disk is two lines for each resource, not one for each change
      if (this.#unsaved.has(resource)) return;
      this.#unsaved.add(resource);
      this.#log.error({ resource, err: error }, "registration cannot be written, a restart would lose it");
    }
  }
}

/** A guest that was saved stays so until it is seen to have run, or to have ended, in any other way. */
function savedRecord({ saved, uuid }: Reading, known: SavedRecord | undefined): SavedRecord | undefined {
  if (saved === "unknown") return known;
  if (saved === "no" || uuid === undefined) return undefined;
  return known?.uuid === uuid ? known : { uuid, at: new Date().toISOString() };
}

/** A new one takes the place of the last: that one must have ended, or libvirt would not have started it. */
function emulatorOf({ emulator }: Reading, known: EmulatorProcess | undefined): EmulatorProcess | undefined {
  if (emulator === undefined || known === undefined) return emulator ?? known;
  const isSame = emulator.pid === known.pid && emulator.startTicks === known.startTicks;
  return isSame && emulator.bootId === known.bootId ? known : emulator;
}

/** Only the hypervisor's own word takes it back. */
function givenAwayRun(
  { active, source, gaveAway }: Reading,
  known: GivenAwayRun | undefined,
): GivenAwayRun | undefined {
  if (source !== "platform" || active === undefined) return known;
  if (gaveAway === undefined || known === undefined) return gaveAway;
  const isSame = gaveAway.run === known.run && gaveAway.bootId === known.bootId;
  return isSame && gaveAway.isBroken === known.isBroken ? known : gaveAway;
}

function newRecord(registration: Registration): ResourceRecord {
  return {
    registration,
    epoch: 0,
    operation: undefined,
    migration: undefined,
    lastReading: undefined,
    lastTold: undefined,
    unknownTold: false,
    awaited: undefined,
    onlineUntil: 0,
    heartbeat: restoredHeartbeat(registration.lastAnswer?.lostRun),
    resumedUntil: 0,
    saving: Promise.resolve(),
  };
}

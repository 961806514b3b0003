import { AgentError } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import type { Beats } from "../beat.ts";
import type { Log } from "../log.ts";
import type { MigrationEnd, MigrationPlan, Whereabouts } from "../migration.ts";
import { nextChange } from "../next-change.ts";
import type { PayloadFile } from "../payload-file.ts";
import type {
  AgentAnswer,
  Finding,
  GuestDefinition,
  Platform,
  Prepared,
  Reading,
  StopBudget,
} from "../platform.ts";
import { checkEnvironment } from "./environment-check.ts";
import { RhevGuestMemories } from "./guest-memory.ts";
import { GuestMigrator } from "./guest-migrator.ts";
import { GuestPayloads } from "./guest-payloads.ts";
import { GuestReader } from "./guest-reader.ts";
import { GuestStarter } from "./guest-starter.ts";
import { GuestStopper } from "./guest-stopper.ts";
import { nameOfHost } from "./host-words.ts";
import type { Manager } from "./manager.ts";
import { Managers, type RhevmInfo } from "./managers.ts";
import type { ManualFencing } from "./manual-fencing.ts";
import type { OwnIdentity } from "./own-host.ts";
import { isRestartedByRhevm, warnOfOwnRestart } from "./own-restart.ts";
import type { RhevSettings } from "./rhev-settings.ts";

export interface RhevPlatformOptions {
  readonly settings: () => RhevSettings;
  /** RHEVMInfo of the resource that keeps a guest. */
  readonly infoOf: (guest: string) => RhevmInfo | undefined;
  /** RHEVMInfo's Password of a resource that names this engine and user, encrypted. */
  readonly encryptedPassword: (url: string, user: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Whether the cluster's engine was told last that it runs here, or that it left or was suspended here on purpose. */
  readonly ranHereLast: (guest: string) => boolean;
  readonly identity: () => Promise<OwnIdentity>;
  readonly fencing: Pick<ManualFencing, "freeGuest">;
  readonly log: Log;
}

/** The platform over RHEV-M and oVirt: guests are VMs of the engines that RHEVMInfo names. */
export class RhevPlatform implements Platform {
  readonly #managers: Managers;
  readonly #memories = new RhevGuestMemories();
  readonly #reader: GuestReader;
  readonly #payloads: GuestPayloads;
  readonly #starter: GuestStarter;
  readonly #stopper: GuestStopper;
  readonly #migrator: GuestMigrator;
  readonly #fencing: RhevPlatformOptions["fencing"];
  readonly #log: Log;

  constructor(options: RhevPlatformOptions) {
    const { settings, infoOf, encryptedPassword, ranHereLast, identity, fencing, log } = options;
    this.#fencing = fencing;
    this.#log = log;
    this.#managers = new Managers({ settings, identity, encryptedPassword, log });
    const memories = this.#memories;
    this.#reader = new GuestReader({ managers: this.#managers, memories, infoOf, ranHereLast, log });
    const parts = {
      reader: this.#reader,
      nextChange: (guest: string, maxMs: number, signal: AbortSignal) =>
        this.nextChange(guest, maxMs, signal),
      log,
    };
    this.#payloads = new GuestPayloads(parts);
    this.#starter = new GuestStarter({ ...parts, memories });
    this.#stopper = new GuestStopper(parts);
    this.#migrator = new GuestMigrator({ ...parts, settings });
  }

  get events() {
    return this.#managers.events;
  }

  run(beats: Beats, signal: AbortSignal): Promise<void> {
    return this.#managers.run(beats, signal);
  }

  /** The engine that a URL and a user name, also where no guest of it is followed any more. */
  manager(access: { readonly url: string; readonly user: string }): Manager {
    return this.#managers.at(access);
  }

  /** A monitor, which says how patient it is, shares a reading of 10 s at most; what is built upon by others begins now. */
  read(guest: string, signal: AbortSignal, patienceMs?: number): Promise<Reading> {
    return patienceMs === undefined
      ? this.#reader.readFresh(guest, signal)
      : this.#reader.read(guest, signal);
  }

  /** Guests of an engine that cannot be read are left out, which that engine's poller has logged. */
  async readAll(guests: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Reading>> {
    const readings = await Promise.allSettled(guests.map((guest) => this.#reader.read(guest, signal)));
    const failed = readings.filter((result) => result.status === "rejected");
    if (failed[0] !== undefined && failed.length === guests.length) throw failed[0].reason;
    return new Map(
      guests.flatMap((guest, at) => {
        const result = readings[at];
        return result?.status === "fulfilled" ? [[guest, result.value]] : [];
      }),
    );
  }

  nextChange(guest: string, maxMs: number, signal: AbortSignal): Promise<void> {
    return nextChange(this.events, guest, maxMs, signal);
  }

  /** A guest that a dead host holds is freed from it, where that is proved. */
  async prepare({ guestName, rhevmInfo }: Attributes, signal: AbortSignal): Promise<Prepared> {
    const { vm, hosts, own } = await this.#reader.sight(guestName, signal);
    const host = hosts.find(({ id }) => id === vm.hostId);
    if (host !== undefined && host.id !== own?.id && host.status === "non_responsive") {
      const manager = this.#reader.managerOf(guestName);
      const isWanted = rhevmInfo.useManualRhevmFencing;
      try {
        await this.#fencing.freeGuest(manager, { name: guestName, vmId: vm.id, isWanted }, signal);
      } finally {
        manager.poller.invalidate(guestName);
      }
    }
    return { resynced: false };
  }

  setPayload(attributes: Attributes, payload: PayloadFile | undefined, signal: AbortSignal): Promise<void> {
    return this.#payloads.set(attributes, payload, signal);
  }

  /** RHEV-M keeps saved memory itself, and every start goes on from it. */
  async savedMemory(): Promise<undefined> {
    return undefined;
  }

  start(guest: string, signal: AbortSignal): Promise<void> {
    return this.#starter.start(guest, signal);
  }

  restore(guest: string, signal: AbortSignal): Promise<void> {
    return this.#starter.start(guest, signal);
  }

  wake(guest: string, _how: "paused" | "asleep", signal: AbortSignal): Promise<void> {
    return this.#starter.wake(guest, signal);
  }

  requestShutdown(guest: string, signal: AbortSignal): Promise<void> {
    return this.#stopper.requestShutdown(guest, signal);
  }

  withdrawStop(): void {
    // the engine keeps no cause of an end that would have to be corrected
  }

  destroy(guest: string, budget: StopBudget, signal: AbortSignal): Promise<void> {
    return this.#stopper.destroy(guest, budget, signal);
  }

  proveStopped(guest: string, signal: AbortSignal): Promise<void> {
    return this.#stopper.proveStopped(guest, signal);
  }

  takeDefinition(guest: string): Promise<GuestDefinition> {
    return Promise.reject(noDefinition(guest));
  }

  saveDefinition({ guestName }: Attributes): Promise<"written" | "unchanged"> {
    return Promise.reject(noDefinition(guestName));
  }

  migrate(guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd> {
    return this.#migrator.migrate(guest, plan, signal);
  }

  whereIs(guest: string, _known: Whereabouts, signal: AbortSignal): Promise<MigrationEnd | undefined> {
    return this.#migrator.whereIs(guest, signal);
  }

  /** RHEV-M does not tell who asked for a migration, and ends by itself one that does not come to its end. */
  async abortOverdue(): Promise<boolean> {
    return false;
  }

  async refuseIfElsewhere(guest: string, signal: AbortSignal): Promise<void> {
    const { vm, hosts, own } = await this.#reader.sight(guest, signal);
    if (vm.hostId === undefined || vm.hostId === own?.id) return;
    const host = hosts.find(({ id }) => id === vm.hostId);
    const where = host === undefined ? vm.hostId : nameOfHost(host);
    throw new AgentError("REFUSED", `guest ${guest} is not started: RHEV-M has it on host ${where}`);
  }

  async askAgent(): Promise<AgentAnswer> {
    return { kind: "not available" };
  }

  /** RHEV-M resumes guests whose storage is back by itself. */
  async resumeStalled(): Promise<boolean> {
    return false;
  }

  /** Asked for each guest at once after a connection: a reading that others share will do. */
  async claim(guest: string, signal: AbortSignal): Promise<void> {
    try {
      const snapshot = await this.#reader.managerOf(guest).poller.snapshot(guest, signal);
      if (isRestartedByRhevm(snapshot, guest)) warnOfOwnRestart(this.#log, guest);
    } catch (error) {
      this.#log.debug({ guest, err: error }, "guest could not be read for the check of high availability");
    }
  }

  validate(attributes: Attributes, signal: AbortSignal): Promise<readonly Finding[]> {
    this.#managers.renewPassword(attributes.rhevmInfo);
    return checkEnvironment(this.#reader, attributes, signal);
  }

  recall(): void {
    // RHEV-M tells the UUID with each reading
  }

  forget(guest: string): void {
    this.#memories.forget(guest);
    this.#managers.forget(guest);
  }
}

function noDefinition(guest: string): AgentError {
  return new AgentError("REFUSED", `guest ${guest} is kept by RHEV-M, which has no file of it to copy`);
}

import { AgentError } from "../agent-error.ts";
import { throwIfAborted } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { Reading } from "../platform.ts";
import { UNKNOWN } from "../resource-state.ts";
import type { RhevGuestMemories } from "./guest-memory.ts";
import type { RhevHost } from "./host-document.ts";
import type { Manager } from "./manager.ts";
import type { Managers, RhevmInfo } from "./managers.ts";
import type { Snapshot } from "./snapshot.ts";
import { chooseVm } from "./vm-choice.ts";
import type { Vm } from "./vm-document.ts";
import { readingOf } from "./vm-state.ts";

/** A guest as the engine shows it, and what that means on this host. */
export interface GuestSight {
  readonly vm: Vm;
  readonly hosts: readonly RhevHost[];
  /** This host; undefined while nobody can say which it is. */
  readonly own: RhevHost | undefined;
  readonly reading: Reading;
}

export interface GuestReaderParts {
  readonly managers: Managers;
  readonly memories: RhevGuestMemories;
  /** RHEVMInfo of the resource that keeps a guest. */
  readonly infoOf: (guest: string) => RhevmInfo | undefined;
  /** Whether the cluster's engine was told last that it runs here or left on purpose, for what an earlier process saw. */
  readonly ranHereLast: (guest: string) => boolean;
  readonly log: Log;
}

/** Reads guests from their engines. */
export class GuestReader {
  readonly #parts: GuestReaderParts;

  constructor(parts: GuestReaderParts) {
    this.#parts = parts;
  }

  /** @throws {AgentError} BAD_ATTRIBUTE when no engine is named for it */
  managerOf(guest: string): Manager {
    const info = this.#parts.infoOf(guest);
    if (info === undefined)
      throw new AgentError("REFUSED", `guest ${guest} is kept by no resource of RHEV-M`);
    return this.#parts.managers.of(guest, info);
  }

  /** A reading that is shared with others and at most 10 s old, and began after the last operation on the guest. */
  async read(guest: string, signal: AbortSignal): Promise<Reading> {
    const manager = this.managerOf(guest);
    const snapshot = await manager.poller.snapshot(guest, signal);
    return this.#readingIn(guest, await this.#chosen(guest, manager, snapshot, signal), snapshot);
  }

  /** As read, but it begins after the call. */
  async readFresh(guest: string, signal: AbortSignal): Promise<Reading> {
    const manager = this.managerOf(guest);
    const snapshot = await manager.poller.freshSnapshot(guest, signal);
    return this.#readingIn(guest, await this.#chosen(guest, manager, snapshot, signal), snapshot);
  }

  /** As readFresh, but the guest has to be there. */
  async sight(guest: string, signal: AbortSignal): Promise<GuestSight> {
    const manager = this.managerOf(guest);
    const snapshot = await manager.poller.freshSnapshot(guest, signal);
    const chosen = await this.#chosen(guest, manager, snapshot, signal);
    if (typeof chosen === "string") throw new AgentError("GUEST_NOT_FOUND", `guest ${guest}: ${chosen}`);
    const { hosts, own } = snapshot;
    const reading = this.#readingIn(guest, chosen, snapshot);
    return { vm: chosen, hosts, own: own.kind === "found" ? own.host : undefined, reading };
  }

  /** As sight, but undefined while the guest cannot be read: an engine that restarts is back soon. */
  async sightIfAny(guest: string, signal: AbortSignal): Promise<GuestSight | undefined> {
    try {
      return await this.sight(guest, signal);
    } catch (error) {
      throwIfAborted(signal);
      this.#parts.log.debug({ guest, err: error }, "guest cannot be read now, it is read again");
      return undefined;
    }
  }

  /** The VM that the guest is, or why nobody can say. The cluster is asked for only where several VMs have the name. */
  async #chosen(
    guest: string,
    { reads }: Manager,
    { vms }: Snapshot,
    signal: AbortSignal,
  ): Promise<Vm | string> {
    const cluster = this.#parts.infoOf(guest)?.cluster;
    const isAmbiguous = vms.filter(({ name }) => name === guest).length > 1;
    const clusters = isAmbiguous && cluster !== undefined ? await reads.clusters(signal) : [];
    const clusterId = clusters.find(({ name }) => name === cluster)?.id;
    const choice = chooseVm(vms, guest, clusterId);
    return choice.kind === "found" ? choice.vm : choice.reason;
  }

  #readingIn(guest: string, chosen: Vm | string, { hosts, own, runs }: Snapshot): Reading {
    if (typeof chosen === "string") return nothingKnown(chosen);
    const memory = this.#parts.memories.of(guest);
    memory.ranHere ??= this.#parts.ranHereLast(guest);
    const { end } = runs.get(chosen.id) ?? {};
    const reading = readingOf({ vm: chosen, hosts, own, ranHereLast: memory.ranHere, end });
    this.#remember(guest, reading);
    // what somebody else started or moved here has come, as far as the cluster's engine knows
    const came = reading.active === true && !reading.migrating && !memory.startedHere;
    return came ? { ...reading, moved: "here" } : reading;
  }

  #remember(guest: string, { active, suspended, moved, saved }: Reading): void {
    const memory = this.#parts.memories.of(guest);
    if (active !== false) {
      if (active === true) memory.ranHere = true;
      return;
    }
    if (!memory.isStarting) memory.startedHere = false;
    // that it left, and that its memory was saved here, is told until it runs somewhere else of its own
    const isOurs = moved === "away" || suspended !== undefined || saved === "yes";
    if (!isOurs) memory.ranHere = false;
  }
}

/** RHEV-M answers, and that proves nothing of a guest that it does not show. */
function nothingKnown(reason: string): Reading {
  return {
    state: UNKNOWN,
    reason,
    active: undefined,
    migrating: false,
    moved: undefined,
    suspended: undefined,
    uuid: undefined,
    source: "platform",
    ended: undefined,
    saved: "unknown",
  };
}

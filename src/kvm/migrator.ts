import { AgentError, hasCode } from "../agent-error.ts";
import { abortError, pause, throwIfAborted, withDeadline } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { MigrationEnd, MigrationPlan } from "../migration.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import { carryThrough, type MigrationAnswer, type MigrationStops, stopsOf } from "./migration-call.ts";
import { runsTwice } from "./migration-end.ts";
import type { MigrationEnds, MigrationPlace } from "./migration-ends.ts";
import type { Peers } from "./peers.ts";
import type { KvmSettings } from "./settings.ts";

/** Waiting for a session, also for a libvirtd that is being restarted. */
const PATIENCE_MS = 5000;

/** Both ends come to rest within this, or nothing is known. */
const SETTLE_MS = 20_000;

/** The same when a clean waits. */
const SETTLE_FOR_CLEAN_MS = 3000;

const LOOK_MS = 500;

/** libvirt removes what a migration leaves by itself; what is left for longer is ended here. */
const LEFT_OVER_MS = 5000;

const NEVER = new AbortController().signal;

export interface MigratorParts {
  /** Opens a connection for one migration: its call is as long as the migration. */
  readonly open: (signal: AbortSignal) => Promise<Hypervisor>;
  readonly slow: Lane;
  readonly peers: Peers;
  readonly ends: MigrationEnds;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Migrates guests, and finds out where they are. */
export class Migrator {
  readonly #parts: MigratorParts;

  constructor(parts: MigratorParts) {
    this.#parts = parts;
  }

  /** See Platform.migrate. */
  async migrate(guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd> {
    const { peers } = this.#parts;
    const uri = peers.uriOf(plan.target);
    if (uri === undefined) {
      const known = peers.systems.join(", ") || "none";
      throw refused(guest, plan.target, `no such host: the peers of the configuration are ${known}`);
    }
    const uuid = await this.#lookup(guest, signal);
    const place: MigrationPlace = { guest, uuid, peer: plan.target };
    await this.#refuseUnlessReady(place, signal);
    const stops = stopsOf(signal);
    try {
      await plan.onMoving(uuid);
      throwIfAborted(signal);
      const answer = await this.#carry(place, uri, plan, stops, signal);
      if (stops.giveUp.aborted && !hasCode(signal.reason, "CANCELLED")) throw abortError(signal);
      const budgetMs = signal.aborted ? SETTLE_FOR_CLEAN_MS : SETTLE_MS;
      const end = await this.#settle(place, answer, budgetMs, signal.aborted ? NEVER : signal);
      return { ...end, why: `${answer.words}; ${end.why}` };
    } finally {
      stops.release();
    }
  }

  /** See Platform.whereIs. */
  async whereIs(
    guest: string,
    peer: string | undefined,
    signal: AbortSignal,
  ): Promise<MigrationEnd | undefined> {
    const uuid = this.#parts.memories.of(guest).uuid ?? (await this.#lookup(guest, signal));
    const place: MigrationPlace = { guest, uuid, peer };
    const { ends } = this.#parts;
    const first = await ends.look(place, "none", signal);
    if (first.source.word === "migrating") return undefined;
    const seen = (await ends.removeDead(place, first, signal))
      ? await ends.look(place, "none", signal)
      : first;
    return ends.endOf(place, seen);
  }

  async #carry(
    { guest, uuid, peer }: MigrationPlace,
    destinationUri: string,
    plan: MigrationPlan,
    stops: MigrationStops,
    signal: AbortSignal,
  ): Promise<MigrationAnswer> {
    const session = await this.#open(guest, signal);
    const { migration: settings } = this.#parts.settings();
    const call = {
      uuid,
      destinationUri,
      settings,
      abortAfterMs: plan.abortAfterMs,
      onProgress: plan.onProgress,
    };
    try {
      return await carryThrough(session, call, this.#parts.log.child({ guest, target: peer }), stops);
    } finally {
      void session.close(); // its farewell may take a second
    }
  }

  /** Looks until both ends have come to rest; libvirt gets the time to remove by itself what it left. */
  async #settle(
    place: MigrationPlace,
    { reply }: MigrationAnswer,
    budgetMs: number,
    signal: AbortSignal,
  ): Promise<MigrationEnd> {
    const { ends } = this.#parts;
    const since = performance.now();
    for (;;) {
      const seen = await ends.look(place, reply, signal);
      const spentMs = performance.now() - since;
      const isAtRest =
        ["moved", "stayed", "lost"].includes(seen.verdict) || runsTwice(seen.source.word, seen.target.word);
      if (isAtRest || spentMs >= budgetMs) return ends.endOf(place, seen);
      const isLeft = spentMs >= Math.min(LEFT_OVER_MS, budgetMs / 2);
      if (isLeft && (await ends.removeDead(place, seen, signal))) continue;
      await pause(LOOK_MS, signal);
      throwIfAborted(signal);
    }
  }

  /** Nothing was asked yet: whatever is not as it must be leaves the guest as it is. */
  async #refuseUnlessReady(place: MigrationPlace, signal: AbortSignal): Promise<void> {
    const { guest } = place;
    const target = place.peer ?? "";
    const { source, target: there } = await this.#parts.ends.look(place, "none", signal);
    if (source.word === "migrating") throw refused(guest, target, "a migration of it runs already");
    if (!["running", "resumed", "suspended"].includes(source.word))
      throw refused(guest, target, `libvirt here says ${source.text}`);
    if (there.word === "unreadable") throw refused(guest, target, `the target ${there.text}`);
    if (there.word !== "inactive") throw refused(guest, target, `it is active there already: ${there.text}`);
  }

  async #lookup(guest: string, signal: AbortSignal): Promise<string> {
    try {
      const { uuid } = await this.#parts.slow.use(PATIENCE_MS, signal, (session) =>
        session.lookupByName(guest, { signal }),
      );
      return uuid;
    } catch (error) {
      throw agentErrorOf(error, `looking up guest ${guest}`);
    }
  }

  async #open(guest: string, signal: AbortSignal): Promise<Hypervisor> {
    try {
      return await withDeadline(PATIENCE_MS, "a connection for the migration", [signal], this.#parts.open);
    } catch (error) {
      throw agentErrorOf(error, `migration of guest ${guest}`);
    }
  }
}

function refused(guest: string, target: string, why: string): AgentError {
  return new AgentError("REFUSED", `guest ${guest} is not migrated to ${target}: ${why}`);
}

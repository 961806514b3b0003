import { AgentError, hasCode } from "../agent-error.ts";
import { abortError, pause, throwIfAborted, withDeadline } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { AskedMigration, MigrationEnd, MigrationPlan, Whereabouts } from "../migration.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import {
  abortMigration,
  carryThrough,
  type MigrationAnswer,
  type MigrationStops,
  stopsOf,
} from "./migration-call.ts";
import { type MigrationReply, runsTwice } from "./migration-end.ts";
import type { EndsSeen, MigrationEnds, MigrationPlace } from "./migration-ends.ts";
import { abortIfAsked } from "./overdue-migration.ts";
import type { Peers } from "./peers.ts";
import type { KvmSettings } from "./settings.ts";

/** Waiting for a session, also for a libvirtd that is being restarted. */
const PATIENCE_MS = 5000;

/** Both ends come to rest within this, or nothing is known. */
const SETTLE_MS = 20_000;

/** The same when a clean waits. */
const SETTLE_FOR_CLEAN_MS = 3000;

/** The same for who only asks, and will ask again. */
const SETTLE_FOR_A_LOOK_MS = 2000;

const LOOK_MS = 500;

/** libvirt removes what a migration leaves by itself; what is left for longer is ended here. */
const LEFT_OVER_MS = 5000;

const NEVER = new AbortController().signal;

/** How long both ends are waited for; a migration that runs costs no time, costs it, or ends the waiting. */
interface Patience {
  readonly budgetMs: number;
  readonly whileMigrating: () => Promise<"wait" | "spend" | "end">;
  /** Whether a copy that is proved dead is ended: a clean that waits ends the one here by itself. */
  readonly removesDead: boolean;
}

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
    const abortAt = performance.now() + plan.abortAfterMs;
    const { ends, peers } = this.#parts;
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
      const answer = await this.#carry(place, uri, { ...plan, abortAt }, stops, signal);
      if (stops.giveUp.aborted && !hasCode(signal.reason, "CANCELLED")) throw abortError(signal);
      const end = ends.endOf(place, await this.#settleAfter(place, answer, abortAt, signal));
      return { ...end, why: `${wordsOf(answer, uri)}; ${end.why}` };
    } finally {
      stops.release();
    }
  }

  /** See Platform.whereIs. */
  async whereIs(
    guest: string,
    { uuid, peer, endedHere }: Whereabouts,
    signal: AbortSignal,
  ): Promise<MigrationEnd | undefined> {
    const known = uuid ?? this.#parts.memories.of(guest).uuid ?? (await this.#lookup(guest, signal));
    const place: MigrationPlace = { guest, uuid: known, peer, endedHere };
    const patience: Patience = {
      budgetMs: SETTLE_FOR_A_LOOK_MS,
      whileMigrating: async () => "end",
      removesDead: true,
    };
    const seen = await this.#settle(place, "none", patience, signal);
    return seen.source.word === "migrating" ? undefined : this.#parts.ends.endOf(place, seen);
  }

  /** See Platform.abortOverdue. */
  async abortOverdue(
    guest: string,
    { uuid, asked }: Whereabouts & { readonly asked: AskedMigration },
    signal: AbortSignal,
  ): Promise<boolean> {
    const known = uuid ?? this.#parts.memories.of(guest).uuid ?? (await this.#lookup(guest, signal));
    try {
      return await this.#parts.slow.use(PATIENCE_MS, signal, (session) =>
        abortIfAsked(session, known, asked, signal),
      );
    } catch (error) {
      throw agentErrorOf(error, `aborting the migration of guest ${guest}`);
    }
  }

  async #carry(
    { guest, uuid, peer }: MigrationPlace,
    destinationUri: string,
    plan: MigrationPlan & { readonly abortAt: number },
    stops: MigrationStops,
    signal: AbortSignal,
  ): Promise<MigrationAnswer> {
    const session = await this.#open(guest, signal);
    const { migration: settings } = this.#parts.settings();
    const { abortAt, onProgress } = plan;
    const call = { uuid, destinationUri, settings, abortAt, onProgress };
    try {
      await plan.onMoving(uuid);
      throwIfAborted(signal);
      return await carryThrough(session, call, this.#parts.log.child({ guest, target: peer }), stops);
    } finally {
      void session.close(); // its farewell may take a second
    }
  }

  /**
   * A migration that goes on, because its answer was lost with the connection, is waited for and aborted at its time; a
   * clean aborts it at once and waits for little.
   */
  async #settleAfter(
    place: MigrationPlace,
    { reply, isPostCopy }: MigrationAnswer,
    abortAt: number,
    signal: AbortSignal,
  ): Promise<EndsSeen> {
    const isForClean = signal.aborted;
    const limit = isForClean ? NEVER : signal;
    const budgetMs = isForClean ? SETTLE_FOR_CLEAN_MS : SETTLE_MS;
    const whileMigrating = async () => {
      if (!isPostCopy && (isForClean || performance.now() >= abortAt)) await this.#abort(place, limit);
      return isForClean ? "spend" : "wait";
    };
    return this.#settle(place, reply, { budgetMs, whileMigrating, removesDead: !isForClean }, limit);
  }

  /** Looks until both ends have come to rest; libvirt gets the time to remove by itself what it left. */
  async #settle(
    place: MigrationPlace,
    reply: MigrationReply,
    { budgetMs, whileMigrating, removesDead }: Patience,
    signal: AbortSignal,
  ): Promise<EndsSeen> {
    const { ends } = this.#parts;
    for (let since = performance.now(); ; ) {
      const seen = await ends.look(place, reply, signal);
      const next = seen.source.word === "migrating" ? await whileMigrating() : "spend";
      if (next === "wait") since = performance.now();
      const spentMs = performance.now() - since;
      if (next === "end" || isAtRest(seen) || spentMs >= budgetMs) return seen;
      const isLeft = spentMs >= Math.min(LEFT_OVER_MS, budgetMs / 2);
      if (isLeft && removesDead && (await ends.removeDead(place, seen, signal))) continue;
      await pause(LOOK_MS, signal);
      throwIfAborted(signal);
    }
  }

  async #abort({ guest, uuid, peer }: MigrationPlace, signal: AbortSignal): Promise<void> {
    await abortMigration(
      (options) => this.#parts.slow.use(0, signal, (session) => session.abortJob(uuid, options)),
      this.#parts.log.child({ guest, target: peer }),
    );
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

function isAtRest({ verdict, source, target }: EndsSeen): boolean {
  if (runsTwice(source.word, target.word)) return true;
  return verdict === "moved" || verdict === "stayed" || verdict === "lost";
}

/** libvirt's own words of a connection that failed name neither the transport nor the host. */
function wordsOf({ reply, words }: MigrationAnswer, uri: string): string {
  return reply === "failed" ? `over ${uri.split("?")[0]}: ${words}` : words;
}

function refused(guest: string, target: string, why: string): AgentError {
  return new AgentError("REFUSED", `guest ${guest} is not migrated to ${target}: ${why}`);
}

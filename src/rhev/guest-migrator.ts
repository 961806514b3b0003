import { AgentError, hasCode, messageOf } from "../agent-error.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import type { Log } from "../log.ts";
import type { MigrationEnd, MigrationPlan } from "../migration.ts";
import type { GuestReader, GuestSight } from "./guest-reader.ts";
import type { RhevHost } from "./host-document.ts";
import { isCalled, nameOfHost } from "./host-words.ts";
import type { RhevSettings } from "./rhev-settings.ts";

/** How often a migration is looked at; changes are heard at once. */
const LOOK_MS = 3000;

/** RHEV-M accepts a migration before it chooses how: one that does not show by then has not begun. */
const BEGIN_MS = 20_000;

/** The end of a migration that was asked for is read for so long after the entry point's own time is over. */
const CANCEL_MS = 5000;

export interface GuestMigratorParts {
  readonly reader: GuestReader;
  /** Resolves at the next hint about the guest, or after the time. */
  readonly nextChange: (guest: string, maxMs: number, signal: AbortSignal) => Promise<void>;
  readonly settings: () => RhevSettings;
  readonly log: Log;
}

/** Migrations through RHEV-M, which carries them through by itself once it was asked. */
export class GuestMigrator {
  readonly #parts: GuestMigratorParts;

  constructor(parts: GuestMigratorParts) {
    this.#parts = parts;
  }

  /** See Platform.migrate. */
  async migrate(guest: string, plan: MigrationPlan, signal: AbortSignal): Promise<MigrationEnd> {
    const { reader, settings } = this.#parts;
    const cancelAt = performance.now() + plan.abortAfterMs;
    const sight = await reader.sight(guest, signal);
    const { own } = sight;
    const target = targetAmong(guest, plan.target, settings().hostOf(plan.target), sight);
    if (own === undefined) throw refusal(guest, plan.target, sight.reading.reason);
    refuseUnlessMovable(guest, target, sight, own);
    await plan.onMoving(sight.vm.id);
    const refused = await this.#ask(guest, sight.vm.id, target, signal);
    return refused ?? this.#follow(guest, { cancelAt, own }, signal);
  }

  /** See Platform.whereIs. RHEV-M knows both ends. */
  async whereIs(guest: string, signal: AbortSignal): Promise<MigrationEnd | undefined> {
    try {
      const sight = await this.#parts.reader.sight(guest, signal);
      return endOf(sight, sight.own);
    } catch (error) {
      throwIfAborted(signal);
      return doubt(messageOf(error));
    }
  }

  /**
   * An answer that is lost leaves the state to tell.
   *
   * @returns the end where nothing has begun: the engine said no, or was not reached
   */
  async #ask(
    guest: string,
    id: string,
    target: RhevHost,
    signal: AbortSignal,
  ): Promise<MigrationEnd | undefined> {
    const { reader, log } = this.#parts;
    const { actions, poller } = reader.managerOf(guest);
    try {
      await actions.migrateVm(id, target.id, signal);
      return undefined;
    } catch (error) {
      // the engine may have heard it although its answer is not waited for any more
      if (hasCode(signal.reason, "CANCELLED")) await this.#cancel(guest);
      throwIfAborted(signal);
      if (!hasCode(error, "OUTCOME_UNKNOWN")) return { kind: "stayed", why: messageOf(error) };
      log.warn({ guest, err: error }, "answer of RHEV-M to a migration is lost, the guest is watched");
      return undefined;
    } finally {
      poller.invalidate(guest);
    }
  }

  async #follow(
    guest: string,
    course: { readonly cancelAt: number; readonly own: RhevHost },
    signal: AbortSignal,
  ): Promise<MigrationEnd> {
    const { reader, nextChange } = this.#parts;
    const beginBy = performance.now() + BEGIN_MS;
    let hasBegun = false;
    let isCancelled = false;
    for (;;) {
      await nextChange(guest, LOOK_MS, signal);
      if (hasCode(signal.reason, "CANCELLED")) await this.#cancel(guest);
      throwIfAborted(signal);
      const sight = await reader.sightIfAny(guest, signal);
      const end = sight === undefined ? undefined : endOf(sight, course.own);
      hasBegun ||= sight?.vm.status === "migrating";
      const isOver = end !== undefined && (end.kind !== "stayed" || hasBegun || performance.now() > beginBy);
      if (isOver && end.kind !== "doubtful") {
        const seen = hasBegun || end.kind === "moved" ? "" : "; no migration was seen";
        const cancelled = isCancelled ? "; its time was over and it was cancelled" : "";
        return { ...end, why: `${end.why}${seen}${cancelled}` };
      }
      if (!isCancelled && performance.now() > course.cancelAt) {
        isCancelled = true;
        await this.#cancel(guest);
      }
      reader.managerOf(guest).poller.invalidate(guest);
    }
  }

  /** Asked once; that there is nothing to cancel any more is no error. */
  async #cancel(guest: string): Promise<void> {
    const { reader, log } = this.#parts;
    try {
      await withDeadline(CANCEL_MS, "cancelling a migration", [], async (limit) => {
        const { vm, reading } = await reader.sight(guest, limit);
        if (vm.status !== "migrating" || reading.active !== true) return;
        await reader.managerOf(guest).actions.cancelMigration(vm.id, limit);
        log.warn({ guest }, "migration is cancelled");
      });
    } catch (error) {
      log.warn({ guest, err: error }, "migration could not be cancelled");
    }
  }
}

/** Where the guest is after a migration; undefined while it migrates. */
function endOf({ vm, hosts, reading }: GuestSight, own: RhevHost | undefined): MigrationEnd | undefined {
  if (reading.migrating) return undefined;
  if (reading.active === undefined || own === undefined) return doubt(reading.reason);
  if (reading.active) return { kind: "stayed", why: reading.reason };
  const host = hosts.find(({ id }) => id === vm.hostId);
  if (host === undefined) return { kind: "lost", why: reading.reason };
  return { kind: "moved", why: reading.reason, peer: nameOfHost(host) };
}

function doubt(why: string): MigrationEnd {
  return {
    kind: "doubtful",
    why: `${why}; its host in RHEV-M (Administration Portal, Virtual Machines) decides`,
  };
}

/** The host of RHEV-M that a system of the cluster is: configured, or of the same name. */
function targetAmong(
  guest: string,
  system: string,
  configured: string | undefined,
  { hosts }: GuestSight,
): RhevHost {
  const word = (configured ?? system).toLowerCase();
  const exact = hosts.filter((one) => isCalled(one, word));
  const alike = hosts.filter(
    ({ name, address }) => shortName(name) === word || shortName(address ?? "") === word,
  );
  const [host, second] = exact.length > 0 || configured !== undefined ? exact : alike;
  if (host === undefined)
    throw refusal(guest, system, `RHEV-M has no host ${word}: name it in rhev.hosts.${system}`);
  if (second !== undefined)
    throw refusal(
      guest,
      system,
      `several hosts of RHEV-M may be it: name the right one in rhev.hosts.${system}`,
    );
  return host;
}

function shortName(name: string): string | undefined {
  return name.toLowerCase().split(".")[0];
}

/** What RHEV-M would refuse is refused in words that help, before anything is asked. */
function refuseUnlessMovable(
  guest: string,
  target: RhevHost,
  { vm, reading }: GuestSight,
  own: RhevHost,
): void {
  const refuse = (why: string) => refusal(guest, nameOfHost(target), why);
  if (reading.active !== true) throw refuse(`it does not run here: ${reading.reason}`);
  if (vm.status === "migrating") throw refuse("it is migrating already");
  if (vm.status !== "up" && vm.status !== "powering_up")
    throw refuse(`its state does not allow it: ${reading.reason}`);
  if (target.id === own.id) throw refuse("it is this host itself");
  if (target.status !== "up")
    throw refuse(`RHEV-M has that host as ${target.status ?? "unknown"} and not as up`);
  if (target.clusterId !== own.clusterId) throw refuse("that host belongs to another cluster of RHEV-M");
  if (vm.affinity === "pinned") throw refuse("RHEV-M has it pinned to its host");
  if (vm.affinity === "user_migratable")
    throw refuse("RHEV-M lets it be migrated by hand only (placement policy user_migratable)");
  if (vm.placementHostIds.length > 0 && !vm.placementHostIds.includes(target.id))
    throw refuse("its placement policy in RHEV-M does not allow that host");
}

function refusal(guest: string, target: string, why: string): AgentError {
  return new AgentError("REFUSED", `guest ${guest} is not migrated to ${target}: ${why}`);
}

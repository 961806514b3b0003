import { printable } from "../tuples.ts";
import { canBeSpm, letsGoOfSpm } from "./fencing-rules.ts";
import { isSpm, type RhevHost } from "./host-document.ts";
import type { DataCenter } from "./inventory-documents.ts";

/** One snapshot of all that decides what to do for the SPM role. */
export interface SpmFacts {
  /** The cluster of RHEV-M that this cluster's hosts form. */
  readonly localClusterId: string;
  readonly dataCenter: DataCenter;
  /** All hosts of the data centre. */
  readonly hosts: readonly RhevHost[];
  /** Names of the guests on remote hosts that are up, by host. */
  readonly guestsOn: ReadonlyMap<string, readonly string[]>;
  /** A remote host may be sent to maintenance though guests run on it. */
  readonly movesGuests: boolean;
  /** Hosts that were declared dead in this scan. */
  readonly isolated: ReadonlySet<string>;
  /** Hosts that were sent to maintenance in this scan. */
  readonly sent: ReadonlySet<string>;
}

/** What to do next. */
export type SpmStep =
  | { readonly kind: "done"; readonly host: RhevHost }
  | { readonly kind: "impossible"; readonly reason: string }
  | { readonly kind: "isolate"; readonly host: RhevHost; readonly isLocal: boolean }
  | { readonly kind: "deactivate"; readonly host: RhevHost }
  | { readonly kind: "wait"; readonly reason: string };

/** Statuses that pass by themselves. */
const PASSING = ["connecting", "unassigned", "initializing", "reboot", "kdumping"];

/** From these a host may yet become up. */
const RISING = [...PASSING, "non_responsive", "non_operational"];

/**
 * The next step on the way of the SPM role to a local host that is up. The role leaves a host that leaves `up`, and goes to
 * any host of the data centre that is up: so those of other clusters are sent to maintenance, the SPM last, lest it only move
 * among them.
 */
export function nextSpmStep(facts: SpmFacts): SpmStep {
  const { hosts } = facts;
  const isLocal = (host: RhevHost) => host.clusterId === facts.localClusterId;
  const holder = hosts.find(isSpm);
  if (holder !== undefined && isLocal(holder) && holder.status === "up")
    return { kind: "done", host: holder };

  const local = hosts.filter(isLocal);
  const heirs = local.filter(canBeSpm);
  if (heirs.length === 0) return withoutHeirs(local);
  if (holder !== undefined) {
    const named = `host ${printable(holder.name)}, the SPM,`;
    if (PASSING.includes(holder.status ?? "")) return wait(`${named} is ${holder.status ?? ""}`);
    if (holder.status === "non_responsive") {
      if (facts.isolated.has(holder.id)) return wait(`RHEV-M lets go of ${named} which was declared dead`);
      if (!letsGoOfSpm(facts.dataCenter))
        return wait(
          `${named} does not respond, and RHEV-M still tries (${facts.dataCenter.status ?? "no status"})`,
        );
      return { kind: "isolate", host: holder, isLocal: isLocal(holder) };
    }
  }
  return remoteStep(
    facts,
    hosts.filter((host) => !isLocal(host) && canBeSpm(host)),
    holder,
  );
}

function withoutHeirs(local: readonly RhevHost[]): SpmStep {
  const list = local.map(
    ({ name, status }) => `${printable(name)} is ${printable(status ?? "without a status")}`,
  );
  const reason = `no host of the local cluster can be the SPM (${list.join(", ") || "it has none"})`;
  const mayRise = local.some(
    ({ status, spmPriority }) =>
      RISING.includes(status ?? "") && (spmPriority === undefined || spmPriority >= 0),
  );
  return mayRise ? wait(reason) : { kind: "impossible", reason };
}

function remoteStep(
  { guestsOn, movesGuests, sent }: SpmFacts,
  rivals: readonly RhevHost[],
  holder: RhevHost | undefined,
): SpmStep {
  const rest = rivals.filter(({ id }) => !sent.has(id));
  const busy = movesGuests ? [] : rest.filter(({ id }) => (guestsOn.get(id) ?? []).length > 0);
  if (busy.length > 0) return { kind: "impossible", reason: busyReason(busy, guestsOn) };
  const contender = rest.find(({ spm }) => spm === "contending");
  if (contender !== undefined) return wait(`host ${printable(contender.name)} contends for the SPM role`);
  const other = rest.find((host) => !isSpm(host));
  if (other !== undefined) return { kind: "deactivate", host: other };
  const leaving = rivals.find(({ id }) => sent.has(id));
  if (leaving !== undefined) return wait(`host ${printable(leaving.name)} goes to maintenance`);
  const [last] = rest;
  if (last !== undefined) return { kind: "deactivate", host: last };
  return wait(
    holder === undefined ? "the SPM is being elected" : `the SPM is still host ${printable(holder.name)}`,
  );
}

function busyReason(busy: readonly RhevHost[], guestsOn: ReadonlyMap<string, readonly string[]>): string {
  const list = busy.map(
    ({ id, name }) => `${printable(name)} (${(guestsOn.get(id) ?? []).map(printable).join(", ")})`,
  );
  return `guests run on hosts of other clusters that would be sent to maintenance: ${list.join(", ")}; stop or migrate them, or set rhev.devScan.movesGuests`;
}

function wait(reason: string): SpmStep {
  return { kind: "wait", reason };
}

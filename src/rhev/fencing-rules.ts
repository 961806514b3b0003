import { printable } from "../tuples.ts";
import type { RhevHost } from "./host-document.ts";
import type { DataCenter } from "./inventory-documents.ts";
import type { SystemOfHost } from "./system-of-host.ts";
import type { Vm } from "./vm-document.ts";

/** What the cluster's engine said, or why it could not be read. */
export type Told<T> = { readonly value: T } | { readonly unreadable: string };

/**
 * Who says that a host is dead.
 *
 * - `system`: the engine of this cluster, of the system that the host is
 * - `cluster`: the engine of this cluster, of the remote cluster that the host belongs to
 * - `operator`: somebody who has looked
 */
export type DeathWitness =
  | {
      readonly kind: "system";
      readonly mapping: SystemOfHost;
      readonly ownSystem: string;
      readonly states: Told<ReadonlyMap<string, string>>;
      /** The cluster's attribute UseFence. */
      readonly useFence: Told<string>;
    }
  | {
      readonly kind: "cluster";
      /** As the configuration names it for the host's cluster in RHEV-M; undefined where it does not. */
      readonly cluster: string | undefined;
      readonly states: Told<ReadonlyMap<string, string>>;
    }
  | { readonly kind: "operator" };

/** One snapshot of all that decides whether RHEV-M may be told that a host is dead. */
export interface FencingFacts {
  /** UseManualRHEVMFencing = 1, or an operator asked for this very host. */
  readonly isWanted: boolean;
  readonly host: RhevHost;
  readonly witness: DeathWitness;
  /** All VMs that RHEV-M has on the host. */
  readonly vms: readonly Vm[];
  /** The VM for which it is done: it must be among them, or the list cannot be complete. */
  readonly guestId: string | undefined;
  /** The host that holds that VM, read after the list. */
  readonly guestHostId: string | undefined;
  readonly dataCenter: DataCenter;
  /** All hosts of the data centre. */
  readonly hosts: readonly RhevHost[];
}

/** The host's status that alone allows it. Source: design of the vendor's agent; RHEV-M itself would allow more. */
const NON_RESPONSIVE = "non_responsive";

/** The engine's word for a system that left the membership unexpectedly, and for a remote cluster that is down. */
const FAULTED = "FAULTED";

/** UseFence where disk-based I/O fencing keeps a system that left from its disks. */
const DISK_FENCING = "SCSI3";

/** Statuses of a data centre in which RHEV-M lets go of the SPM. Source: ovirt-engine, FenceVdsManualyCommand. */
const FREES_SPM = ["not_operational", "problematic", "maintenance"];

/**
 * What forbids telling RHEV-M that a host is dead; nothing: it may be told. RHEV-M then takes the host's guests for down and
 * lets them start elsewhere, so if one of these is missing they may run twice.
 */
export function fencingObstacles(facts: FencingFacts): readonly string[] {
  const name = printable(facts.host.name);
  return [
    ...(facts.isWanted ? [] : ["RHEVMInfo's UseManualRHEVMFencing is 0"]),
    ...(facts.host.status === NON_RESPONSIVE
      ? []
      : [
          `RHEV-M says that host ${name} is ${printable(facts.host.status ?? "without a status")}, not ${NON_RESPONSIVE}`,
        ]),
    ...witnessObstacles(facts.witness, name),
    ...guestObstacles(facts, name),
    ...spmObstacles(facts, name),
  ];
}

/** Whether the host holds no more what it was to be declared dead for, its guest or the SPM role: somebody else was quicker. */
export function isNeedless({ host, guestId, guestHostId }: FencingFacts): boolean {
  return guestId === undefined ? host.spm === "none" : guestHostId !== host.id;
}

function witnessObstacles(witness: DeathWitness, host: string): readonly string[] {
  switch (witness.kind) {
    case "system":
      return [...systemObstacles(witness), ...fenceObstacles(witness.useFence)];
    case "cluster":
      return clusterObstacles(witness, host);
    case "operator":
      return [];
  }
}

function systemObstacles({
  mapping,
  ownSystem,
  states,
}: Extract<DeathWitness, { kind: "system" }>): readonly string[] {
  if ("unreadable" in states) return [`hasys -state cannot be read: ${states.unreadable}`];
  if (mapping.kind !== "found") return [mapping.reason];
  const { system } = mapping;
  if (system === ownSystem) return [`it is this system, ${system}`];
  const state = states.value.get(system);
  if (state === FAULTED) return [];
  return [`hasys -state says that system ${system} is ${printable(state ?? "not there")}, not ${FAULTED}`];
}

function fenceObstacles(useFence: Told<string>): readonly string[] {
  if ("unreadable" in useFence) return [`haclus -value UseFence cannot be read: ${useFence.unreadable}`];
  if (useFence.value === DISK_FENCING) return [];
  return [
    `the cluster has no disk-based I/O fencing (UseFence is ${printable(useFence.value || "empty")}, not ${DISK_FENCING})`,
  ];
}

function clusterObstacles(
  { cluster, states }: Extract<DeathWitness, { kind: "cluster" }>,
  host: string,
): readonly string[] {
  if (cluster === undefined)
    return [`rhev.clusters does not say to which remote cluster of the engine host ${host} belongs`];
  if ("unreadable" in states) return [`haclus -state cannot be read: ${states.unreadable}`];
  const state = states.value.get(cluster);
  if (state === FAULTED) return [];
  return [`haclus -state says that cluster ${cluster} is ${printable(state ?? "not there")}, not ${FAULTED}`];
}

/** RHEV-M would start guests with its own HA flag elsewhere at once, beside the cluster. */
function guestObstacles(facts: FencingFacts, host: string): readonly string[] {
  const restarted = facts.vms
    .filter(({ isHighlyAvailable }) => isHighlyAvailable)
    .map(({ name }) => printable(name));
  return [
    ...(isListComplete(facts) ? [] : [`RHEV-M does not list all guests of host ${host}`]),
    ...(restarted.length > 0
      ? [
          `RHEV-M itself would restart guests of host ${host} that have its own HA flag: ${restarted.join(", ")}`,
        ]
      : []),
  ];
}

/**
 * The list comes from a search; one that missed what must be there has missed more. RHEV-M's own count says how many there are;
 * an empty list without that count proves nothing.
 */
function isListComplete({ vms, guestId, host }: FencingFacts): boolean {
  if (vms.length < (host.vmCount ?? 0)) return false;
  if (guestId !== undefined) return vms.some(({ id }) => id === guestId);
  return vms.length > 0 || host.vmCount !== undefined;
}

/** Source: ovirt-engine, FenceVdsManualyCommand: what it asks of a host that is the SPM. */
function spmObstacles({ host, hosts, dataCenter }: FencingFacts, name: string): readonly string[] {
  if (host.spm === "none") return [];
  if (host.spm === undefined) return [`RHEV-M does not tell whether host ${name} is the SPM`];
  const heirs = hosts.filter((one) => one.id !== host.id && canBeSpm(one));
  const isFree = letsGoOfSpm(dataCenter);
  const place = `data centre ${printable(dataCenter.name)}`;
  return [
    ...(heirs.length > 0
      ? []
      : [`host ${name} is the SPM and no other host of ${place} is up to take that over`]),
    ...(isFree
      ? []
      : [
          `host ${name} is the SPM and ${place} is ${printable(dataCenter.status ?? "without a status")}, not problematic`,
        ]),
  ];
}

/** Whether a host could take the SPM role now. */
export function canBeSpm({ status, spmPriority }: RhevHost): boolean {
  return status === "up" && (spmPriority === undefined || spmPriority >= 0);
}

/** Whether RHEV-M lets go of an SPM that does not respond, once it is declared dead. */
export function letsGoOfSpm({ status }: DataCenter): boolean {
  return FREES_SPM.includes(status ?? "");
}

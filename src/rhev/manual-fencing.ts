import { AgentError, hasCode, messageOf } from "../agent-error.ts";
import { orAbort, pause, throwIfAborted, withDeadline } from "../deadline.ts";
import type { Engine } from "../engine.ts";
import type { Log } from "../log.ts";
import { printable } from "../tuples.ts";
import {
  type DeathWitness,
  type FencingFacts,
  fencingObstacles,
  isNeedless,
  type Told,
} from "./fencing-rules.ts";
import type { RhevHost } from "./host-document.ts";
import type { RhevmActions } from "./rhevm-actions.ts";
import type { RhevmReads } from "./rhevm-reads.ts";
import { systemOfHost } from "./system-of-host.ts";

/** A session that ends is replaced once. */
const FENCES_AT_MOST = 2;

/** What fencing needs of an engine of RHEV-M. */
export interface FencingManager {
  readonly reads: Pick<RhevmReads, "vm" | "vmsOn" | "hosts" | "clusters" | "dataCenter">;
  readonly actions: Pick<RhevmActions, "fenceHost">;
}

/** What of the configuration matters for fencing. */
export interface FencingSettings {
  /** The name of this system in the cluster. */
  readonly ownSystem: string;
  /** Name, address or id of a system's host in RHEV-M, where the configuration says so. */
  readonly hostOf: (system: string) => string | undefined;
  /** The remote cluster of the engine to which the hosts of a cluster of RHEV-M belong, where the configuration says so. */
  readonly remoteClusterOf: (cluster: string) => string | undefined;
}

export interface FencingParts {
  readonly engine: Pick<Engine, "systemStates" | "clusterStates" | "clusterValue">;
  /** Read at each use, so that a reload takes effect. */
  readonly settings: () => FencingSettings;
  readonly log: Log;
  /** Milliseconds between looks at what was asked for; 1000 when left out. */
  readonly pollMs?: number;
}

/** The guest for which its host shall be fenced. */
export interface HeldGuest {
  readonly name: string;
  /** The VM's id in RHEV-M. */
  readonly vmId: string;
  /** UseManualRHEVMFencing of its resource. */
  readonly isWanted: boolean;
}

/** An SPM's host that shall be taken out. */
export interface DeadSpm {
  readonly hostId: string;
  /** Whether it belongs to this cluster: then its system is the witness, else its cluster. */
  readonly isLocal: boolean;
  readonly isWanted: boolean;
  /** An operator said that this host is dead; counts for hosts of other clusters only. */
  readonly isConfirmed: boolean;
}

/** What is to be fenced, for whom, and who says that it is dead. */
interface Case {
  readonly manager: FencingManager;
  readonly hostId: string;
  readonly isWanted: boolean;
  readonly guestId: string | undefined;
  readonly witness: "system" | "cluster" | "operator";
  readonly fields: object;
}

/** Until RHEV-M shows what the fencing did: it sets the guests down within the call, more or less. */
const FREED_MS = 60_000;

const POLL_MS = 1000;

/**
 * Tells RHEV-M that a host is dead ("Confirm 'Host has been Rebooted'"), where that is proved. Nothing is powered off. One
 * at a time.
 */
export class ManualFencing {
  readonly #parts: FencingParts;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: FencingParts) {
    this.#parts = parts;
  }

  /**
   * Frees a guest from a host that died with it. A guest that no host holds is free already, and nothing is done.
   *
   * @throws {AgentError} REFUSED with each condition that is missing; else what kept it from being read or done
   */
  async freeGuest(manager: FencingManager, guest: HeldGuest, signal: AbortSignal): Promise<void> {
    await this.#inTurn(signal, async () => {
      const { hostId } = await manager.reads.vm(guest.vmId, signal);
      if (hostId === undefined) return;
      const fields = { guest: guest.name };
      const { isWanted, vmId: guestId } = guest;
      const subject = `guest ${guest.name} is held by a host that RHEV-M does not hear`;
      await this.#fence({ manager, hostId, isWanted, guestId, witness: "system", fields }, subject, signal);
      await this.#untilFree(manager, guest, hostId, signal);
    });
  }

  /**
   * Takes the SPM role from a host that died with it. One that has it no more is left alone.
   *
   * @returns true when RHEV-M was told, or may have been
   * @throws {AgentError} as freeGuest
   */
  async isolateSpm(manager: FencingManager, spm: DeadSpm, signal: AbortSignal): Promise<boolean> {
    const { hostId, isLocal, isConfirmed } = spm;
    const isWanted = spm.isWanted || (isConfirmed && !isLocal);
    const remote = isConfirmed ? "operator" : "cluster";
    const one: Omit<Case, "manager"> = {
      hostId,
      isWanted,
      guestId: undefined,
      witness: isLocal ? "system" : remote,
      fields: { purpose: "SPM" },
    };
    return this.#inTurn(signal, () =>
      this.#fence({ manager, ...one }, "the SPM is a host that RHEV-M does not hear", signal),
    );
  }

  /**
   * Decides twice, each time on facts that are read anew: a host may have come back meanwhile, or the daemon of another system
   * may have done it for a guest or a scan of its own.
   *
   * @returns true when RHEV-M was told, or may have been
   */
  async #fence(one: Case, subject: string, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#parts;
    const facts = await this.#permitted(one, subject, signal);
    if (facts === undefined) return false;
    const audit = { audit: "manual fencing", ...one.fields, ...evidenceOf(facts) };
    log.warn(audit, "host is going to be declared dead at RHEV-M");
    try {
      if (!(await this.#send(one, subject, signal))) return false;
    } catch (error) {
      log.warn({ ...audit, reason: messageOf(error) }, "host was not declared dead, or nobody can tell");
      // whether it was done shows in the states, which the caller reads
      if (!hasCode(error, "OUTCOME_UNKNOWN")) throw error;
      return true;
    }
    log.warn(audit, "host was declared dead at RHEV-M");
    return true;
  }

  /**
   * Where the session had ended, nothing was sent, and the host is looked at anew before it is sent after all.
   *
   * @returns false when it was not sent, as it is not needed any more
   */
  async #send(one: Case, subject: string, signal: AbortSignal): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      if ((await this.#permitted(one, subject, signal)) === undefined) return false;
      throwIfAborted(signal);
      try {
        await one.manager.actions.fenceHost(one.hostId, "manual", signal);
        return true;
      } catch (error) {
        if (attempt === FENCES_AT_MOST || !hasCode(error, "PLATFORM_DOWN")) throw error;
      }
    }
  }

  /** @returns the facts that permit it; undefined when it is not needed any more */
  async #permitted(one: Case, subject: string, signal: AbortSignal): Promise<FencingFacts | undefined> {
    const facts = await this.#facts(one, signal);
    if (isNeedless(facts)) {
      const fields = { audit: "manual fencing", ...one.fields, host: printable(facts.host.name) };
      this.#parts.log.info(fields, "host need not be declared dead any more");
      return undefined;
    }
    const obstacles = fencingObstacles(facts);
    if (obstacles.length === 0) return facts;
    throw new AgentError(
      "REFUSED",
      `${subject}, ${printable(facts.host.name)} (${printable(facts.host.status ?? "no status")}), and it is not declared dead: ${obstacles.join("; ")}`,
    );
  }

  /** The host's own status is read last. */
  async #facts(
    { manager, hostId, isWanted, guestId, witness }: Case,
    signal: AbortSignal,
  ): Promise<FencingFacts> {
    const { reads } = manager;
    const clusters = await reads.clusters(signal);
    const before = hostIn(await reads.hosts(signal), hostId);
    const vms = await reads.vmsOn(before, signal);
    const guestHostId = guestId === undefined ? undefined : (await reads.vm(guestId, signal)).hostId;
    const dataCenterId = clusters.find(({ id }) => id === before.clusterId)?.dataCenterId;
    if (dataCenterId === undefined)
      throw new AgentError("PROTOCOL", `RHEV-M names no data centre for host ${printable(before.name)}`);
    const dataCenter = await reads.dataCenter(dataCenterId, signal);
    const read = await this.#engineFacts(witness, signal);
    const all = await reads.hosts(signal);
    const host = hostIn(all, hostId);
    const near = new Set(clusters.filter((one) => one.dataCenterId === dataCenterId).map(({ id }) => id));
    const hosts = all.filter(({ clusterId }) => clusterId !== undefined && near.has(clusterId));
    const clusterName = clusters.find(({ id }) => id === host.clusterId)?.name;
    const death = read(host, all, clusterName);
    return { isWanted, host, witness: death, vms, guestId, guestHostId, dataCenter, hosts };
  }

  /** Asks the cluster's engine, and returns how its answer applies to a host. */
  async #engineFacts(
    witness: Case["witness"],
    signal: AbortSignal,
  ): Promise<(host: RhevHost, hosts: readonly RhevHost[], cluster: string | undefined) => DeathWitness> {
    const { engine, settings } = this.#parts;
    const { ownSystem, hostOf, remoteClusterOf } = settings();
    switch (witness) {
      case "system": {
        const states = await told(engine.systemStates(signal));
        const useFence = await told(engine.clusterValue("UseFence", signal));
        const systems = "value" in states ? [...states.value.keys()] : [];
        return (host, hosts) => {
          const mapping = systemOfHost(host, hosts, { systems, hostOf });
          return { kind: "system", mapping, ownSystem, states, useFence };
        };
      }
      case "cluster": {
        const states = await told(engine.clusterStates(signal));
        return (_host, _hosts, name) => {
          const cluster = name === undefined ? undefined : remoteClusterOf(name);
          return { kind: "cluster", cluster, states };
        };
      }
      case "operator":
        return () => ({ kind: "operator" });
    }
  }

  /** RHEV-M has to show the guest without that host before it can be started elsewhere. */
  async #untilFree(
    { reads }: FencingManager,
    { name, vmId }: HeldGuest,
    hostId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const what = `RHEV-M to free guest ${name} from its fenced host`;
    await withDeadline(FREED_MS, what, [signal], async (limit) => {
      while ((await reads.vm(vmId, limit)).hostId === hostId) {
        await pause(this.#parts.pollMs ?? POLL_MS, limit);
        throwIfAborted(limit);
      }
    });
  }

  /** Two guests of one dead host: the second finds itself free when its turn comes. */
  async #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const mine = orAbort(before, signal).then(work);
    this.#last = Promise.allSettled([before, mine]);
    return mine;
  }
}

function hostIn(hosts: readonly RhevHost[], hostId: string): RhevHost {
  const host = hosts.find(({ id }) => id === hostId);
  if (host !== undefined) return host;
  throw new AgentError("PROTOCOL", "RHEV-M names a host that is not among its hosts");
}

async function told<T>(question: Promise<T>): Promise<Told<T>> {
  try {
    return { value: await question };
  } catch (error) {
    if (error instanceof AgentError) return { unreadable: error.message };
    throw error;
  }
}

/** What an auditor wants to know afterwards. */
function evidenceOf({ host, witness, vms, dataCenter }: FencingFacts): object {
  return {
    host: printable(host.name),
    hostStatus: host.status,
    witness: witness.kind,
    ...saidBy(witness),
    guests: vms.map(({ name }) => printable(name)),
    spm: host.spm,
    dataCenterStatus: dataCenter.status,
  };
}

function saidBy(witness: DeathWitness): object {
  switch (witness.kind) {
    case "system": {
      const { mapping, states, useFence } = witness;
      const system = mapping.kind === "found" ? mapping.system : "";
      const systemState = "value" in states ? states.value.get(system) : undefined;
      return { system, systemState, useFence: "value" in useFence ? useFence.value : undefined };
    }
    case "cluster": {
      const { cluster = "", states } = witness;
      return { cluster, clusterState: "value" in states ? states.value.get(cluster) : undefined };
    }
    case "operator":
      return {};
  }
}

import { AgentError, hasCode, messageOf } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import { orAbort, pause, throwIfAborted, withDeadline } from "../deadline.ts";
import type { DevScanner, DevScanTask, HostDebt, OwedHost, Restored } from "../dev-scan.ts";
import type { Log } from "../log.ts";
import { printable } from "../tuples.ts";
import { changeDevices, type DeviceCommand } from "./device-command.ts";
import { canBeSpm } from "./fencing-rules.ts";
import type { RhevHost } from "./host-document.ts";
import type { DataCenter } from "./inventory-documents.ts";
import type { FencingManager, ManualFencing } from "./manual-fencing.ts";
import { restoreHosts } from "./restore-hosts.ts";
import type { RhevmActions } from "./rhevm-actions.ts";
import { nextSpmStep, type SpmFacts, type SpmStep } from "./spm-plan.ts";

/** What a scan needs of an engine of RHEV-M. */
export interface ScanManager extends FencingManager {
  readonly actions: FencingManager["actions"] & Pick<RhevmActions, "activateHost" | "deactivateHost">;
}

/** What of the configuration matters for a scan. */
export interface ScanSettings {
  /** undefined: there are no devices to change. */
  readonly deviceCommand: DeviceCommand | undefined;
  /** How long the SPM role may take to come. */
  readonly spmWaitMs: number;
  readonly movesGuests: boolean;
}

export interface ScannerParts {
  /**
   * The engine that a URL and a user name.
   *
   * @throws {AgentError} it is not known yet, or they cannot be right
   */
  readonly manager: (access: Pick<HostDebt, "url" | "user">) => ScanManager;
  readonly fencing: Pick<ManualFencing, "isolateSpm">;
  /** Read at each use, so that a reload takes effect. */
  readonly settings: () => ScanSettings;
  readonly log: Log;
  /** Milliseconds between looks at the hosts; 2000 when left out. */
  readonly pollMs?: number;
}

/** Where a scan works. */
interface Place {
  readonly manager: ScanManager;
  readonly localClusterId: string;
  readonly dataCenter: DataCenter;
  /** Clusters of the data centre. */
  readonly clusterIds: ReadonlySet<string>;
}

const POLL_MS = 2000;

/** The scan over RHEV-M. */
export class SpmScanner implements DevScanner {
  readonly #parts: ScannerParts;
  /** Data centres in which a scan runs. */
  readonly #busy = new Set<string>();

  constructor(parts: ScannerParts) {
    this.#parts = parts;
  }

  async scan(task: DevScanTask, signal: AbortSignal): Promise<string> {
    await this.#changeDevices(task, signal);
    task.report("SPM", "RHEV-M is asked for the hosts");
    return this.#bringSpm(task, signal);
  }

  async restore(debt: HostDebt, signal: AbortSignal): Promise<Restored> {
    return restoreHosts(this.#parts.manager(debt), debt.hosts, this.#parts.log, signal);
  }

  async #changeDevices({ resource, report }: DevScanTask, signal: AbortSignal): Promise<void> {
    const { deviceCommand } = this.#parts.settings();
    if (deviceCommand === undefined) return;
    report("devices", "the device command runs");
    await changeDevices(deviceCommand, signal);
    this.#parts.log.info({ resource }, "device command of the scan ended well");
  }

  async #place({ rhevmInfo }: Attributes, signal: AbortSignal): Promise<Place> {
    const { url, user, cluster: wanted } = accessOf(rhevmInfo);
    const manager = this.#parts.manager({ url, user });
    const clusters = await manager.reads.clusters(signal);
    const [cluster, second] = clusters.filter(({ name }) => name === wanted);
    const name = printable(wanted);
    if (cluster === undefined || second !== undefined)
      throw new AgentError(
        "BAD_ATTRIBUTE",
        `RHEVMInfo Cluster: RHEV-M has ${second === undefined ? "no cluster" : "several clusters"} ${name}`,
      );
    if (cluster.dataCenterId === undefined)
      throw new AgentError("REFUSED", `RHEV-M's cluster ${name} is in no data centre`);
    const dataCenter = await manager.reads.dataCenter(cluster.dataCenterId, signal);
    const near = clusters.filter(({ dataCenterId }) => dataCenterId === dataCenter.id);
    return { manager, localClusterId: cluster.id, dataCenter, clusterIds: new Set(near.map(({ id }) => id)) };
  }

  /** Until the role is where it belongs, or cannot come. An engine that is away for a moment is asked again. */
  async #bringSpm(task: DevScanTask, signal: AbortSignal): Promise<string> {
    const { spmWaitMs } = this.#parts.settings();
    const state: ScanState = {
      sent: new Set(),
      refused: new Set(),
      isolated: new Set(),
      owed: new Map(),
      waitedFor: "",
    };
    for (const host of task.owed) state.owed.set(host.id, host);
    return withDeadline(spmWaitMs, "the scan", [signal], async (limit) => {
      try {
        for (;;) {
          throwIfAborted(limit);
          const words = await this.#attempt(task, state, limit);
          if (words !== undefined) return words;
        }
      } catch (error) {
        if (!limit.aborted || signal.aborted) throw error;
        const seconds = Math.round(spmWaitMs / 1000);
        throw new AgentError(
          "TIMED_OUT",
          `the SPM role did not come within ${seconds} s: ${state.waitedFor}`,
        );
      } finally {
        if (state.place !== undefined) this.#busy.delete(state.place.dataCenter.id);
      }
    });
  }

  async #attempt(task: DevScanTask, state: ScanState, signal: AbortSignal): Promise<string | undefined> {
    try {
      state.place ??= this.#claim(await this.#place(task.attributes, signal));
      // a reload may have replaced the connection
      const manager = this.#parts.manager(accessOf(task.attributes.rhevmInfo));
      return await this.#step(task, { ...state.place, manager }, state, signal);
    } catch (error) {
      if (signal.aborted || !hasCode(error, "PLATFORM_DOWN", "TIMED_OUT", "OUTCOME_UNKNOWN")) throw error;
      await this.#wait(task, state, error.message, signal);
      return undefined;
    }
  }

  /** One scan at a time in a data centre. */
  #claim(place: Place): Place {
    const { id, name } = place.dataCenter;
    if (this.#busy.has(id))
      throw new AgentError(
        "REFUSED",
        `another scan runs in data centre ${printable(name)}: call again later`,
      );
    this.#busy.add(id);
    return place;
  }

  async #step(
    task: DevScanTask,
    place: Place,
    state: ScanState,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const step = nextSpmStep(await this.#facts(place, state, signal));
    switch (step.kind) {
      case "done":
        return `the SPM of data centre ${printable(place.dataCenter.name)} is host ${printable(step.host.name)} of the local cluster`;
      case "impossible":
        throw new AgentError("REFUSED", step.reason);
      case "isolate":
        if (await this.#isolate(task, place, step, signal)) state.isolated.add(step.host.id);
        return undefined;
      case "deactivate":
        await this.#deactivate(task, place, state, step.host, signal);
        return undefined;
      case "wait":
        await this.#wait(task, state, step.reason, signal);
        return undefined;
    }
  }

  async #wait(task: DevScanTask, state: ScanState, reason: string, signal: AbortSignal): Promise<void> {
    state.waitedFor = reason;
    task.report("SPM", `waits: ${reason}`);
    await pause(this.#parts.pollMs ?? POLL_MS, signal);
  }

  async #facts(place: Place, { sent, isolated }: ScanState, signal: AbortSignal): Promise<SpmFacts> {
    const { manager, localClusterId, clusterIds } = place;
    const { movesGuests } = this.#parts.settings();
    const dataCenter = await manager.reads.dataCenter(place.dataCenter.id, signal);
    const all = await manager.reads.hosts(signal);
    const hosts = all.filter(({ clusterId }) => clusterId !== undefined && clusterIds.has(clusterId));
    const guestsOn = new Map<string, readonly string[]>();
    const rivals = hosts.filter((host) => host.clusterId !== localClusterId && canBeSpm(host));
    for (const host of movesGuests ? [] : rivals) {
      const names = (await manager.reads.vmsOn(host, signal)).map(({ name }) => name);
      // the list comes from a search, the number from the host
      const isMissed = names.length === 0 && (host.vmCount ?? 0) > 0;
      guestsOn.set(host.id, isMissed ? [`${host.vmCount ?? 0} that RHEV-M does not list`] : names);
    }
    return { localClusterId, dataCenter, hosts, guestsOn, movesGuests, isolated, sent };
  }

  async #isolate(
    { attributes, confirmedDead, report }: DevScanTask,
    { manager }: Place,
    { host, isLocal }: Extract<SpmStep, { kind: "isolate" }>,
    signal: AbortSignal,
  ): Promise<boolean> {
    report("SPM", `host ${printable(host.name)}, the SPM, is dead and is isolated`);
    const isWanted = attributes.rhevmInfo.useManualRhevmFencing;
    const isConfirmed = confirmedDead === host.name;
    const spm = { hostId: host.id, isLocal, isWanted, isConfirmed };
    return this.#parts.fencing.isolateSpm(manager, spm, signal);
  }

  /** On disk before it is asked for: whatever becomes of this process, the host is activated again. */
  async #deactivate(
    { resource, keep, report }: DevScanTask,
    { manager }: Place,
    { owed, sent, refused }: ScanState,
    { id, name }: RhevHost,
    signal: AbortSignal,
  ): Promise<void> {
    const { log } = this.#parts;
    report("SPM", `host ${printable(name)} is sent to maintenance`);
    const before = owed.get(id);
    owed.set(id, { id, name, isOut: false });
    await orAbort(keep([...owed.values()]), signal);
    const fields = { audit: "DevScan", resource, host: printable(name) };
    log.warn(fields, "host is going to be sent to maintenance, it is activated again after the scan");
    sent.add(id);
    try {
      await manager.actions.deactivateHost(id, "DevScan brings the SPM to another cluster", signal);
    } catch (error) {
      log.warn(
        { ...fields, reason: messageOf(error) },
        "host was not sent to maintenance, or nobody can tell",
      );
      sent.delete(id); // it is looked at before it may be asked again
      if (!hasCode(error, "REFUSED", "NOT_ALLOWED")) throw error;
      // it was not this scan that did it, so it is not this scan that undoes it
      if (before === undefined) owed.delete(id);
      else owed.set(id, before);
      await keep([...owed.values()]);
      const now = (await manager.reads.hosts(signal)).find((one) => one.id === id);
      if (now?.status !== "up") return;
      // the scan of another system may have had it in maintenance, and have ended just now
      if (refused.has(id)) throw error;
      refused.add(id);
    }
  }
}

/** What a scan has done so far. */
interface ScanState {
  place?: Place;
  readonly sent: Set<string>;
  /** Hosts that are up, and that RHEV-M has refused to send to maintenance. */
  readonly refused: Set<string>;
  readonly isolated: Set<string>;
  readonly owed: Map<string, OwedHost>;
  waitedFor: string;
}

function accessOf({ url, user, cluster }: Attributes["rhevmInfo"]): {
  readonly url: string;
  readonly user: string;
  readonly cluster: string;
} {
  if (url === undefined || user === undefined || cluster === undefined)
    throw new AgentError("BAD_ATTRIBUTE", "RHEVMInfo: URL, User and Cluster have to be set for DevScan");
  return { url, user, cluster };
}

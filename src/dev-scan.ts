import type { Attributes } from "./attributes.ts";

/** Where a scan is: first the devices, then the SPM role. */
export type DevScanPhase = "devices" | "SPM";

/** A host that a scan has sent to maintenance, or was about to. */
export interface OwedHost {
  readonly id: string;
  readonly name: string;
  /** It was seen out of maintenance once; a second time, and nothing is owed any more. */
  readonly isOut: boolean;
}

/** Hosts that have to be activated again, and the engine of RHEV-M that has them. */
export interface HostDebt {
  readonly url: string;
  readonly user: string;
  /** As RHEVMInfo names it. */
  readonly cluster: string;
  /** When the first of them was sent to maintenance, ISO 8601. */
  readonly since: string;
  readonly hosts: readonly OwedHost[];
}

/** One scan. */
export interface DevScanTask {
  readonly resource: string;
  readonly attributes: Attributes;
  /** A host of another cluster that an operator has declared dead: its name in RHEV-M. */
  readonly confirmedDead: string | undefined;
  /** Hosts that an earlier scan still owes; the next one owes them too. */
  readonly owed: readonly OwedHost[];
  /** Hears each step, in words for the operator. */
  readonly report: (phase: DevScanPhase, step: string) => void;
  /** Is awaited before a host is sent to maintenance, with all that is owed then. */
  readonly keep: (hosts: readonly OwedHost[]) => Promise<void>;
}

/** Brings the SPM role of a data centre to a healthy host of the local cluster. */
export interface DevScanner {
  /**
   * Scans once. Hosts that it sends to maintenance stay there: `restore` brings them back.
   *
   * @returns how it ended, in words
   * @throws {AgentError} what keeps the devices from being changed or the role from coming
   */
  scan(task: DevScanTask, signal: AbortSignal): Promise<string>;

  /**
   * One attempt to activate owed hosts, for those that need it.
   *
   * @returns what is still owed, and what the engine refused; nothing is owed once all were seen out of maintenance twice
   * @throws {AgentError} the engine cannot be reached, or RHEVMInfo's password is not known yet
   */
  restore(debt: HostDebt, signal: AbortSignal): Promise<Restored>;
}

export interface Restored {
  readonly owed: readonly OwedHost[];
  readonly refusals: readonly string[];
}

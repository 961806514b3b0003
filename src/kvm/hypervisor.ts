import type { TypedParam } from "../libvirt/structures.ts";

/** A domain as libvirt names it; id is -1 while it is inactive. */
export interface DomainRef {
  readonly name: string;
  readonly uuid: string;
  readonly id: number;
}

/** libvirt's own state and reason, by number. */
export interface DomainStateCode {
  readonly state: number;
  readonly reason: number;
}

/** One life-cycle event: what, and in which way, by libvirt's numbers. */
export interface DomainLifecycle {
  readonly domain: DomainRef;
  readonly event: number;
  readonly detail: number;
}

/** Options of a call: the caller's signal, and a limit of its own. */
export interface Limits {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** One domain's figures of a bulk read. */
export interface DomainFigures {
  readonly domain: DomainRef;
  readonly params: ReadonlyMap<string, unknown>;
}

/** What a connection publishes that this platform listens to. */
export interface HypervisorEvents {
  close: [reason: { readonly kind: string; readonly message: string }];
  lifecycle: [event: DomainLifecycle];
  reboot: [event: { readonly domain: DomainRef }];
}

/** The part of an event emitter that this platform uses. */
interface HypervisorEmitter {
  on<Name extends keyof HypervisorEvents>(
    name: Name,
    listener: (...args: HypervisorEvents[Name]) => void,
  ): unknown;
  off<Name extends keyof HypervisorEvents>(
    name: Name,
    listener: (...args: HypervisorEvents[Name]) => void,
  ): unknown;
}

/**
 * The libvirt calls that this platform uses, and no more: the binding's Connection has them all, and a fake for
 * unit tests is a page.
 */
export interface Hypervisor {
  readonly events: HypervisorEmitter;
  readonly closed: boolean;
  /** Calls without a reply yet, given-up ones included. */
  readonly inFlight: number;
  close(): Promise<void>;
  registerEvent(eventId: number, options?: Limits): Promise<number>;
  lookupByName(name: string, options?: Limits): Promise<DomainRef>;
  lookupByUuid(uuid: string, options?: Limits): Promise<DomainRef>;
  getState(uuid: string, options?: Limits): Promise<DomainStateCode>;
  getControlInfo(
    uuid: string,
    options?: Limits,
  ): Promise<{ readonly state: number; readonly details: number; readonly stateTimeMs: number }>;
  getAllDomainStats(
    query: { readonly stats: number; readonly flags: number },
    options?: Limits,
  ): Promise<readonly DomainFigures[]>;
  getJobStats(
    uuid: string,
    flags: number,
    options?: Limits,
  ): Promise<{ readonly type: number; readonly params: ReadonlyMap<string, unknown> }>;
  migratePerform3Params(
    uuid: string,
    migration: {
      readonly destinationUri: string;
      readonly params: readonly TypedParam[];
      readonly flags: number;
    },
    options?: Limits,
  ): Promise<unknown>;
  migrateSetMaxDowntime(uuid: string, downtimeMs: number, options?: Limits): Promise<void>;
  migrateStartPostCopy(uuid: string, options?: Limits): Promise<void>;
  abortJob(uuid: string, options?: Limits): Promise<void>;
  getXml(uuid: string, flags: number, options?: Limits): Promise<string>;
  hasManagedSave(uuid: string, options?: Limits): Promise<boolean>;
  attachDevice(uuid: string, xml: string, flags: number, options?: Limits): Promise<void>;
  detachDevice(uuid: string, xml: string, flags: number, options?: Limits): Promise<void>;
  updateDevice(uuid: string, xml: string, flags: number, options?: Limits): Promise<void>;
  create(uuid: string, flags: number, options?: Limits): Promise<DomainRef>;
  defineXml(xml: string, flags: number, options?: Limits): Promise<DomainRef>;
  destroy(uuid: string, flags: number, options?: Limits): Promise<void>;
  shutdown(uuid: string, flags: number, options?: Limits): Promise<void>;
  suspend(uuid: string, options?: Limits): Promise<void>;
  resume(uuid: string, options?: Limits): Promise<void>;
  pmWakeup(uuid: string, options?: Limits): Promise<void>;
  agentCommand(
    uuid: string,
    command: { readonly command: string; readonly timeoutS: number },
    options?: Limits,
  ): Promise<string | null>;
  getAutostart(uuid: string, options?: Limits): Promise<boolean>;
  setAutostart(uuid: string, autostart: boolean, options?: Limits): Promise<void>;
}

import type { Procedure } from "./procedure.ts";
import { type DomainStats, type DomainStatsQuery, HOST_PROCEDURES } from "./procedures-host.ts";
import type { Domain } from "./structures.ts";

/** The last argument of every call. */
export type CallOptions = {
  /** Aborting it rejects the call at once with `cancelled`; libvirtd still works on it. */
  signal?: AbortSignal;
  /** Milliseconds until the call is rejected with `timed out`; default: the connection's `callTimeoutMs`. */
  timeoutMs?: number;
};

/** The calls about the connection and its host. */
export abstract class HostCalls {
  /**
   * Makes one call, by its row in a table of procedures. All methods below are this with a row filled in.
   *
   * @throws {LibvirtError} libvirt says no
   * @throws {LibvirtCallError} there is no answer; `kind` says why
   */
  abstract call<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options?: CallOptions,
  ): Promise<Result>;

  /** The driver's name, for instance `QEMU`. */
  getType(options?: CallOptions): Promise<string> {
    return this.call(HOST_PROCEDURES.getType, undefined, options);
  }

  /** The hypervisor's version as major * 1,000,000 + minor * 1,000 + micro. */
  getVersion(options?: CallOptions): Promise<number> {
    return this.call(HOST_PROCEDURES.getVersion, undefined, options);
  }

  /** libvirtd's version as major * 1,000,000 + minor * 1,000 + micro. */
  getLibVersion(options?: CallOptions): Promise<number> {
    return this.call(HOST_PROCEDURES.getLibVersion, undefined, options);
  }

  /** The host's capabilities as XML. */
  getCapabilities(options?: CallOptions): Promise<string> {
    return this.call(HOST_PROCEDURES.getCapabilities, undefined, options);
  }

  /** The host's name as libvirtd sees it. */
  getHostname(options?: CallOptions): Promise<string> {
    return this.call(HOST_PROCEDURES.getHostname, undefined, options);
  }

  /** The URI libvirtd opened for us. */
  getUri(options?: CallOptions): Promise<string> {
    return this.call(HOST_PROCEDURES.getUri, undefined, options);
  }

  /** Whether the driver has a feature: see FEATURE. */
  supportsFeature(feature: number, options?: CallOptions): Promise<boolean> {
    return this.call(HOST_PROCEDURES.supportsFeature, feature, options);
  }

  /** How a CPU, as XML of a host's or of a guest's, compares with this host's own: see CPU_COMPARE. */
  compareCpu(xml: string, options?: CallOptions): Promise<number> {
    return this.call(HOST_PROCEDURES.compareCpu, { xml, flags: 0 }, options);
  }

  /** All domains that match LIST_DOMAINS flags; 0: all. */
  listAllDomains(flags: number, options?: CallOptions): Promise<Domain[]> {
    return this.call(HOST_PROCEDURES.listAllDomains, { flags }, options);
  }

  /** Statistics of many domains in one call; with STATS.STATE and GET_ALL_STATS.NOWAIT it never waits for a guest. */
  getAllDomainStats(query: DomainStatsQuery, options?: CallOptions): Promise<DomainStats[]> {
    return this.call(HOST_PROCEDURES.getAllDomainStats, query, options);
  }

  /**
   * Asks for events of a kind (EVENT_ID), of all domains or of one. Registering a kind twice delivers it twice.
   *
   * @returns the number for {@link HostCalls.deregisterEvent}
   */
  registerEvent(eventId: number, options?: CallOptions & { uuid?: string }): Promise<number> {
    return this.call(HOST_PROCEDURES.registerEvent, { eventId, uuid: options?.uuid ?? null }, options);
  }

  /** Ends a registration; events that are under way may still come. */
  deregisterEvent(callbackId: number, options?: CallOptions): Promise<void> {
    return this.call(HOST_PROCEDURES.deregisterEvent, callbackId, options);
  }
}

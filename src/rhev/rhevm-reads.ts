import type { XmlElement } from "../xml.ts";
import { eventsOf, type RhevEvent } from "./event-document.ts";
import { hostOf, hostsOf, type RhevHost } from "./host-document.ts";
import {
  clusterOf,
  clustersOf,
  type DataCenter,
  dataCenterOf,
  dataCentersOf,
  type RhevCluster,
  type StorageDomain,
  storageDomainsOf,
} from "./inventory-documents.ts";
import { hostQuery, listPath, nameQueries } from "./search.ts";
import type { Question, RhevmSession } from "./session.ts";
import { type Vm, vmOf, vmsOf } from "./vm-document.ts";
import { type VmPayload, vmPayloadOf } from "./vm-payload-document.ts";

/** Events in one answer; older ones are skipped, as states are read anyway. */
const EVENTS_AT_MOST = 500;

/** All that the agent asks of an engine. Errors are those of RhevmSession.read. */
export class RhevmReads {
  readonly #session: RhevmSession;

  constructor(session: RhevmSession) {
    this.#session = session;
  }

  /**
   * The VMs of exactly these names, whatever their number, with one request for every 50. A name may occur several times,
   * in several data centres, or not at all.
   */
  async vmsNamed(names: readonly string[], signal: AbortSignal): Promise<readonly Vm[]> {
    const wanted = new Set(names);
    const found = new Map<string, Vm>();
    for (const search of nameQueries(names)) {
      const vms = await this.#list("/vms", vmsOf, { search }, signal);
      // a VM that two queries find is kept as it was read last
      for (const vm of vms) if (wanted.has(vm.name)) found.set(vm.id, vm);
    }
    return [...found.values()];
  }

  /** @throws {AgentError} GUEST_NOT_FOUND too */
  async vm(id: string, signal: AbortSignal): Promise<Vm> {
    return this.#one(`/vms/${id}`, vmOf, "GUEST_NOT_FOUND", signal);
  }

  /** @throws {AgentError} GUEST_NOT_FOUND too */
  async vmPayload(id: string, signal: AbortSignal): Promise<VmPayload> {
    return this.#one(`/vms/${id}`, vmPayloadOf, "GUEST_NOT_FOUND", signal);
  }

  /** The VMs that the engine has on a host, in whatever state. */
  async vmsOn({ id, name }: Pick<RhevHost, "id" | "name">, signal: AbortSignal): Promise<readonly Vm[]> {
    const vms = await this.#list("/vms", vmsOf, { search: hostQuery(name) }, signal);
    return vms.filter(({ hostId }) => hostId === id);
  }

  /** All hosts of the engine. */
  async hosts(signal: AbortSignal): Promise<readonly RhevHost[]> {
    return this.#list("/hosts", hostsOf, {}, signal);
  }

  /** @throws {AgentError} REFUSED when the engine does not know it */
  async host(id: string, signal: AbortSignal): Promise<RhevHost> {
    return this.#one(`/hosts/${id}`, hostOf, "REFUSED", signal);
  }

  async clusters(signal: AbortSignal): Promise<readonly RhevCluster[]> {
    return this.#list("/clusters", clustersOf, {}, signal);
  }

  /** @throws {AgentError} REFUSED when the engine does not know it */
  async cluster(id: string, signal: AbortSignal): Promise<RhevCluster> {
    return this.#one(`/clusters/${id}`, clusterOf, "REFUSED", signal);
  }

  async dataCenters(signal: AbortSignal): Promise<readonly DataCenter[]> {
    return this.#list("/datacenters", dataCentersOf, {}, signal);
  }

  /** @throws {AgentError} REFUSED when the engine does not know it */
  async dataCenter(id: string, signal: AbortSignal): Promise<DataCenter> {
    return this.#one(`/datacenters/${id}`, dataCenterOf, "REFUSED", signal);
  }

  /** The storage domains of a data centre, with their status there. */
  async storageDomains(dataCenterId: string, signal: AbortSignal): Promise<readonly StorageDomain[]> {
    return this.#list(`/datacenters/${dataCenterId}/storagedomains`, storageDomainsOf, {}, signal);
  }

  /** Events after that one, newest first; the newest 500 if there are more. */
  async eventsAfter(id: number, signal: AbortSignal): Promise<readonly RhevEvent[]> {
    return this.#list("/events", eventsOf, { from: id, max: EVENTS_AT_MOST }, signal);
  }

  /** The id of the newest event; 0 when there is none. */
  async newestEvent(signal: AbortSignal): Promise<number> {
    const events = await this.#list("/events", eventsOf, { max: 1 }, signal);
    return Math.max(0, ...events.map(({ id }) => id));
  }

  async #list<T>(
    path: string,
    read: (root: XmlElement, source: string) => readonly T[],
    query: Parameters<typeof listPath>[2],
    signal: AbortSignal,
  ): Promise<readonly T[]> {
    const { version, root } = await this.#session.entry(signal);
    const answer = await this.#session.read({ path: listPath(path, version, query) }, signal);
    return read(answer, `${root}${path}`);
  }

  async #one<T>(
    path: string,
    read: (element: XmlElement, source: string) => T,
    notFound: NonNullable<Question["notFound"]>,
    signal: AbortSignal,
  ): Promise<T> {
    return read(await this.#session.read({ path, notFound }, signal), path);
  }
}

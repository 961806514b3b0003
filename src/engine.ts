import type { LastOnline } from "./saved-memory.ts";

/** What the agent asks of the cluster engine outside the entry points. */
export interface Engine {
  /**
   * Asks the engine to run monitor for a resource on this system soon.
   *
   * @throws {AgentError} PLATFORM_DOWN when the engine does not answer, REFUSED when it says no
   */
  probe(resource: string, signal: AbortSignal): Promise<void>;

  /**
   * The other systems on which the engine has a resource ONLINE now, whatever flag stands beside it.
   *
   * @throws {AgentError} PLATFORM_DOWN, REFUSED or PROTOCOL
   */
  onlineElsewhere(resource: string, signal: AbortSignal): Promise<readonly string[]>;

  /**
   * The present value of an attribute, as the engine prints it: one line, keys and values separated by blanks.
   *
   * @throws {AgentError} PLATFORM_DOWN or REFUSED
   */
  value(resource: string, attribute: string, signal: AbortSignal): Promise<string>;

  /**
   * Where the resource was ONLINE last, by the engine's own book-keeping.
   *
   * @throws {AgentError} PLATFORM_DOWN or REFUSED
   */
  lastOnline(resource: string, signal: AbortSignal): Promise<LastOnline>;

  /**
   * Sets a scalar attribute for this system alone; the attribute has to be a local one, and the configuration writable.
   *
   * @throws {AgentError} PLATFORM_DOWN or REFUSED
   */
  modifyHere(resource: string, attribute: string, value: string, signal: AbortSignal): Promise<void>;

  /**
   * The states of all systems of this cluster, by name, in the engine's words: RUNNING; FAULTED for one that left without
   * saying so; EXITED for one whose engine was stopped, on which everything may run on.
   *
   * @throws {AgentError} PLATFORM_DOWN, REFUSED or PROTOCOL
   */
  systemStates(signal: AbortSignal): Promise<ReadonlyMap<string, string>>;

  /**
   * The states of this cluster and of the remote ones, by name, in the engine's words: RUNNING, FAULTED, LOST_CONN, ...
   *
   * @throws {AgentError} PLATFORM_DOWN, REFUSED or PROTOCOL
   */
  clusterStates(signal: AbortSignal): Promise<ReadonlyMap<string, string>>;

  /**
   * An attribute of this cluster, as the engine prints it.
   *
   * @throws {AgentError} PLATFORM_DOWN or REFUSED
   */
  clusterValue(attribute: string, signal: AbortSignal): Promise<string>;
}

import { EventEmitter } from "node:events";

/** What a system of the cluster can be asked by another one's `hares`. */
export interface ClusterMember {
  /** Asks for a monitor; returns at once. */
  requestProbe(resource: string): void;
  /** Runs an action and waits for its end. */
  action(resource: string, token: string, args: readonly string[]): Promise<ActionResult>;
  /** Takes over a changed value, and tells the agent when the type wants it told. */
  modify(resource: string, attribute: string, values: readonly string[]): void;
  /** What this system has as the value of an attribute, word by word; undefined when there is no such attribute. */
  value(resource: string, attribute: string): readonly string[] | undefined;
  /** Whether each system has its own value. */
  isLocal(resource: string, attribute: string): boolean;
  /** Gives this system a value of its own, the one it has now. */
  makeLocal(resource: string, attribute: string): void;
  /** Brings a resource online; returns at once. */
  requestOnline(resource: string): void;
  /** A migration towards this system began: look at the interval of an ONLINE resource for a while. */
  awaitArrival(resource: string): void;
}

/** How an action ended. `output` holds at most 2048 bytes. */
export interface ActionResult {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * What all systems of one cluster know of each other: the state of each resource on each system. Stand-ins of
 * several hosts in one process share one; a test may also set the state of a system that runs no stand-in.
 */
export class ClusterStates {
  /** Tells of each state that was set, also of the same one again, before whoever set it goes on. */
  readonly events = new EventEmitter<{ state: [system: string, resource: string, state: string] }>();
  /** States of systems that are not RUNNING, as FAULTED, whether or not a stand-in runs for them. */
  readonly systemStates = new Map<string, string>();
  /** States of this cluster and remote ones, as `haclus -state` tells them. */
  readonly clusterStates = new Map<string, string>();
  /** Attributes of this cluster, as UseFence. */
  readonly clusterValues = new Map<string, string>();
  readonly #states = new Map<string, Map<string, string>>();
  readonly #members = new Map<string, ClusterMember>();
  readonly #lastOnline = new Map<string, string>();

  join(system: string, member: ClusterMember): void {
    this.#members.set(system, member);
  }

  /** The system left: it can be asked nothing, and its states are forgotten. */
  leave(system: string): void {
    this.#members.delete(system);
    this.#states.delete(system);
  }

  member(system: string): ClusterMember | undefined {
    return this.#members.get(system);
  }

  members(): ReadonlyMap<string, ClusterMember> {
    return this.#members;
  }

  /** Sets the state in the words of `hares -state`, as `ONLINE|STATE UNKNOWN`. */
  set(system: string, resource: string, state: string): void {
    const states = this.#states.get(system) ?? new Map<string, string>();
    if (isOnline(state) && !isOnline(states.get(resource))) this.#lastOnline.set(resource, system);
    states.set(resource, state);
    this.#states.set(system, states);
    this.events.emit("state", system, resource, state);
  }

  /** The system on which a resource became ONLINE last; empty before the first time. */
  lastOnline(resource: string): string {
    return this.#lastOnline.get(resource) ?? "";
  }

  get(system: string, resource: string): string | undefined {
    return this.#states.get(system)?.get(resource);
  }

  /** `[system, state]` of one resource, by the name of the system. */
  of(resource: string): [system: string, state: string][] {
    const found: [string, string][] = [];
    for (const [system, states] of this.#states) {
      const state = states.get(resource);
      if (state !== undefined) found.push([system, state]);
    }
    return found.toSorted(([one], [other]) => (one < other ? -1 : 1));
  }

  /** The systems other than this one where the resource is ONLINE, whatever flag stands beside it. */
  onlineElsewhere(system: string, resource: string): string[] {
    return this.of(resource)
      .filter(([other, state]) => other !== system && isOnline(state))
      .map(([other]) => other);
  }
}

function isOnline(state: string | undefined): boolean {
  return state?.split("|").includes("ONLINE") === true;
}

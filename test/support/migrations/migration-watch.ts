import type { ClusterStates } from "../engine/cluster-states.ts";
import type { EngineEvent, EngineLog } from "../engine/engine-log.ts";

/** What an engine does against a fault, and nobody wants to see in a migration. */
const AGAINST_FAULTS: readonly EngineEvent[] = ["clean", "restart", "online retry", "faulted"];

/** What the engines of a cluster hold of one resource, from the moment this is made, at every change. */
export class MigrationWatch {
  readonly #states: ClusterStates;
  readonly #resource: string;
  readonly #logs: ReadonlyMap<string, { readonly log: EngineLog; readonly from: number }>;
  /** When each system was last told ONLINE or something else, by `performance.now()`. */
  readonly #changedAt = new Map<string, number>();
  readonly #wasOnline = new Map<string, boolean>();
  readonly #listener: (system: string, resource: string) => void;
  #isTwice = false;
  #twice = 0;

  /** @param logs of the engines, by system */
  constructor(states: ClusterStates, logs: ReadonlyMap<string, EngineLog>, resource: string) {
    this.#states = states;
    this.#resource = resource;
    this.#logs = new Map([...logs].map(([system, log]) => [system, { log, from: log.entries.length }]));
    for (const system of logs.keys()) this.#wasOnline.set(system, this.isOnline(system));
    this.#listener = (system, changed) => {
      if (changed === resource) this.#take(system);
    };
    states.events.on("state", this.#listener);
  }

  /** How often the resource came to be ONLINE on more than one system. */
  get bothOnline(): number {
    return this.#twice;
  }

  /** How often an engine cleaned, started anew or declared a fault. */
  get cleans(): number {
    return this.deeds.length;
  }

  /** What engines did against faults, in order: `node1 clean`. */
  get deeds(): readonly string[] {
    return [...this.#logs.values()]
      .flatMap(({ log, from }) => log.entries.slice(from))
      .filter(({ what, resource }) => resource === this.#resource && AGAINST_FAULTS.includes(what))
      .toSorted((one, other) => one.at - other.at)
      .map(({ system, what }) => `${system} ${what}`);
  }

  /** When that system's engine last learnt that the resource is ONLINE, or that it is not, by `performance.now()`. */
  changedAt(system: string): number | undefined {
    return this.#changedAt.get(system);
  }

  /** Whether that system's engine holds the resource for ONLINE, whatever flag stands beside it. */
  isOnline(system: string): boolean {
    return this.#states.get(system, this.#resource)?.split("|").includes("ONLINE") ?? false;
  }

  /** Counts no more changes of state. */
  end(): void {
    this.#states.events.off("state", this.#listener);
  }

  #take(system: string): void {
    const isOnline = this.isOnline(system);
    if (isOnline !== this.#wasOnline.get(system)) this.#changedAt.set(system, performance.now());
    this.#wasOnline.set(system, isOnline);
    const isTwice = [...this.#logs.keys()].filter((one) => this.isOnline(one)).length > 1;
    if (isTwice && !this.#isTwice) this.#twice += 1;
    this.#isTwice = isTwice;
  }
}

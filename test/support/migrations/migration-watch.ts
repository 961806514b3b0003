import type { EngineEvent, EngineLogEntry } from "../engine/engine-log.ts";
import type { Cluster } from "../host/cluster.ts";

/** What an engine does against a fault, and nobody wants to see in a migration. */
const AGAINST_FAULTS: readonly EngineEvent[] = ["clean", "restart", "online retry", "faulted"];

/** What the engines of a cluster hold of one resource, from the moment this is made, at every change. */
export class MigrationWatch {
  readonly #cluster: Cluster;
  readonly #systems: readonly string[];
  readonly #resource: string;
  /** What each engine has logged since, also one that is not there any more. */
  readonly #logged: readonly (() => readonly EngineLogEntry[])[];
  /** When each system was last told ONLINE or something else, by `performance.now()`. */
  readonly #changedAt = new Map<string, number>();
  readonly #wasOnline = new Map<string, boolean>();
  readonly #listener: (system: string, resource: string, state: string) => void;
  #isTwice = false;
  #twice = 0;

  constructor(cluster: Cluster, systems: readonly string[], resource: string) {
    this.#cluster = cluster;
    this.#systems = systems;
    this.#resource = resource;
    this.#logged = systems.map((system) => {
      const { log } = cluster.on(system).engine;
      const from = log.entries.length;
      return () => log.entries.slice(from);
    });
    for (const system of systems) this.#wasOnline.set(system, this.isOnline(system));
    this.#listener = (system, changed) => {
      if (changed === resource) this.#take(system);
    };
    cluster.states.events.on("state", this.#listener);
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
    return this.#logged
      .flatMap((entries) => entries())
      .filter(({ what, resource }) => resource === this.#resource && AGAINST_FAULTS.includes(what))
      .toSorted((one, other) => one.at - other.at)
      .map(({ system, what }) => `${system} ${what}`);
  }

  /** When that system's engine last learnt that the resource is ONLINE, or is not, any more. */
  changedAt(system: string): number | undefined {
    return this.#changedAt.get(system);
  }

  isOnline(system: string): boolean {
    return this.#cluster.states.get(system, this.#resource)?.split("|").includes("ONLINE") ?? false;
  }

  end(): void {
    this.#cluster.states.events.off("state", this.#listener);
  }

  #take(system: string): void {
    const isOnline = this.isOnline(system);
    if (isOnline !== this.#wasOnline.get(system)) this.#changedAt.set(system, performance.now());
    this.#wasOnline.set(system, isOnline);
    const isTwice = this.#systems.filter((one) => this.isOnline(one)).length > 1;
    if (isTwice && !this.#isTwice) this.#twice += 1;
    this.#isTwice = isTwice;
  }
}

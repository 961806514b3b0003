import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ClusterStates } from "../engine/cluster-states.ts";
import type { EngineOptions } from "../engine/engine.ts";
import { type Lab, type LabOptions, makeLab } from "../lab/lab.ts";
import type { LogLine } from "./daemon-process.ts";
import { Host } from "./host.ts";

/** How a cluster differs from a plain one. */
export interface ClusterOptions extends LabOptions {
  /** More lines of the daemon's configuration on that system. */
  readonly configuration?: (system: string) => string;
  /** Gets every line of every daemon's log. */
  readonly onLine?: (line: LogLine) => void;
}

/**
 * Some hosts of a lab as systems of one cluster: on each a libvirtd, the daemon, the shims and the engine's stand-in. The
 * stand-ins share their states and one group, g1, which may run on all systems.
 */
export class Cluster {
  readonly lab: Lab;
  /** What the stand-ins know of each other. */
  readonly states = new ClusterStates();
  readonly #hosts: ReadonlyMap<string, Host>;
  #resources = "";

  /** Use makeCluster(). */
  constructor(lab: Lab, hosts: ReadonlyMap<string, Host>) {
    this.lab = lab;
    this.#hosts = hosts;
  }

  /** What runs on a system; the machine itself is `lab.on(system)`. @throws {Error} there is no such system */
  on(system: string): Host {
    const host = this.#hosts.get(system);
    if (host === undefined) throw new Error(`no system ${system} in this cluster`);
    return host;
  }

  /**
   * Starts daemons and stand-ins on all systems, and waits until every resource was probed.
   *
   * @param resources the body of the group in main.cf
   */
  async start(resources: string, options: Partial<EngineOptions> = {}): Promise<void> {
    this.#resources = resources;
    await Promise.all([...this.#hosts.keys()].map((system) => this.startOn(system, options)));
    await Promise.all([...this.#hosts.values()].map((host) => host.engine.probed(120_000)));
  }

  /** Starts daemon and stand-in on one system, as start() did: after it was powered on again. */
  async startOn(system: string, options: Partial<EngineOptions> = {}): Promise<void> {
    const host = this.on(system);
    await host.daemon.start();
    await host.startEngine(this.#resources, { cluster: this.states, ...options });
  }

  /** A system loses power: libvirtd, guests, daemon and engine are gone, and the other engines know it. */
  async powerOff(system: string): Promise<void> {
    await Promise.all([this.on(system).engine.stop("abrupt"), this.lab.on(system).powerOff()]);
  }

  /** Ends everything. May be called at any time and again. */
  async stop(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.stop()));
    await this.lab.stop();
  }
}

/** A cluster whose libvirtds run and whose daemons are configured, but not started. Needs root. */
export async function makeCluster(
  systems: readonly string[],
  { configuration, onLine, ...options }: ClusterOptions = {},
): Promise<Cluster> {
  const lab = await makeLab(systems, options);
  const hosts = new Map<string, Host>();
  for (const system of systems) {
    const machine = lab.on(system);
    const folder = join(lab.folder, `${system}.agent`);
    await mkdir(folder);
    const place = { system, systems, command: () => machine.command };
    const host = new Host(folder, machine.libvirtd, onLine, place);
    await host.install(configuration?.(system) ?? "");
    hosts.set(system, host);
  }
  return new Cluster(lab, hosts);
}

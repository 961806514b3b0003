import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterStates } from "../engine/cluster-states.ts";
import type { EngineOptions } from "../engine/engine.ts";
import { type PrivateLibvirtd, startLibvirtd } from "../lab/libvirtd.ts";
import {
  type RhevmSimulator,
  type SimulatorOptions,
  startRhevmSimulator,
} from "../rhevm-simulator/simulator.ts";
import { Host } from "./host.ts";
import { openedResource } from "./known-guest.ts";
import { type AttributeValues, MONITOR, type Resource } from "./resource.ts";

/** The decrypting command of a site prints what the file of this name holds: as vcsdecrypt, it takes the text last. */
const DECRYPT = '#!/bin/sh\nexec cat "${0%/*}/clear-$1"\n';

/** What RHEVMInfo's Password is in a site, encrypted: any text. */
const ENCRYPTED = "HVJtWqIqFkfu";

/** How a site differs from a plain one. */
export interface RhevSiteOptions extends Omit<SimulatorOptions, "hosts" | "host"> {
  /** Systems of the cluster that run the agent; each is the host of RHEV-M that has its name. */
  readonly systems?: readonly string[];
  /** Hosts of RHEV-M that run no agent. */
  readonly others?: readonly string[];
  /** More keys of the configuration's `rhev`, as flow YAML: `answerTimeoutS: 1`. */
  readonly rhev?: string;
  /** More lines of the configuration. */
  readonly configuration?: string;
}

/**
 * A simulated engine, and systems of one cluster that are its hosts: on each the daemon, the shims, and on demand the
 * stand-in of the cluster's engine. All on this machine.
 */
export class RhevSite {
  readonly rhevm: RhevmSimulator;
  /** Holds the passwords in clear, as the decrypting command prints them. */
  readonly folder: string;
  /** What the stand-ins know of each other. */
  readonly states = new ClusterStates();
  readonly #libvirtd: PrivateLibvirtd;
  readonly #hosts: ReadonlyMap<string, Host>;

  /** Use makeRhevSite(). */
  constructor(
    rhevm: RhevmSimulator,
    folder: string,
    libvirtd: PrivateLibvirtd,
    hosts: ReadonlyMap<string, Host>,
  ) {
    this.rhevm = rhevm;
    this.folder = folder;
    this.#libvirtd = libvirtd;
    this.#hosts = hosts;
  }

  /** @throws {Error} there is no such system */
  on(system: string): Host {
    const host = this.#hosts.get(system);
    if (host === undefined) throw new Error(`no system ${system} in this site`);
    return host;
  }

  /** RHEVMInfo as the framework passes it. */
  info(changes: Readonly<Record<string, string>> = {}): readonly string[] {
    return Object.entries({ ...this.#info(), ...changes }).flat();
  }

  /** A resource of the stand-in's main.cf. */
  mainCf(resource: string, guest: string, more = ""): string {
    const pairs = Object.entries(this.#info()).map(([key, value]) => `${key} = "${value}"`);
    return `KVMGuest ${resource} ( GuestName = ${guest} RHEVMInfo = { ${pairs.join(", ")} } ${more} )`;
  }

  /** Adds a VM that is down, and a resource for it that the framework has opened. */
  async resource(system: string, guest: string, attributes: AttributeValues = {}): Promise<Resource> {
    const { vms } = this.rhevm.world;
    if (!vms.some(({ name }) => name === guest)) this.rhevm.world.addVm(guest);
    return openedResource(this.on(system), guest, { RHEVMInfo: this.info(), ...attributes });
  }

  /** As resource, of a VM that runs on that system and that the engine knows as ONLINE there. */
  async known(system: string, guest: string, attributes: AttributeValues = {}): Promise<Resource> {
    this.rhevm.world.addVm(guest, { host: system });
    const resource = await this.resource(system, guest, attributes);
    const code = await resource.monitor();
    if (code === MONITOR.online) return resource;
    throw new Error(`monitor of ${guest} exits with ${code}: ${String(resource.lastMonitor?.["reason"])}`);
  }

  /** How often the engine was asked for an action on a VM, by whichever system. */
  asked(verb: "start" | "stop" | "shutdown" | "migrate" | "cancelmigration", guest: string): number {
    const path = `/vms/${this.rhevm.world.vm(guest).id}/${verb}`;
    return this.rhevm.requests.filter(({ method, url }) => method === "POST" && url.endsWith(path)).length;
  }

  /** Starts the stand-ins of all systems, which share the group g1, and waits until each resource was probed. */
  async startEngines(resources: string, options: Partial<EngineOptions> = {}): Promise<void> {
    const all = [...this.#hosts.values()];
    for (const host of all) await host.startEngine(resources, { cluster: this.states, ...options });
    await Promise.all(all.map((host) => host.engine.probed(60_000)));
  }

  /** Puts another password in clear behind an encrypted one. */
  async setPassword(password: string, encrypted = ENCRYPTED): Promise<void> {
    await writeFile(join(this.folder, `clear-${encrypted}`), `${password}\n`, { mode: 0o600 });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.stop()));
    await this.#libvirtd.stop();
    await this.rhevm.stop();
  }

  #info(): Readonly<Record<string, string>> {
    return {
      Enabled: "1",
      URL: this.rhevm.url,
      User: "admin@internal",
      Password: ENCRYPTED,
      Cluster: "Default",
      UseManualRHEVMFencing: "0",
    };
  }
}

/** Makes a site and starts its daemons. Time passes ten times as fast in it. */
export async function makeRhevSite({
  systems = ["node1"],
  others = [],
  rhev = "",
  configuration = "",
  password = "secret",
  ...options
}: RhevSiteOptions = {}): Promise<RhevSite> {
  const hosts = [...systems, ...others];
  const [rhevm, libvirtd, folder] = await Promise.all([
    startRhevmSimulator({ speed: 10, password, ...options, hosts }),
    startLibvirtd(),
    mkdtemp(join(tmpdir(), "vkr-")),
  ]);
  const decrypt = join(folder, "decrypt");
  await writeFile(decrypt, DECRYPT);
  await chmod(decrypt, 0o755);
  const agents = new Map<string, Host>();
  for (const system of systems) {
    const place = { system, systems, command: () => [] };
    const host = new Host(await mkdtemp(join(tmpdir(), "vkh-")), libvirtd, undefined, place);
    const command = `passwordCommand: [${decrypt}, "{encrypted}"]`;
    await host.install(
      `rhev: { host: ${system}, caFile: ${rhevm.caFile}, ${command}, ${rhev} }\n${configuration}`,
    );
    agents.set(system, host);
  }
  const site = new RhevSite(rhevm, folder, libvirtd, agents);
  await site.setPassword(password);
  await Promise.all([...agents.values()].map((host) => host.daemon.start()));
  return site;
}

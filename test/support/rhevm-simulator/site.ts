import { SimulatedClock } from "./clock.ts";
import { type Delays, USUAL_DELAYS } from "./delays.ts";
import type { User } from "./logins.ts";
import { RELEASES, type ReleaseName } from "./release.ts";
import { World } from "./world.ts";

/** What a simulated site holds, and which engine keeps it. */
export interface SiteOptions {
  /** 4.3 when left out. */
  readonly release?: ReleaseName;
  /** The administrator, with profile: `admin@internal`. */
  readonly user?: string;
  readonly password?: string;
  /** Hosts of cluster Default, all up; the first is the SPM. */
  readonly hosts?: readonly string[];
  /** VMs of cluster Default, all down. */
  readonly vms?: readonly string[];
  readonly delays?: Partial<Delays>;
}

/** Makes a site: data centre and cluster Default, and what the options name. */
export function makeWorld({
  release = "4.3",
  delays,
  hosts = ["host1", "host2"],
  vms = [],
}: SiteOptions): World {
  const world = new World(new SimulatedClock(Date.now()), RELEASES[release], { ...USUAL_DELAYS, ...delays });
  world.addDataCenter("Default");
  world.addCluster("Default", "Default");
  for (const name of hosts) world.addHost(name);
  for (const name of vms) world.addVm(name);
  return world;
}

/** The administrator, who may do all and sees all. */
export function administrator({ user = "admin@internal", password = "secret" }: SiteOptions): User {
  return { name: user, password, isAdmin: true, ownVms: "all", mayAct: true };
}

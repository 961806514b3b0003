import { testEngine } from "./rhev-client.ts";
import type { RhevmSimulator, SimulatorOptions } from "./rhevm-simulator/simulator.ts";

/** A data centre over two sites: clusters EAST (east1, east2) and WEST (west1, west2); west1 is the SPM. */
export async function twoSites(options: SimulatorOptions = {}): Promise<RhevmSimulator> {
  const engine = await testEngine({ hosts: [], speed: 200, ...options });
  const { world } = engine;
  world.addCluster("EAST", "Default");
  world.addCluster("WEST", "Default");
  for (const name of ["west1", "west2"]) world.addHost(name, { cluster: "WEST" });
  for (const name of ["east1", "east2"]) world.addHost(name, { cluster: "EAST" });
  return engine;
}

/** Names and statuses of all hosts, the SPM marked. */
export function hostsOf({ world }: RhevmSimulator): readonly string[] {
  return world.hosts.map(({ name, status, spm }) => `${name} ${status}${spm === "spm" ? " SPM" : ""}`);
}

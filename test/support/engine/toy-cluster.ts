import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type EngineOptions, type EngineStandIn, startEngine } from "./engine.ts";
import { is } from "./engine-log.ts";
import { createToyAgent, type ToyAgent } from "./toy-agent.ts";

/** A toy agent and the stand-ins that run it, for tests of the stand-in itself. */
export class ToyCluster {
  readonly agent: ToyAgent;
  readonly #engines: EngineStandIn[] = [];
  readonly #others: ToyAgent[] = [];

  constructor(agent: ToyAgent) {
    this.agent = agent;
  }

  /** A stand-in, for system n1 when not said, with the resource `web`; its intervals are 0.1 s unless `values` differs. */
  async start(values = "", options: Partial<EngineOptions> = {}, group = ""): Promise<EngineStandIn> {
    const mainCf = await this.agent.mainCf(`
      cluster c1 ( )
      system n1 ( )
      system n2 ( )
      group g1 ( SystemList = { n1 = 0, n2 = 1 } ${group} )
        KVMGuest web (
          GuestName = vm1
          MonitorInterval = 0.1
          OfflineMonitorInterval = 0.1
          ${values}
        )`);
    const system = options.system ?? "n1";
    const engine = await startEngine({
      mainCf,
      system,
      agentDirectory: this.agent.directory,
      workDirectory: join(this.agent.home, system),
      ...options,
    });
    this.#engines.push(engine);
    return engine;
  }

  /** Another agent, for another system. */
  async addAgent(): Promise<ToyAgent> {
    const agent = await createToyAgent();
    this.#others.push(agent);
    return agent;
  }

  async end(): Promise<void> {
    for (const engine of this.#engines) await engine.stop();
    for (const agent of [this.agent, ...this.#others]) await agent.remove();
  }
}

/** A toy agent, and no stand-in yet. */
export async function createToyCluster(): Promise<ToyCluster> {
  return new ToyCluster(await createToyAgent());
}

/** The names of the entry points that began, in their order. */
export function entryPointsOf(engine: EngineStandIn): string[] {
  return engine.log.entries.filter(is("entry point started")).map(({ details }) => details.entryPoint ?? "");
}

/** Runs the executable `hares` of a stand-in to its end. */
export function hares(
  engine: EngineStandIn,
  ...args: string[]
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(join(engine.binDirectory, "hares"), args, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

/** False when the process is gone, or is a zombie that nobody has waited for. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return !/^\d+ \(.*\) Z/s.test(stat);
  } catch {
    return false; // no such process
  }
}

import { AgentError } from "../../../src/agent-error.ts";
import { orAbort } from "../../../src/deadline.ts";
import type { Engine } from "../../../src/engine.ts";
import type { LastOnline } from "../../../src/saved-memory.ts";

/** An engine that does as it is told and remembers what it was asked. */
export class FakeEngine implements Engine {
  readonly probes: string[] = [];
  readonly values = new Map<string, string>();
  /** Systems beside this one on which a resource is ONLINE; one that is not in it is ONLINE nowhere. */
  readonly elsewhere = new Map<string, readonly string[]>();
  /** `web1_res ResyncVMCfg 0`: values that were set for this system. */
  readonly modified: string[] = [];
  /** States of systems and clusters, and attributes of this cluster. */
  readonly systems = new Map<string, string>();
  readonly clusters = new Map<string, string>();
  readonly clusterValues = new Map<string, string>();
  whereLast: LastOnline = { kind: "here" };
  /** How often it was asked where a resource is ONLINE. */
  asked = 0;
  /** Whether it leaves that question without an answer. */
  hangs = false;
  /** What every call fails with while set. */
  trouble: AgentError | undefined;
  /** Is awaited by each probe after it was noted. */
  onProbe: (resource: string, signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  async probe(resource: string, signal: AbortSignal): Promise<void> {
    this.probes.push(resource);
    if (this.trouble !== undefined) throw this.trouble;
    await this.onProbe(resource, signal);
  }

  async onlineElsewhere(resource: string, signal: AbortSignal): Promise<readonly string[]> {
    this.asked += 1;
    if (this.hangs) return orAbort(new Promise(() => undefined), signal);
    if (this.trouble !== undefined) throw this.trouble;
    return this.elsewhere.get(resource) ?? [];
  }

  value(resource: string, attribute: string): Promise<string> {
    if (this.trouble !== undefined) return Promise.reject(this.trouble);
    const value = this.values.get(attribute);
    if (value !== undefined) return Promise.resolve(value);
    return Promise.reject(new AgentError("REFUSED", `${resource} has no attribute ${attribute}`));
  }

  lastOnline(): Promise<LastOnline> {
    return this.trouble === undefined ? Promise.resolve(this.whereLast) : Promise.reject(this.trouble);
  }

  async modifyHere(resource: string, attribute: string, value: string): Promise<void> {
    this.modified.push(`${resource} ${attribute} ${value}`);
    if (this.trouble !== undefined) throw this.trouble;
  }

  systemStates(): Promise<ReadonlyMap<string, string>> {
    return this.trouble === undefined ? Promise.resolve(this.systems) : Promise.reject(this.trouble);
  }

  clusterStates(): Promise<ReadonlyMap<string, string>> {
    return this.trouble === undefined ? Promise.resolve(this.clusters) : Promise.reject(this.trouble);
  }

  clusterValue(attribute: string): Promise<string> {
    if (this.trouble !== undefined) return Promise.reject(this.trouble);
    return Promise.resolve(this.clusterValues.get(attribute) ?? "");
  }
}

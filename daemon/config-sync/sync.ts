import { AgentError, messageOf } from "../../src/agent-error.ts";
import { resourceName } from "../../src/request.ts";
import { type Cluster, isEngineSilent } from "./cluster.ts";
import { planSync, type Step, type SyncPlan, sourceOf } from "./plan.ts";

/** Exit codes of havmconfigsync. */
export const EXIT = { done: 0, failed: 1, wrong: 2, noEngine: 3 } as const;

/** Source: message ids of the engine's commands: the configuration is not writable. */
const NOT_WRITABLE = /V-16-1-10369\b|not writable|read-?only/i;

export interface SyncRequest {
  /** Undefined: every resource of the type. */
  readonly resources: readonly string[] | undefined;
  readonly system: string | undefined;
  readonly dryRun: boolean;
}

/** Where the words for the operator go, one line each. */
export interface Output {
  out(line: string): void;
  complain(line: string): void;
}

/** Synchronises one resource after the other; what fails for one does not keep the others from it. */
export async function syncAll(cluster: Cluster, request: SyncRequest, output: Output): Promise<number> {
  try {
    const isAll = request.resources === undefined;
    const resources = request.resources ?? (await cluster.guests());
    if (resources.length === 0) output.out("the cluster has no resource of the type KVMGuest");
    let hasFailed = false;
    for (const resource of resources) {
      const isDone = await syncOne(cluster, resource, request, output, isAll);
      hasFailed ||= !isDone;
    }
    return hasFailed ? EXIT.failed : EXIT.done;
  } catch (error) {
    if (!isEngineSilent(error)) throw error;
    output.complain(`the engine does not answer: ${messageOf(error)}`);
    return EXIT.noEngine;
  }
}

/** @throws {AgentError} only when the engine is silent: then nothing else can be tried */
async function syncOne(
  cluster: Cluster,
  resource: string,
  request: SyncRequest,
  output: Output,
  isAll: boolean,
): Promise<boolean> {
  try {
    const plan = await planOf(cluster, resourceName(resource), request.system);
    if (plan.kind === "impossible") {
      if (isAll) output.out(`${resource}: left out: ${plan.why}`);
      else output.complain(`${resource}: ${plan.why}`);
      return isAll;
    }
    if (plan.note !== undefined) output.out(`${resource}: note: ${plan.note}`);
    if (!request.dryRun) return await perform(cluster, resource, plan.steps, output);
    for (const { args } of plan.steps) output.out(`${resource}: would run: hares ${args.join(" ")}`);
    return true;
  } catch (error) {
    if (!(error instanceof AgentError) || isEngineSilent(error)) throw error;
    output.complain(`${resource}: ${messageOf(error)}`);
    return false;
  }
}

/** @throws {AgentError} BAD_ATTRIBUTE when it is not clear whose configuration counts */
async function planOf(cluster: Cluster, resource: string, given: string | undefined): Promise<SyncPlan> {
  const systems = await cluster.systemsOf(resource);
  const onlineOn = await cluster.onlineOn(resource);
  const found = sourceOf({ systems, onlineOn }, given);
  // where no system counts, any of them tells the resource's SyncDir
  const source = "source" in found ? found.source : (systems[0] ?? "");
  const syncDir = await cluster.value(resource, "SyncDir", source);
  // a resource without SyncDir is no case for this program, wherever it is ONLINE
  if ("why" in found && syncDir !== "") throw new AgentError("BAD_ATTRIBUTE", found.why);
  const isLocal = await cluster.isLocal(resource, "ResyncVMCfg");
  return planSync({ resource, systems, onlineOn, syncDir, isLocal }, source);
}

async function perform(
  cluster: Cluster,
  resource: string,
  steps: readonly Step[],
  output: Output,
): Promise<boolean> {
  let isWhole = true;
  for (const { args, system, done, mayFail } of steps) {
    const about = system === undefined ? resource : `${resource}: ${system}`;
    try {
      const printed = (await cluster.run(args)).trim();
      output.out(`${about}: ${done ?? printed}`);
    } catch (error) {
      if (!(error instanceof AgentError) || isEngineSilent(error)) throw error;
      output.complain(`${about}: ${messageOf(error)}`);
      if (args[0] !== "-action" && NOT_WRITABLE.test(error.message))
        output.complain(`${resource}: ${HOW_TO_WRITE}`);
      if (!mayFail) return false;
      isWhole = false;
    }
  }
  return isWhole;
}

const HOW_TO_WRITE =
  "the copy in SyncDir is made, but the cluster's configuration cannot be changed: run haconf -makerw, this command again, then haconf -dump -makero";

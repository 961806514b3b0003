import { dirname, join } from "node:path";
import { AgentError, hasCode } from "../../src/agent-error.ts";
import { runHostCommand, statesOf } from "../hares.ts";

/** The resource type. Source: KVMGuest resource type definition. */
const TYPE = "KVMGuest";

/** An action may take this long: ActionTimeout, 30 s by default, is the engine's own limit. */
const ACTION_MS = 120_000;

/** The engine does not answer at all. Source: message id of its commands, known from public scripts. */
const NO_ENGINE = "V-16-1-10600";

/** What havmconfigsync asks of the engine; every method throws AgentError. */
export interface Cluster {
  /** All resources of the type. */
  guests(): Promise<readonly string[]>;
  systemsOf(resource: string): Promise<readonly string[]>;
  onlineOn(resource: string): Promise<readonly string[]>;
  /** A scalar attribute as that system has it. */
  value(resource: string, attribute: string, system: string): Promise<string>;
  /** Whether each system has a value of its own. */
  isLocal(resource: string, attribute: string): Promise<boolean>;
  /** Runs `hares`; returns what it printed. */
  run(args: readonly string[]): Promise<string>;
}

/**
 * The cluster, reached by the engine's own commands.
 *
 * @param command path of `hares`; `hagrp` is beside it
 */
export function clusterOf(command: string, timeoutMs: number): Cluster {
  const { signal } = new AbortController();
  const hares = (args: readonly string[], limitMs = timeoutMs) =>
    runHostCommand({ command, timeoutMs: limitMs }, args, signal);
  const hagrp = (args: readonly string[]) =>
    runHostCommand({ command: join(dirname(command), "hagrp"), timeoutMs }, args, signal);
  return {
    async guests() {
      const rows = (await hares(["-list", `Type=${TYPE}`]))
        .split("\n")
        .map((row) => row.trim().split(/\s+/)[0]);
      return [...new Set(rows.filter((name) => name !== undefined && name !== ""))].filter(isText);
    },
    async systemsOf(resource) {
      const type = (await hares(["-value", resource, "Type"])).trim();
      if (type !== TYPE) throw new AgentError("BAD_ATTRIBUTE", `it is of the type ${type}, not ${TYPE}`);
      const group = (await hares(["-value", resource, "Group"])).trim();
      const words = (await hagrp(["-value", group, "SystemList"])).trim().split(/\s+/);
      return words.filter((_word, at) => at % 2 === 0);
    },
    async onlineOn(resource) {
      const states = statesOf(await hares(["-state", resource]));
      return states.filter(([, state]) => state.includes("ONLINE")).map(([system]) => system);
    },
    async value(resource, attribute, system) {
      return (await hares(["-value", resource, attribute, system])).trim();
    },
    async isLocal(resource, attribute) {
      const rows = (await hares(["-display", resource, "-attribute", attribute])).split("\n").slice(1);
      return rows.some((row) => {
        const [, name, system] = row.trim().split(/\s+/);
        return name === attribute && system !== "global";
      });
    },
    run: (args) => hares(args, args[0] === "-action" ? ACTION_MS : timeoutMs),
  };
}

/** True when no command can succeed: the engine does not run, hangs, or its commands are not there. */
export function isEngineSilent(error: unknown): boolean {
  return (
    hasCode(error, "PLATFORM_DOWN", "TIMED_OUT") ||
    (error instanceof AgentError && error.message.includes(NO_ENGINE))
  );
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}

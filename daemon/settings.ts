import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { DEFAULT_LIMITS, type Limits } from "../ipc/protocol.ts";
import type { Config } from "./config-schema.ts";
import type { HaresOptions } from "./hares.ts";
import type { HeartbeatSettings } from "./heartbeats.ts";

/** Keys that a reload cannot change: what hangs on them is made once. */
const FIXED_KEYS = ["socket", "readOnlySocket", "stateDirectory", "libvirt", "metrics", "limits"] as const;

export function haresOptions(config: Config): HaresOptions {
  const { hares, timeoutS } = config.engine;
  return { command: hares, timeoutMs: timeoutS * 1000, system: systemName(config) };
}

/**
 * URIs of the other systems' libvirtds, by system. This system is left out: all systems may share one file.
 */
export function peerUris(config: Config): ReadonlyMap<string, string> {
  const own = systemName(config);
  const others = Object.entries(config.peers).filter(([system]) => system !== own);
  return new Map(others.map(([system, { uri }]) => [system, uri]));
}

export function heartbeatSettings({ heartbeat }: Config): HeartbeatSettings {
  const { intervalS, timeoutS, misses, lossS } = heartbeat;
  return { intervalMs: intervalS * 1000, timeoutS, misses, lossMs: lossS * 1000 };
}

/** What fencing needs to know of names; a host or cluster that the configuration does not name is undefined. */
export function fencingSettings(config: Config): {
  readonly ownSystem: string;
  readonly hostOf: (system: string) => string | undefined;
  readonly remoteClusterOf: (cluster: string) => string | undefined;
} {
  const { hosts, clusters } = config.rhev;
  const [hostOf, clusterOf] = [new Map(Object.entries(hosts)), new Map(Object.entries(clusters))];
  return {
    ownSystem: systemName(config),
    hostOf: (system) => hostOf.get(system),
    remoteClusterOf: (cluster) => clusterOf.get(cluster),
  };
}

export function scanSettings({ rhev }: Config): {
  readonly deviceCommand:
    | { readonly command: readonly [program: string, ...args: string[]]; readonly limitMs: number }
    | undefined;
  readonly spmWaitMs: number;
  readonly movesGuests: boolean;
} {
  const { deviceCommand: command, deviceCommandS, spmWaitS, movesGuests } = rhev.devScan;
  return {
    deviceCommand: command === undefined ? undefined : { command, limitMs: deviceCommandS * 1000 },
    spmWaitMs: spmWaitS * 1000,
    movesGuests,
  };
}

export function limitsOf({ limits }: Config): Limits {
  return {
    ...DEFAULT_LIMITS,
    ...(limits.bodyBytes === undefined ? {} : { bodyBytes: limits.bodyBytes }),
    ...(limits.requestsAtOnce === undefined ? {} : { requestsAtOnce: limits.requestsAtOnce }),
    ...(limits.readRequestS === undefined ? {} : { readRequestMs: limits.readRequestS * 1000 }),
    ...(limits.connections === undefined ? {} : { connections: limits.connections }),
  };
}

/** The keys that differ and take effect at the next start only. */
export function fixedKeysChanged(before: Config, after: Config): readonly string[] {
  return FIXED_KEYS.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

/** Where metrics are served beside the sockets; undefined: nowhere. */
export function metricsAddress({
  metrics,
}: Config): { readonly host: string; readonly port: number } | undefined {
  if (metrics.listen === undefined) return undefined;
  const { hostname: host, port } = new URL(`tcp://${metrics.listen}`);
  return { host: host.replaceAll(/[[\]]/g, ""), port: Number(port) };
}

/** What goes to the engine's log, and by which library: it is where the engine's commands are. */
export function engineLogSettings({ engine }: Config): {
  readonly library: string;
  readonly scope: Config["engine"]["log"];
} {
  return { library: join(dirname(engine.hares), "ag_i18n_inc.sh"), scope: engine.log };
}

/** The site of a system; undefined where it is in none. */
export function siteOf({ sites }: Config, system: string): string | undefined {
  return Object.entries(sites).find(([, systems]) => systems.includes(system))?.[0];
}

/**
 * The name that the cluster gives this system: configured, else from the engine's own file, else the short host name.
 */
export function systemName(config: Config): string {
  if (config.engine.system !== undefined) return config.engine.system;
  try {
    const name = readFileSync(config.engine.sysnameFile, "utf8").trim();
    if (name !== "") return name;
  } catch {
    // no engine on this host yet, or one that never wrote its name
  }
  return hostname().split(".")[0] ?? hostname();
}

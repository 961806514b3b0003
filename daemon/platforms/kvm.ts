import { join } from "node:path";
import { KvmPlatform } from "../../src/kvm/platform.ts";
import { localUriProblem, peerOpener, peerUriProblem, sessionOpener } from "../../src/kvm/session.ts";
import type { KvmSettings } from "../../src/kvm/settings.ts";
import { parseStateOverrides } from "../../src/kvm/state-overrides.ts";
import type { Log } from "../../src/log.ts";
import type { Config } from "../config-schema.ts";
import { peerUris } from "../settings.ts";

/** The platform over libvirt, as configured; how libvirt is reached is that of the first configuration for good. */
export function kvmPlatform(config: () => Config, log: Log): KvmPlatform {
  const { libvirt } = config();
  const patience = patienceOf(config());
  return new KvmPlatform({
    open: sessionOpener({ uri: libvirt.uri, sockets: libvirt.sockets, ...patience }, log),
    openPeer: peerOpener(patience, log),
    settings: settingsInForce(config, libvirt),
    log,
  });
}

/** How patiently connections to libvirt are opened and kept. */
export function patienceOf({ libvirt }: Config) {
  const { openTimeoutS, keepaliveIntervalS, keepaliveCount } = libvirt;
  return {
    openTimeoutMs: openTimeoutS * 1000,
    keepalive: { intervalMs: keepaliveIntervalS * 1000, count: keepaliveCount },
  };
}

/** What is wrong with words that only the platform knows: states, and URIs. */
export function kvmProblems(config: Config): readonly string[] {
  return [...parseStateOverrides(config.kvm.states).problems, ...uriProblems(config)];
}

function uriProblems({ libvirt, peers }: Config): readonly string[] {
  const local = localUriProblem(libvirt.uri);
  const remote = Object.entries(peers).map(([system, { uri }]) => ({ system, problem: peerUriProblem(uri) }));
  return [
    ...(local === undefined ? [] : [`libvirt.uri: ${local}`]),
    ...remote.flatMap(({ system, problem }) =>
      problem === undefined ? [] : [`peers.${system}.uri: ${problem}`],
    ),
  ];
}

/** Every reading of a guest asks for the settings: they are made once for a configuration. */
function settingsInForce(inForce: () => Config, libvirt: Config["libvirt"]): () => KvmSettings {
  const made = { config: inForce(), settings: kvmSettings(inForce(), libvirt) };
  return () => {
    const config = inForce();
    if (config !== made.config) {
      made.config = config;
      made.settings = kvmSettings(config, libvirt);
    }
    return made.settings;
  };
}

function kvmSettings(config: Config, { uri, runDirectory }: Config["libvirt"]): KvmSettings {
  const { states, ...kvm } = config.kvm;
  const { overrides } = parseStateOverrides(states);
  return {
    ...kvm,
    overrides,
    sync: config.sync,
    uri,
    runDirectory,
    payloadDirectory: join(config.stateDirectory, "payload"),
    // the engine's file is read for it, which not every reading of a guest has to pay
    get peers() {
      return peerUris(config);
    },
    migration: {
      migrateUri: undefined,
      bandwidthMiBps: undefined,
      parallelConnections: undefined,
      downtimeMs: undefined,
      ...config.migration,
    },
  };
}

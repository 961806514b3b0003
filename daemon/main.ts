#!/usr/bin/env node
import { AgentError, messageOf } from "../src/agent-error.ts";
import { KvmPlatform } from "../src/kvm/platform.ts";
import { localUriProblem, peerOpener, peerUriProblem, sessionOpener } from "../src/kvm/session.ts";
import type { KvmSettings } from "../src/kvm/settings.ts";
import { parseStateOverrides } from "../src/kvm/state-overrides.ts";
import { ManualFencing } from "../src/rhev/manual-fencing.ts";
import { SpmScanner } from "../src/rhev/spm-scanner.ts";
import { ConfigError, loadConfig } from "./config.ts";
import type { Config } from "./config-schema.ts";
import { runDaemon } from "./daemon.ts";
import { type Command, HELP, parseCommand } from "./flags.ts";
import { haresEngine } from "./hares.ts";
import { createLogger } from "./logger.ts";
import { fencingSettings, fixedKeysChanged, haresOptions, peerUris, scanSettings } from "./settings.ts";
import { packageVersion } from "./version.ts";

const EXIT = { ended: 0, failed: 1, wrong: 2 } as const;

type RunCommand = Extract<Command, { kind: "run" | "check-config" }>;

async function main(): Promise<number> {
  const command = parseCommand(process.argv.slice(2), process.env);
  switch (command.kind) {
    case "help":
      process.stdout.write(HELP);
      return EXIT.ended;
    case "version":
      process.stdout.write(`${packageVersion()}\n`);
      return EXIT.ended;
    case "wrong":
      process.stderr.write(`vcskvmguestd: ${command.problem}\n${HELP}`);
      return EXIT.wrong;
    case "check-config":
    case "run":
      return withConfig(command);
  }
}

async function withConfig(command: RunCommand): Promise<number> {
  let config: Config;
  try {
    config = load(command);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`vcskvmguestd: ${problem}\n`);
    return EXIT.wrong;
  }
  if (command.kind === "run") return run(command, config);
  process.stdout.write("the configuration is valid\n");
  return EXIT.ended;
}

async function run(command: RunCommand, first: Config): Promise<number> {
  const inForce = { config: first };
  const log = createLogger(first.log.level);
  const stop = new AbortController();
  process.on("uncaughtException", (error) => {
    try {
      log.error({ err: error }, "a defect nobody foresaw, the daemon ends and guests are left as they are");
    } finally {
      process.exit(EXIT.failed);
    }
  });
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort(new Error(name)));
  process.on("SIGHUP", () => {
    try {
      const next = load(command);
      const fixed = fixedKeysChanged(inForce.config, next);
      if (fixed.length > 0) log.warn({ keys: fixed }, "keys that take effect at the next start have changed");
      inForce.config = next;
      log.level = next.log.level;
      log.info({}, "configuration reloaded");
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [messageOf(error)];
      log.error({ problems }, "configuration cannot be used, the one before stays in force");
    }
  });

  const { libvirt } = first;
  const patience = {
    openTimeoutMs: libvirt.openTimeoutS * 1000,
    keepalive: { intervalMs: libvirt.keepaliveIntervalS * 1000, count: libvirt.keepaliveCount },
  };
  const platform = new KvmPlatform({
    open: sessionOpener({ uri: libvirt.uri, sockets: libvirt.sockets, ...patience }, log),
    openPeer: peerOpener(patience, log),
    settings: settingsInForce(() => inForce.config, libvirt),
    log,
  });
  const engine = haresEngine(() => haresOptions(inForce.config));
  const fencing = new ManualFencing({ engine, settings: () => fencingSettings(inForce.config), log });
  const scanner = new SpmScanner({
    manager: () => {
      throw new AgentError("BAD_ATTRIBUTE", "this version keeps no guests of RHEV-M");
    },
    fencing,
    settings: () => scanSettings(inForce.config),
    log,
  });
  try {
    await runDaemon({ config: () => inForce.config, platform, scanner, log }, stop.signal);
    return EXIT.ended;
  } catch (error) {
    log.error({ err: error }, "daemon cannot run");
    return EXIT.failed;
  }
}

function load(command: RunCommand): Config {
  return loadConfig(command.config, command.overrides, [checkStates, checkUris]);
}

/** The table of states is the platform's own, so its words are checked here. */
function checkStates(config: Config): readonly string[] {
  return parseStateOverrides(config.kvm.states).problems;
}

/** So are URIs: the platform knows which transports there are. */
function checkUris({ libvirt, peers }: Config): readonly string[] {
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

// what hangs in a library (a hung file system below it) must not keep the process from ending
process.exit(await main());

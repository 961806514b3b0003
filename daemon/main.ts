#!/usr/bin/env node
import { inheritedSocket } from "../ipc/inherited-socket.ts";
import { messageOf } from "../src/agent-error.ts";
import type { Log } from "../src/log.ts";
import { ConfigError, loadConfig } from "./config.ts";
import type { Config } from "./config-schema.ts";
import { runDaemon } from "./daemon.ts";
import { endProcess, endProcessNow } from "./end-process.ts";
import { EngineLog } from "./engine-log.ts";
import { type Command, HELP, parseCommand } from "./flags.ts";
import { Journal } from "./journal.ts";
import type { KeptGuests } from "./kept-guests.ts";
import { logOutput } from "./log-output.ts";
import { createLogger, logLevelOf } from "./logger.ts";
import { PlatformByEnvironment } from "./platforms/by-environment.ts";
import { kvmPlatform, kvmProblems } from "./platforms/kvm.ts";
import { rhevEnvironment, rhevProblems } from "./platforms/rhev.ts";
import { nameProcess } from "./process-name.ts";
import { Service } from "./service.ts";
import { engineLogSettings, fixedKeysChanged } from "./settings.ts";
import { systemdOf } from "./systemd.ts";
import { packageVersion } from "./version.ts";

/** The last lines for the engine's log are waited for so long. */
const ENGINE_LOG_MS = 2000;

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
  nameProcess();
  const inForce = { config: first };
  const engineLog = new EngineLog({
    library: () => engineLogSettings(inForce.config).library,
    scope: () => engineLogSettings(inForce.config).scope,
  });
  const output = logOutput({
    format: () => inForce.config.log.format,
    onLine: (line) => engineLog.offer(line),
  });
  const logger = createLogger(first.log.level, output);
  const journal = new Journal();
  const log = journal.over(logger);
  engineLog.reportTo(log);
  const service = new Service(systemdOf(process.env, log), log);
  const stop = new AbortController();
  process.on("uncaughtException", (error) => {
    try {
      log.error({ err: error }, "a defect nobody foresaw, the daemon ends and guests are left as they are");
    } finally {
      endProcessNow(EXIT.failed);
    }
  });
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stop.abort(new Error(name)));
  const setLevel = (level: string) => {
    logger.level = level;
  };
  process.on("SIGHUP", () => service.reload(() => reload(command, inForce, setLevel, log)));

  try {
    const config = () => inForce.config;
    const kvm = kvmPlatform(config, log);
    const environments = (kept: KeptGuests) => {
      const { platform: rhev, scanner } = rhevEnvironment(config, kept, log);
      const { environmentOf } = kept;
      return { platform: new PlatformByEnvironment({ platforms: { kvm, rhev }, environmentOf }), scanner };
    };
    const inherited = inheritedSocket(process.env);
    const logLevel = logLevelOf(logger, log);
    await runDaemon({ config, environments, service, inherited, log, journal, logLevel }, stop.signal);
    return EXIT.ended;
  } catch (error) {
    log.error({ err: error }, "daemon cannot run");
    return EXIT.failed;
  } finally {
    await engineLog.end(ENGINE_LOG_MS);
  }
}

function reload(
  command: RunCommand,
  inForce: { config: Config },
  setLevel: (level: string) => void,
  log: Log,
): void {
  try {
    const next = load(command);
    const fixed = fixedKeysChanged(inForce.config, next);
    if (fixed.length > 0) log.warn({ keys: fixed }, "keys that take effect at the next start have changed");
    inForce.config = next;
    setLevel(next.log.level);
    log.info({}, "configuration reloaded");
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [messageOf(error)];
    log.error({ problems }, "configuration cannot be used, the one before stays in force");
  }
}

function load(command: RunCommand): Config {
  return loadConfig(command.config, command.overrides, [kvmProblems, rhevProblems]);
}

await endProcess(await main());

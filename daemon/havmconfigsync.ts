#!/usr/bin/env node
import { ConfigError, loadConfig } from "./config.ts";
import type { Config } from "./config-schema.ts";
import { clusterOf } from "./config-sync/cluster.ts";
import { HELP, parseSyncCommand, type SyncCommand } from "./config-sync/flags.ts";
import { EXIT, syncAll } from "./config-sync/sync.ts";
import { haresOptions } from "./settings.ts";
import { packageVersion } from "./version.ts";

async function main(): Promise<number> {
  const command = parseSyncCommand(process.argv.slice(2), process.env);
  switch (command.kind) {
    case "help":
      process.stdout.write(HELP);
      return EXIT.done;
    case "version":
      process.stdout.write(`${packageVersion()}\n`);
      return EXIT.done;
    case "wrong":
      complain(`${command.problem}\n${HELP}`);
      return EXIT.wrong;
    case "sync":
      return sync(command);
  }
}

async function sync(command: Extract<SyncCommand, { kind: "sync" }>): Promise<number> {
  let config: Config;
  try {
    config = loadConfig(command.config, {}, []);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) complain(problem);
    return EXIT.wrong;
  }
  const hares = haresOptions(config);
  const cluster = clusterOf(hares.command, hares.timeoutMs);
  return syncAll(cluster, command, { out: (line) => void process.stdout.write(`${line}\n`), complain });
}

function complain(words: string): void {
  process.stderr.write(`havmconfigsync: ${words}\n`);
}

process.exit(await main());

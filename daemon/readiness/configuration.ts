import { statSync } from "node:fs";
import { type CheckRow, rowsOf } from "../../src/readiness.ts";
import { ConfigError, loadConfig } from "../config.ts";
import type { Config } from "../config-schema.ts";
import { kvmProblems } from "../platforms/kvm.ts";
import { rhevProblems } from "../platforms/rhev.ts";

/** Where the daemon's configuration is when nobody names another file. */
const DEFAULT_FILE = "/etc/vcskvmguestd/config.yaml";

/** The configuration, where it can be used, and the rows that say so. */
export interface CheckedConfiguration {
  readonly config: Config | undefined;
  readonly rows: readonly CheckRow[];
}

/** Reads the whole configuration as the daemon does at its start; each problem is a row. */
export function checkedConfiguration(file: string | undefined): CheckedConfiguration {
  const about = file ?? DEFAULT_FILE;
  const row = rowsOf("configuration", about);
  try {
    const config = loadConfig(file, {}, [kvmProblems, rhevProblems]);
    const { mode } = statSync(about, { throwIfNoEntry: false }) ?? { mode: undefined };
    if (mode === undefined) return { config, rows: [row.ok("is not there, so the defaults hold")] };
    if ((mode & 0o022) === 0) return { config, rows: [row.ok("valid")] };
    const text = "others may write it, and have commands of their own run as root";
    return { config, rows: [row.problem(text, `chmod 0644 ${about}`)] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const remedy = `correct it: docs/configuration.md has every key; a daemon that runs keeps what it read before`;
    return { config: undefined, rows: error.problems.map((problem) => row.problem(problem, remedy)) };
  }
}

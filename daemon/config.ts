import { closeSync, constants, openSync, readSync } from "node:fs";
import { parseDocument } from "yaml";
import { messageOf } from "../src/agent-error.ts";
import { type Config, configSchema } from "./config-schema.ts";
import { configWords } from "./config-words.ts";
import { isRecord } from "./is-record.ts";

/** The configuration cannot be used. Each problem names its path in the file. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(`the configuration cannot be used: ${problems.join("; ")}`, options);
    this.problems = problems;
  }
}

/** What the command line and the environment put over the file. */
export interface Overrides {
  readonly socket?: string | undefined;
  readonly stateDirectory?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
}

/** Checks of values that need more than their shape; each returns problems. */
export type ConfigCheck = (config: Config) => readonly string[];

const DEFAULT_CONFIG_PATH = "/etc/vcskvmguestd/config.yaml";

/** One for a hundred hosts has some kilobytes. */
const SIZE_LIMIT_BYTES = 1_048_576;

/**
 * Reads and validates the configuration as a whole.
 *
 * @param path undefined: the default path, which may be missing
 * @throws {ConfigError} with all problems at once
 */
export function loadConfig(
  path: string | undefined,
  overrides: Overrides,
  checks: readonly ConfigCheck[],
): Config {
  const file = path ?? DEFAULT_CONFIG_PATH;
  const merged = merge(parse(readOrEmpty(file, path === undefined), file), overrides);
  const result = configSchema.safeParse(merged, { error: configWords });
  if (!result.success)
    throw new ConfigError(result.error.issues.map((issue) => problemOf(issue.path, issue.message)));
  const problems = checks.flatMap((check) => check(result.data));
  if (problems.length > 0) throw new ConfigError(problems);
  return result.data;
}

function problemOf(path: readonly PropertyKey[], message: string): string {
  return `${path.length === 0 ? "(top)" : path.map(String).join(".")}: ${message}`;
}

function readOrEmpty(file: string, mayBeMissing: boolean): string {
  try {
    return readBounded(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (missing && mayBeMissing) return "";
    throw new ConfigError([`${file}: cannot be read: ${messageOf(error)}`], { cause: error });
  }
}

/** A device may never end, and a pipe never begin. */
function readBounded(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(SIZE_LIMIT_BYTES + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    if (length > SIZE_LIMIT_BYTES)
      throw new ConfigError([`${file}: is no configuration: it is longer than ${SIZE_LIMIT_BYTES} bytes`]);
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(descriptor);
  }
}

function parse(text: string, file: string): Record<string, unknown> {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map((error) => `${file}: ${error.message.split("\n")[0] ?? ""}`));
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigError([`${file}: ${messageOf(error)}`], { cause: error });
  }
  if (value === null || value === undefined) return {};
  if (!isRecord(value)) throw new ConfigError([`${file}: must be a mapping of keys to values`]);
  return value;
}

function merge(file: Record<string, unknown>, overrides: Overrides): Record<string, unknown> {
  const merged = { ...file };
  if (overrides.socket !== undefined) merged["socket"] = overrides.socket;
  if (overrides.stateDirectory !== undefined) merged["stateDirectory"] = overrides.stateDirectory;
  const log = {
    ...(overrides.logLevel === undefined ? {} : { level: overrides.logLevel }),
    ...(overrides.logFormat === undefined ? {} : { format: overrides.logFormat }),
  };
  const inFile = merged["log"];
  if (Object.keys(log).length > 0) merged["log"] = { ...(isRecord(inFile) ? inFile : {}), ...log };
  return merged;
}

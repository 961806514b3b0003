import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfig } from "../../../daemon/config.ts";
import { KEY_MEANINGS } from "../../../daemon/config-meanings.ts";
import { configSchema } from "../../../daemon/config-schema.ts";
import { limitsOf } from "../../../daemon/settings.ts";
import { DEFAULT_LIMITS } from "../../../ipc/protocol.ts";
import { configurationDocument } from "../../support/configuration-document.ts";
import { configurationKeys } from "../../support/configuration-keys.ts";
import { repositoryFile } from "../../support/repository.ts";

const KEYS = configurationKeys();

/** Defaults by the full name of their key; undefined for a key that has none. */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map(KEYS.map(({ key, byDefault }) => [key, byDefault]));

const FILE = repositoryFile("docs/configuration.md");

const EXAMPLE = readFileSync(repositoryFile("systemd/config.yaml"), "utf8");

/** The example with its settings in force: a comment is `#`, one blank and words, a setting is not. */
const UNCOMMENTED = EXAMPLE.replaceAll(/^#(?! \S)/gm, "");

function words(value: unknown): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}

describe("docs/configuration.md", () => {
  it("has its tables as the schema and the meanings of its keys have them", () => {
    const present = readFileSync(FILE, "utf8");
    const made = configurationDocument(present);
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(FILE, made);

    expect(readFileSync(FILE, "utf8")).toBe(made);
  });

  it("explains every key of the configuration and no other", () => {
    expect(KEYS.filter(({ meaning }) => meaning === undefined)).toEqual([]);
    expect(Object.keys(KEY_MEANINGS).toSorted()).toEqual(KEYS.map(({ key }) => key).toSorted());
  });

  it("refuses to leave a key out, and to make a table of none", () => {
    const present = readFileSync(FILE, "utf8");

    expect(() => configurationDocument(present.replace("keys: heartbeat", "keys: limits"))).toThrow(
      /no table of docs\/configuration\.md has heartbeat\.intervalS, heartbeat\.timeoutS/,
    );
    expect(() => configurationDocument(`${present}\n<!-- keys: nothing -->\n<!-- end of keys -->\n`)).toThrow(
      "no key is called nothing",
    );
  });

  it.each([
    "| `socket` | absolute path | `/run/vcskvmguestd/agent.sock` | restart | Where the shims ask",
    "| `readOnlySocket.gid` | whole number, 0 or more | none | restart |",
    "| `log.level` | `debug`, `info`, `warn` or `error` | `info` | reload |",
    "| `libvirt.sockets` | list of 1 to 8: absolute path each | none | restart |",
    "| `heartbeat.timeoutS` | whole seconds, 1 to 60 | `5` | reload |",
    "| `heartbeat.lossS` | seconds, 1 to 3600 | `60` | reload |",
    "| `peers` | mapping: name to { uri: text, at most 1024 characters } | `{}` | reload |",
    "| `sites` | mapping: name to list of 1 to 64: text, at most 255 characters each | `{}` | reload |",
    "| `migration.bandwidthMiBps` | whole MiB a second, 1 to 1000000 | none | reload |",
    "| `migration.downtimeMs` | whole milliseconds, 1 to 2000000 | none | reload |",
    "| `migration.postCopy` | `true` or `false` | `false` | reload |",
    "| `rhev.passwordCommand` | list: a program's absolute path, then its arguments | none | reload |",
    "| `limits.bodyBytes` | whole bytes, 4096 to 16777216 | `1048576` | restart |",
  ])("says in it: %s", (line) => {
    expect(readFileSync(FILE, "utf8")).toContain(`\n${line}`);
  });
});

describe("systemd/config.yaml", () => {
  it("changes nothing as it is shipped", () => {
    expect(loadConfig(repositoryFile("systemd/config.yaml"), {}, [])).toEqual(configSchema.parse({}));
  });

  it("holds every key once its settings are uncommented, with its default where it has one", () => {
    const settings: unknown = parse(UNCOMMENTED);
    const values = [...DEFAULTS.keys()].map((key) => ({ key, value: valueAt(settings, key.split(".")) }));

    expect(values.filter(({ value }) => value === undefined)).toEqual([]);
    const differ = values.filter(({ key, value }) => {
      const byDefault = DEFAULTS.get(key);
      return byDefault !== undefined && words(value) !== words(byDefault);
    });
    expect(differ).toEqual([]);
    const { rhev, ...others } = z.looseObject({ rhev: z.looseObject({}) }).parse(settings);
    const { fingerprints, passwordCredential, passwordFile, ...first } = rhev;
    const { limits, rhev: chosen } = configSchema.parse({ ...others, rhev: first });
    expect(limitsOf({ ...configSchema.parse({}), limits })).toEqual(DEFAULT_LIMITS);
    // what excludes one another stands side by side there
    expect(configSchema.parse({ rhev: { fingerprints, passwordFile } }).rhev).not.toEqual(chosen);
    expect(configSchema.parse({ rhev: { passwordCredential } }).rhev).not.toEqual(chosen);
  });
});

function valueAt(value: unknown, path: readonly string[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const inner = z.record(z.string(), z.unknown()).parse(value)[key];
  return valueAt(inner, rest);
}

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfig } from "../../../daemon/config.ts";
import { configSchema } from "../../../daemon/config-schema.ts";
import { fixedKeysChanged, limitsOf } from "../../../daemon/settings.ts";
import { DEFAULT_LIMITS } from "../../../ipc/protocol.ts";
import { repositoryFile } from "../../support/repository.ts";

/** A part of the schema, as JSON Schema describes it. */
const partSchema = z.object({
  properties: z.record(z.string(), z.unknown()).optional(),
  default: z.unknown().optional(),
});

/** Defaults by the full name of their key; undefined for a key that has none. */
function defaultsOf(part: unknown, name = ""): ReadonlyMap<string, unknown> {
  const { properties, default: byDefault } = partSchema.parse(part);
  if (properties === undefined) return new Map([[name, byDefault]]);
  return new Map(
    Object.entries(properties).flatMap(([key, inner]) => [
      ...defaultsOf(inner, name === "" ? key : `${name}.${key}`),
    ]),
  );
}

const DEFAULTS = defaultsOf(z.toJSONSchema(configSchema, { io: "input" }));

/** Keys whose default is not the schema's but the server's own. */
const LIMITS = new Map<string, unknown>([
  ["limits.bodyBytes", DEFAULT_LIMITS.bodyBytes],
  ["limits.requestsAtOnce", DEFAULT_LIMITS.requestsAtOnce],
  ["limits.readRequestS", DEFAULT_LIMITS.readRequestMs / 1000],
  ["limits.connections", DEFAULT_LIMITS.connections],
]);

/** The rows of docs/configuration.md: key, default, when it takes effect. */
const ROWS = [
  ...readFileSync(repositoryFile("docs/configuration.md"), "utf8").matchAll(
    /^\| `([^`]+)` \| (?:`([^`]+)`|none) \| (reload|restart) \|/gm,
  ),
].map(([, key = "", byDefault, effect]) => ({ key, byDefault, effect }));

const EXAMPLE = readFileSync(repositoryFile("systemd/config.yaml"), "utf8");

/** The example with its settings in force: a comment is `#`, one blank and words, a setting is not. */
const UNCOMMENTED = EXAMPLE.replaceAll(/^#(?! \S)/gm, "");

function words(value: unknown): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}

describe("docs/configuration.md", () => {
  it("names every key of the configuration and no other", () => {
    expect(ROWS.map(({ key }) => key).toSorted()).toEqual([...DEFAULTS.keys()].toSorted());
  });

  it.each(ROWS)("gives the default of $key", ({ key, byDefault }) => {
    expect(byDefault).toBe(words(LIMITS.get(key) ?? DEFAULTS.get(key)));
  });

  it("says which keys a reload does not change", () => {
    const before = configSchema.parse({});
    const after = configSchema.parse({
      socket: "/tmp/other.sock",
      readOnlySocket: { path: "/tmp/ro/other.sock", gid: 1 },
      stateDirectory: "/tmp/other",
      log: { level: "debug" },
      monitorIntervalS: 6,
      stopTimeoutS: 11,
      engine: { timeoutS: 11 },
      libvirt: { uri: "qemu:///session" },
      kvm: { shutdown: "agent" },
      heartbeat: { misses: 4 },
      migration: { postCopy: true },
      sites: { east: ["node1"] },
      rhev: { host: "rhev-host1" },
      metrics: { listen: "127.0.0.1:9868" },
      limits: { connections: 1 },
    });
    const restart = ROWS.filter(({ effect }) => effect === "restart").map(({ key }) => key.split(".")[0]);

    expect(new Set(restart)).toEqual(new Set(fixedKeysChanged(before, after)));
    const reload = ROWS.filter(({ effect }) => effect === "reload").map(({ key }) => key.split(".")[0]);
    expect(new Set([...restart, ...reload])).toEqual(new Set(Object.keys(after)));
    expect(reload.filter((key) => restart.includes(key))).toEqual([]);
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

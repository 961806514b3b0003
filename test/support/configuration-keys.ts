import { z } from "zod";
import { KEY_MEANINGS } from "../../daemon/config-meanings.ts";
import { configSchema } from "../../daemon/config-schema.ts";
import { fixedKeysChanged, limitsOf } from "../../daemon/settings.ts";
import { kindOf } from "./configuration-kinds.ts";

/** A key of the configuration as its documents show it. */
export interface ConfigurationKey {
  /** Full name, its parts joined by dots. */
  readonly key: string;
  /** Kind, unit and limits of its value, in Markdown. */
  readonly kind: string;
  /** As YAML writes it; undefined for a key that may be left out and then has no value. */
  readonly byDefault: string | undefined;
  readonly effect: "reload" | "restart";
  /** In Markdown; undefined for a key that config-meanings.ts does not know. */
  readonly meaning: string | undefined;
}

/** A part of the schema, as JSON Schema describes it. */
const part = z.object({
  properties: z.record(z.string(), z.unknown()).optional(),
  default: z.unknown().optional(),
});

/** All keys, in the order of the schema. */
export function configurationKeys(): readonly ConfigurationKey[] {
  return keysOf(z.toJSONSchema(configSchema, { io: "input" }), "");
}

function keysOf(schema: unknown, name: string): readonly ConfigurationKey[] {
  const { properties, default: byDefault } = part.parse(schema);
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([key, inner]) =>
      keysOf(inner, name === "" ? key : `${name}.${key}`),
    );
  }
  return [
    {
      key: name,
      kind: kindOf(schema, name),
      byDefault: yaml(SERVERS_OWN.get(name) ?? byDefault),
      effect: effectOf(name),
      meaning: MEANINGS.get(name),
    },
  ];
}

const MEANINGS: ReadonlyMap<string, string> = new Map(Object.entries(KEY_MEANINGS));

/** Keys whose default is not the schema's but the server's. */
const SERVERS_OWN: ReadonlyMap<string, unknown> = serversOwn();

function serversOwn(): ReadonlyMap<string, unknown> {
  const { bodyBytes, requestsAtOnce, readRequestMs, connections } = limitsOf(configSchema.parse({}));
  return new Map([
    ["limits.bodyBytes", bodyBytes],
    ["limits.requestsAtOnce", requestsAtOnce],
    ["limits.readRequestS", readRequestMs / 1000],
    ["limits.connections", connections],
  ]);
}

function yaml(value: unknown): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}

/** Asks the daemon's own comparison, with a configuration that differs in nothing but the key's top part. */
function effectOf(name: string): "reload" | "restart" {
  const [top = ""] = name.split(".");
  const before = configSchema.parse({});
  const after = { ...before, [top]: "another value" };
  return fixedKeysChanged(before, after).includes(top) ? "restart" : "reload";
}

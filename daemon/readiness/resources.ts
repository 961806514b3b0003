import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../src/agent-error.ts";
import { ASSOCIATION_KEYS, ATTRIBUTE_NAMES, parseAttributes } from "../../src/attributes.ts";
import { orAbort, withDeadline } from "../../src/deadline.ts";
import { networkSettingOf } from "../../src/dr-network.ts";
import { type CheckedResource, type CheckRow, rowsOf } from "../../src/readiness.ts";
import { associationTokens } from "../../src/tuples.ts";
import type { Cluster } from "../config-sync/cluster.ts";
import { parseRegistration } from "../registration-store.ts";

/** For all that the engine is asked of resources: each attribute is a command. */
const ENGINE_MS = 60_000;

/** The state directory is on a disk of this host. */
const DISK_MS = 5000;

/** Resources that the engine is asked for at the same time. */
const ASKED_AT_ONCE = 4;

/** What is to be checked, and what was odd in finding it. */
export interface KnownResources {
  readonly resources: readonly CheckedResource[];
  readonly rows: readonly CheckRow[];
}

export interface ResourceSources {
  readonly stateDirectory: string;
  readonly cluster: Pick<Cluster, "guests" | "systemsOf" | "value">;
  readonly ownSystem: string;
}

/**
 * The resources of this system: those that the daemon has registered, and those that only the engine knows yet, as before
 * going live. Reads files and asks the engine; changes nothing.
 *
 * @param wanted names; none: all
 */
export async function knownResources(
  sources: ResourceSources,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<KnownResources> {
  const registered = await withDeadline(DISK_MS, "reading the registrations", [signal], (limit) =>
    orAbort(registeredIn(sources.stateDirectory), limit),
  ).catch((error: unknown): KnownResources => {
    const row = rowsOf("resources", sources.stateDirectory);
    return { resources: [], rows: [row.problem(messageOf(error), "repair the disk of stateDirectory")] };
  });
  const names = new Set(registered.resources.map(({ resource }) => resource));
  const asked = await withDeadline(ENGINE_MS, "asking the engine for resources", [signal], (limit) =>
    orAbort(fromEngine(sources, names, wanted), limit),
  ).catch((error: unknown): KnownResources => {
    const why = messageOf(error);
    const row = rowsOf("resources", "the engine");
    const strangers = wanted.filter((name) => !names.has(name)).map((name) => unknownRow(name, why));
    return {
      resources: [],
      rows: [row.notChecked(`only what the daemon has registered is checked: ${why}`), ...strangers],
    };
  });
  return together(registered, asked, wanted);
}

function together(
  registered: KnownResources,
  asked: KnownResources,
  wanted: readonly string[],
): KnownResources {
  const resources = [...registered.resources, ...asked.resources]
    .filter(({ resource }) => wanted.length === 0 || wanted.includes(resource))
    .toSorted((one, other) => (one.resource < other.resource ? -1 : 1));
  const rows = [...registered.rows, ...asked.rows];
  const isSaid = (name: string) => rows.some(({ about }) => about === `resource ${name}`);
  const isFound = (name: string) => resources.some(({ resource }) => resource === name);
  const unknown = wanted.filter((name) => !isFound(name) && !isSaid(name));
  const sum = `${registered.resources.length} registered with the daemon, ${asked.resources.length} more of the engine`;
  return {
    resources,
    rows: [
      ...rows,
      ...resources.flatMap(networkRows),
      ...unknown.map((name) => unknownRow(name, undefined)),
      rowsOf("resources", "this host").ok(sum),
    ],
  };
}

/** @param silence why the engine could not be asked; undefined: it was */
function unknownRow(name: string, silence: string | undefined): CheckRow {
  const row = rowsOf("resources", `resource ${name}`);
  if (silence !== undefined) return row.notChecked(`the daemon has not registered it, and ${silence}`);
  return row.problem(
    "neither the daemon nor the engine knows a resource KVMGuest of this name",
    "hares -list Type=KVMGuest",
  );
}

/** DROpts is looked at as a whole when a guest is started: what is wrong then keeps it from starting. */
function networkRows({ resource, attributes }: CheckedResource): readonly CheckRow[] {
  try {
    networkSettingOf(resource, attributes);
    return [];
  } catch (error) {
    const row = rowsOf("resources", `resource ${resource}`);
    return [
      row.problem(messageOf(error), `hares -modify ${resource} DROpts: docs/vcs-setup.md has its keys`),
    ];
  }
}

/** As the daemon's own store, but a file that cannot be read stays where it is. */
async function registeredIn(stateDirectory: string): Promise<KnownResources> {
  const folder = join(stateDirectory, "registrations");
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json")).toSorted();
  const resources: CheckedResource[] = [];
  const rows: CheckRow[] = [];
  for (const name of names) {
    try {
      const { resource, attributes } = parseRegistration(
        JSON.parse(await readFile(join(folder, name), "utf8")),
      );
      resources.push({ resource, attributes });
    } catch {
      const row = rowsOf("resources", join(folder, name));
      rows.push(
        row.warning("this registration cannot be read: it counts when the engine asks again", "hares -probe"),
      );
    }
  }
  return { resources, rows };
}

/** What is found one by one. */
interface Found {
  readonly resources: CheckedResource[];
  readonly rows: CheckRow[];
}

async function fromEngine(
  { cluster, ownSystem }: ResourceSources,
  registered: ReadonlySet<string>,
  wanted: readonly string[],
): Promise<KnownResources> {
  const all = await cluster.guests();
  const names = all.filter((name) => !registered.has(name) && (wanted.length === 0 || wanted.includes(name)));
  const found: Found = { resources: [], rows: [] };
  const waiting = names.values();
  const workers = Array.from({ length: ASKED_AT_ONCE }, async () => {
    for (const name of waiting) await readOne({ cluster, ownSystem }, name, found);
  });
  await Promise.all(workers);
  return found;
}

async function readOne(
  { cluster, ownSystem }: Pick<ResourceSources, "cluster" | "ownSystem">,
  resource: string,
  found: Found,
): Promise<void> {
  const row = rowsOf("resources", `resource ${resource}`);
  try {
    const systems = await cluster.systemsOf(resource);
    if (!systems.includes(ownSystem)) {
      found.rows.push(row.ok(`not of this system, but of ${systems.join(", ")}`));
      return;
    }
    const tuples = new Map<string, readonly string[]>();
    for (const attribute of ATTRIBUTE_NAMES) {
      const value = await cluster.value(resource, attribute, ownSystem);
      const keys = ASSOCIATION_KEYS[attribute];
      tuples.set(attribute, keys === undefined ? [value] : associationTokens(value, keys));
    }
    found.resources.push({ resource, attributes: parseAttributes(resource, tuples) });
  } catch (error) {
    found.rows.push(row.problem(messageOf(error), `hares -display ${resource}, then hares -modify`));
  }
}

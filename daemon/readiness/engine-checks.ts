import { access, constants, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { entryPointNames } from "../../ipc/entry-point-names.ts";
import { hasCode, messageOf } from "../../src/agent-error.ts";
import { type Check, type CheckRow, type RowMaker, rowsOf } from "../../src/readiness.ts";
import { type HaresOptions, haresEngine, runHostCommand } from "../hares.ts";

/** Scripts of the actions. Source: "About the KVMGuest agent", SupportedActions. */
const ACTIONS = ["actions/guestmigrated", "actions/vmconfigsync", "actions/DevScan"] as const;

/** The type's script agent has to know exit code 200. Source: Agent Developer's Guide, registration V51. */
const OLDEST_AGENT = 51;

const INSTALL = "docs/vcs-setup.md has the steps; install-vcs does them where the package is installed";

/** Are the engine's commands there, does the engine run, and does it know this system and its peers by these names? */
export function engineCheck(hares: HaresOptions, peers: readonly string[]): Check {
  const about = hares.command;
  const row = rowsOf("engine", about);
  return {
    name: "engine",
    about,
    async look(signal) {
      if (!(await isExecutable(hares.command)))
        return [
          row.problem(
            "is not there, or cannot be run: the engine cannot be asked to probe, so changes show at the next monitor only",
            "install the cluster's product on this host, or correct engine.hares",
          ),
        ];
      let states: ReadonlyMap<string, string>;
      try {
        states = await haresEngine(() => hares).systemStates(signal);
      } catch (error) {
        if (hasCode(error, "CANCELLED")) throw error;
        return [
          row.warning(`the engine does not answer: ${messageOf(error)}`, "hastart, then hastatus -sum"),
        ];
      }
      return [membershipRow(row, hares.system, peers, states)];
    },
  };
}

function membershipRow(
  row: RowMaker,
  system: string,
  peers: readonly string[],
  states: ReadonlyMap<string, string>,
): CheckRow {
  const known = [...states.keys()].toSorted().join(", ");
  const own = states.get(system);
  if (own === undefined)
    return row.problem(
      `the cluster has no system ${system}, which this host takes for its own name: it has ${known}`,
      "set engine.system to the name that hasys -list has for this host",
    );
  const strangers = peers.filter((peer) => !states.has(peer));
  if (strangers.length > 0)
    return row.warning(
      `peers of the configuration that are no systems of this cluster: ${strangers.join(", ")}; it has ${known}`,
      "correct the names in peers, unless they belong to the cluster of another site",
    );
  return row.ok(`this host is system ${system} (${own}) of ${known}`);
}

/**
 * Reads an attribute of the type KVMGuest.
 *
 * @throws {AgentError} REFUSED, PLATFORM_DOWN, as the engine's command
 */
export async function typeValue(
  { command, timeoutMs }: HaresOptions,
  attribute: string,
  signal: AbortSignal,
): Promise<string> {
  const hatype = { command: join(dirname(command), "hatype"), timeoutMs };
  return (await runHostCommand(hatype, ["-value", "KVMGuest", attribute], signal)).trim();
}

/** Does the resource type run this agent's entry points? */
export function typeCheck(hares: HaresOptions): Check {
  const about = "type KVMGuest";
  const row = rowsOf("type", about);
  const valueOf = (attribute: string, signal: AbortSignal) => typeValue(hares, attribute, signal);
  return {
    name: "type",
    about,
    async look(signal) {
      try {
        const directory = await valueOf("AgentDirectory", signal);
        const file = await valueOf("AgentFile", signal);
        const rows = [
          ...(await directoryRows(row, directory)),
          ...(await fileRows(row, file === "" ? join(directory, "KVMGuestAgent") : file)),
          ...(await switchRows(row, (attribute) => valueOf(attribute, signal))),
        ];
        return rows.length > 0
          ? rows
          : [row.ok(`its entry points are those in ${directory}, run by ${file}`)];
      } catch (error) {
        return [row.notChecked(messageOf(error))];
      }
    },
  };
}

async function directoryRows(row: RowMaker, directory: string): Promise<readonly CheckRow[]> {
  if (directory === "")
    return [row.problem("AgentDirectory is not set: the product's own agent keeps the guests", INSTALL)];
  const scripts = [...entryPointNames(), ...ACTIONS];
  const sights = await Promise.all(
    scripts.map(async (name) => ({ name, is: await shimAt(join(directory, name)) })),
  );
  const named = (is: "ours" | "foreign" | "missing") =>
    sights.filter((sight) => sight.is === is).map(({ name }) => name);
  const [foreign, missing] = [named("foreign"), named("missing")];
  if (foreign.length > 0)
    return [
      row.problem(
        `entry points in AgentDirectory ${directory} are not this agent's: ${foreign.join(", ")}`,
        INSTALL,
      ),
    ];
  if (missing.length > 0)
    return [
      row.problem(
        `entry points are missing in AgentDirectory ${directory}, or cannot be executed: ${missing.join(", ")}`,
        "install the package anew; docs/protocol.md names the files",
      ),
    ];
  return [];
}

async function shimAt(path: string): Promise<"ours" | "foreign" | "missing"> {
  if (!(await isExecutable(path))) return "missing";
  const text = await readFile(path, "latin1").catch(() => "");
  return text.includes("vcskvmguestd") ? "ours" : "foreign";
}

async function fileRows(row: RowMaker, file: string): Promise<readonly CheckRow[]> {
  if (!(await isExecutable(file)))
    return [
      row.problem(
        `the program that runs the entry points, ${file}, is not there or cannot be executed`,
        INSTALL,
      ),
    ];
  const version = /^Script(\d+)?Agent$/.exec(basename(file));
  if (version === null || Number(version[1] ?? 0) >= OLDEST_AGENT) return [];
  return [
    row.problem(
      `AgentFile ${file} is too old: it knows no intentional offline, and a guest that left is a fault`,
      "take the newest /opt/VRTSvcs/bin/Script*Agent, Script51Agent at least",
    ),
  ];
}

async function switchRows(
  row: RowMaker,
  valueOf: (attribute: string) => Promise<string>,
): Promise<readonly CheckRow[]> {
  const rows: CheckRow[] = [];
  if ((await valueOf("IntentionalOffline")) !== "1")
    rows.push(
      row.warning(
        "IntentionalOffline is not 1: a guest that migrates away is a fault",
        "hatype -modify KVMGuest IntentionalOffline 1",
      ),
    );
  if ((await valueOf("AEPTimeout")) !== "1")
    rows.push(
      row.warning(
        "AEPTimeout is not 1: the agent does not learn how long an entry point may take, and assumes the product's defaults",
        "hatype -modify KVMGuest AEPTimeout 1",
      ),
    );
  return rows;
}

/** Can the shim ask the daemon? */
export function shimCheck(clients: { readonly perl: string; readonly curl: readonly string[] }): Check {
  const row = rowsOf("shim", "perl or curl");
  return {
    name: "shim",
    about: "perl or curl",
    async look() {
      if (await isExecutable(clients.perl)) return [row.ok(`the shim asks the daemon with ${clients.perl}`)];
      for (const path of clients.curl)
        if (await isExecutable(path))
          return [row.ok(`the shim asks the daemon with ${path}; perl would be twice as fast`)];
      return [
        row.problem(
          "neither is there: no entry point reaches the daemon",
          "install perl (perl-interpreter), or curl",
        ),
      ];
    },
  };
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

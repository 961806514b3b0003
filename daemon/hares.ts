import { type ChildProcess, spawn } from "node:child_process";
import { basename, dirname, join } from "node:path";
import { AgentError } from "../src/agent-error.ts";
import { withDeadline } from "../src/deadline.ts";
import type { Engine } from "../src/engine.ts";
import { printable } from "../src/tuples.ts";

/** What is kept of the command's output; its errors are one line. */
const OUTPUT_AT_MOST = 65_536;

export interface HaresOptions {
  /** path of the command */
  readonly command: string;
  /** the name of this system in the cluster */
  readonly system: string;
  readonly timeoutMs: number;
}

/**
 * The engine, reached by its own command `hares`.
 *
 * @param options read at each call, so that a reload takes effect
 */
export function haresEngine(options: () => HaresOptions): Engine {
  return {
    async probe(resource, signal) {
      await runHostCommand(options(), ["-probe", resource, "-sys", options().system], signal);
    },
    async onlineElsewhere(resource, signal) {
      const { system } = options();
      const states = statesOf(await runHostCommand(options(), ["-state", resource], signal));
      // each resource has a state on each system: an answer without any is none
      if (states.length === 0) throw new AgentError("PROTOCOL", `hares -state ${resource} names no state`);
      return states
        .filter(([name, state]) => name !== system && state.includes("ONLINE"))
        .map(([name]) => name);
    },
    async value(resource, attribute, signal) {
      const output = await runHostCommand(
        options(),
        ["-value", resource, attribute, options().system],
        signal,
      );
      return output.trim();
    },
    async lastOnline(resource, signal) {
      const { system } = options();
      const last = (await runHostCommand(options(), ["-value", resource, "LastOnline"], signal)).trim();
      if (last === system) return { kind: "here" };
      if (last === "") return { kind: "unknown", reason: "LastOnline is empty" };
      return { kind: "elsewhere", system: printable(last) };
    },
    async modifyHere(resource, attribute, value, signal) {
      const { system } = options();
      await runHostCommand(options(), ["-modify", resource, attribute, value, "-sys", system], signal);
    },
    async systemStates(signal) {
      return rowsOf("hasys -state", await runHostCommand(beside(options(), "hasys"), ["-state"], signal));
    },
    async clusterStates(signal) {
      return rowsOf("haclus -state", await runHostCommand(beside(options(), "haclus"), ["-state"], signal));
    },
    async clusterValue(attribute, signal) {
      return (
        await runHostCommand(beside(options(), "haclus"), ["-value", attribute, "-localclus"], signal)
      ).trim();
    },
  };
}

/** Another of the engine's commands: they are in one folder. */
function beside({ command, timeoutMs }: HaresOptions, name: string) {
  return { command: join(dirname(command), name), timeoutMs };
}

/**
 * Reads `hasys -state` and `haclus -state`: a heading, then name, attribute and state. A name that is there twice with
 * different states has none that could be believed.
 * Source: manual pages hasys(1M), haclus(1M); public scripts that read them.
 */
function rowsOf(what: string, output: string): ReadonlyMap<string, string> {
  const states = new Map<string, string>();
  for (const line of output.split("\n")) {
    const [name, attribute, state, ...more] = line.trim().split(/\s+/);
    if (name === undefined || line.startsWith("#") || state === undefined || more.length > 0) continue;
    if (attribute !== "SysState" && attribute !== "ClusState") continue;
    const isAnother = states.has(name) && states.get(name) !== state;
    states.set(name, isAnother ? "contradictory" : state);
  }
  if (states.size === 0) throw new AgentError("PROTOCOL", `${what} names no state`);
  return states;
}

/**
 * Reads `hares -state RES`: a heading, then resource, attribute, system and value, which may be `ONLINE|STATE UNKNOWN`.
 * Source: manual page hares(1M); public scripts that read it.
 */
export function statesOf(output: string): (readonly [system: string, states: readonly string[]])[] {
  return output.split("\n").flatMap((line) => {
    const [, attribute, system, ...words] = line.trim().split(/\s+/);
    if (line.startsWith("#") || attribute !== "State" || system === undefined) return [];
    return [[system, words.join(" ").split("|")] as const];
  });
}

/**
 * Runs a command of this host to its end: one of the engine, of systemd.
 *
 * @returns what it printed
 * @throws {AgentError} PLATFORM_DOWN when it cannot be run or does not end in time, REFUSED with its first words when
 *   it fails
 */
export async function runHostCommand(
  options: Pick<HaresOptions, "command" | "timeoutMs">,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const what = `${basename(options.command)} ${namedBy(args)}`;
  return withDeadline(options.timeoutMs, what, [signal], async (limit) => {
    const child = spawn(options.command, args, { stdio: ["ignore", "pipe", "pipe"], cwd: "/" });
    const { code, output, complaint } = await finished(child, what, limit);
    if (code === 0) return output;
    // what it prints for -value may be a password: only its complaint is quoted
    const words = (complaint || (args[0] === "-value" ? "" : output)).split("\n")[0] ?? "";
    throw new AgentError("REFUSED", `${what} ended with ${code}: ${words}`);
  });
}

/** What a command is called in messages: its first words, and of which system. A value that is set may be a secret. */
function namedBy(args: readonly string[]): string {
  const at = args.lastIndexOf("-sys");
  if (at < 0) return args.slice(0, 3).join(" ");
  return [...args.slice(0, Math.min(at, 3)), ...args.slice(at, at + 2)].join(" ");
}

interface End {
  readonly code: number | string;
  readonly output: string;
  readonly complaint: string;
}

/** Ends with the command itself: a grandchild that holds its output open is not waited for. */
function finished(child: ChildProcess, what: string, signal: AbortSignal): Promise<End> {
  return new Promise((resolve, reject) => {
    const output = collect(child.stdout);
    const complaint = collect(child.stderr);
    const settle = () => {
      signal.removeEventListener("abort", kill);
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const kill = () => {
      child.kill("SIGKILL");
      settle();
      reject(
        new AgentError("PLATFORM_DOWN", `${what}: the engine did not answer in time`, {
          cause: signal.reason,
        }),
      );
    };
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    child.once("error", (error) => {
      settle();
      reject(new AgentError("PLATFORM_DOWN", `${what}: cannot be run: ${error.message}`, { cause: error }));
    });
    child.once("exit", (code, killedBy) => {
      // what it wrote last is still in the pipes
      setImmediate(() => {
        settle();
        resolve({ code: code ?? killedBy ?? "?", output: output(), complaint: complaint() });
      });
    });
  });
}

function collect(stream: ChildProcess["stdout"]): () => string {
  let text = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (part: string) => {
    if (text.length < OUTPUT_AT_MOST) text += part;
  });
  return () => text;
}

import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { AgentError } from "../agent-error.ts";

/** One emulator process: its pid alone proves nothing, since the kernel gives pids again. */
export interface EmulatorIdentity {
  readonly pid: number;
  /** clock ticks after boot. Source: proc(5), /proc/pid/stat field 22 */
  readonly startTicks: string;
  readonly uuid: string;
}

/** What /proc shows of one emulator now. */
export interface EmulatorFacts extends EmulatorIdentity {
  /** State of a thread that lives. D sleeps where no signal reaches it. Source: proc(5), field 3. */
  readonly threadState: string;
  /** The leading thread or the memory is gone: the process is dying, but what is left of it holds disks and locks. */
  readonly isDying: boolean;
  readonly incoming: boolean;
}

/** Threads of these states are dead: zombie, dead. */
const DEAD = new Set(["Z", "X"]);

/** The emulator with this pid; undefined when there is no such process, or none of its threads lives. */
export async function emulatorAt(pid: number): Promise<EmulatorFacts | undefined> {
  const life = await lifeOf(pid);
  if (life === undefined) return undefined;
  const args = await argumentsOf(pid, life);
  const uuid = valueAfter(args, "-uuid");
  return uuid === undefined ? undefined : { ...life.facts, uuid, incoming: args.includes("-incoming") };
}

/** The same process still, and any thread of it alive; its command line may be gone with its leading thread or memory. */
export async function stillLives(identity: EmulatorIdentity): Promise<EmulatorFacts | undefined> {
  const life = await lifeOf(identity.pid);
  if (life === undefined || life.facts.startTicks !== identity.startTicks) return undefined;
  const args = await argumentsOf(identity.pid, life);
  const isDying = life.facts.isDying || args.length === 0;
  return { ...life.facts, isDying, uuid: identity.uuid, incoming: args.includes("-incoming") };
}

/**
 * The emulator with this pid that can no longer be told by its command line: the kernel takes the memory of a process
 * first and closes its files after that, which lasts for ever where their storage is dead. The name of the program
 * stays. Source: Linux, do_exit.
 */
export async function namelessEmulatorAt(pid: number): Promise<EmulatorFacts | undefined> {
  const life = await lifeOf(pid);
  if (life === undefined || (await argumentsOf(pid, life)).length > 0) return undefined;
  if (!(await readOrNothing(`/proc/${pid}/comm`)).includes("qemu")) return undefined;
  return { ...life.facts, isDying: true, uuid: "", incoming: false };
}

/** What the leading thread of an emulator does now. */
export interface Pulse {
  readonly threadState: string;
  /** CPU time that the thread has had, clock ticks. Source: proc(5), fields 14 and 15. */
  readonly ticks: number;
}

/**
 * The pulse of a process that is the same still; undefined when it is gone. Read at once: the file is made of memory and
 * waits for nothing, and a hundred of them every few seconds cost a tenth of what they would through the thread pool.
 */
export function pulseOf({ pid, startTicks }: EmulatorIdentity): Pulse | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/task/${pid}/stat`, "utf8");
  } catch {
    return undefined; // it ended meanwhile: others find that out
  }
  const fields = statFields(text);
  const threadState = fields[0];
  if (threadState === undefined || fields[19] !== startTicks) return undefined;
  return { threadState, ticks: Number(fields[11]) + Number(fields[12]) };
}

/** True for a thread that a signal or a debugger has stopped. Source: proc(5), /proc/pid/stat field 3. */
export function isStopped(threadState: string): boolean {
  return threadState === "T" || threadState === "t";
}

/** The arguments a live process was started with; empty for kernel threads and for what is gone. */
export async function liveArguments(pid: number): Promise<readonly string[]> {
  const args = await commandLine(`/proc/${pid}`);
  if (args.length > 0) return args;
  const life = await lifeOf(pid);
  return life === undefined ? [] : argumentsOf(pid, life);
}

/**
 * True when these are the arguments of this guest's emulator. libvirt writes `-name guest=NAME,debug-threads=on`,
 * with more behind the name as qemu.conf wants it; a comma in a name is doubled.
 */
export function isNamed(args: readonly string[], guest: string): boolean {
  const name = valueAfter(args, "-name") ?? "";
  const wanted = `guest=${guest.replaceAll(",", ",,")}`;
  if (!name.startsWith(wanted)) return false;
  const rest = name.slice(wanted.length);
  return rest === "" || (rest.startsWith(",") && !rest.startsWith(",,"));
}

export function valueAfter(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args[at + 1];
}

interface Life {
  readonly facts: Omit<EmulatorFacts, "uuid" | "incoming">;
  /** A thread that lives. */
  readonly thread: string;
}

async function lifeOf(pid: number): Promise<Life | undefined> {
  const leader = await statOf(`/proc/${pid}/stat`);
  if (leader === undefined) return undefined;
  const { startTicks } = leader;
  if (!DEAD.has(leader.state)) {
    return { facts: { pid, startTicks, threadState: leader.state, isDying: false }, thread: String(pid) };
  }
  for (const thread of await namesIn(`/proc/${pid}/task`)) {
    const stat = await statOf(`/proc/${pid}/task/${thread}/stat`);
    if (stat === undefined || DEAD.has(stat.state)) continue;
    return { facts: { pid, startTicks, threadState: stat.state, isDying: true }, thread };
  }
  return undefined;
}

async function argumentsOf(pid: number, { facts, thread }: Life): Promise<readonly string[]> {
  return commandLine(facts.isDying ? `/proc/${pid}/task/${thread}` : `/proc/${pid}`);
}

async function statOf(
  path: string,
): Promise<{ readonly state: string; readonly startTicks: string } | undefined> {
  const fields = statFields(await readOrNothing(path));
  const state = fields[0];
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks };
}

/** From the state on, field 3: the command in parentheses before it may itself hold blanks and parentheses. */
function statFields(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

async function commandLine(folder: string): Promise<readonly string[]> {
  const text = await readOrNothing(`${folder}/cmdline`);
  return text === "" ? [] : text.split("\0");
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw unreadable(folder, error);
  }
}

/** A process may end between any two looks; any other failure to read proves nothing and is said. */
export async function readOrNothing(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isGone(error)) return "";
    throw unreadable(path, error);
  }
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ESRCH";
}

function unreadable(path: string, cause: unknown): AgentError {
  return new AgentError(
    "STILL_RUNNING",
    `${path} cannot be read, so nothing proves whether the emulator lives`,
    {
      cause,
    },
  );
}

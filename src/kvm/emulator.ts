import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../agent-error.ts";
import { pause, throwIfAborted } from "../deadline.ts";

/** One emulator process: its pid alone proves nothing, since the kernel gives pids again. */
export interface EmulatorIdentity {
  readonly pid: number;
  /** clock ticks after boot. Source: proc(5), /proc/pid/stat field 22 */
  readonly startTicks: string;
  readonly uuid: string;
}

/** What /proc shows of one emulator now. */
export interface EmulatorFacts extends EmulatorIdentity {
  /** Field 3 of /proc/pid/stat: Z and X are dead, D sleeps where no signal reaches it. */
  readonly processState: string;
  readonly incoming: boolean;
}

/** How often a signalled emulator is looked at. */
const LOOK_MS = 50;

/**
 * Reads the emulator that libvirt's pid file names, if it is one with this UUID.
 *
 * @param runDirectory libvirt's folder of QEMU pid files, /run/libvirt/qemu
 */
export async function emulatorOf(
  runDirectory: string,
  guest: string,
  uuid: string,
): Promise<EmulatorFacts | undefined> {
  const text = await readOrNothing(join(runDirectory, `${guest}.pid`));
  const pid = /^\s*([1-9]\d{0,9})\s*$/.exec(text)?.[1];
  if (pid === undefined) return undefined;
  const facts = await emulatorAt(Number(pid));
  return facts?.uuid === uuid ? facts : undefined;
}

/** True while the same process lives on: same pid, start time and UUID, and no zombie. */
export async function isSameEmulator(identity: EmulatorIdentity): Promise<EmulatorFacts | undefined> {
  const facts = await emulatorAt(identity.pid);
  if (facts === undefined || isDead(facts)) return undefined;
  return facts.startTicks === identity.startTicks && facts.uuid === identity.uuid ? facts : undefined;
}

/** Which guest a scan of /proc looks for. The name serves only while no UUID was ever read. */
export type EmulatorQuery = { readonly uuid: string } | { readonly name: string };

/**
 * Finds all live emulators of a guest on this host, whoever started them.
 *
 * @throws {AgentError} STILL_RUNNING when /proc cannot be read: then nothing is proved
 */
export async function findEmulators(query: EmulatorQuery): Promise<readonly EmulatorFacts[]> {
  let entries: string[];
  try {
    entries = await readdir("/proc");
  } catch (error) {
    throw new AgentError(
      "STILL_RUNNING",
      "/proc cannot be read, so nothing proves that the emulator is gone",
      {
        cause: error,
      },
    );
  }
  const found: EmulatorFacts[] = [];
  for (const entry of entries) {
    if (!/^\d+$/.test(entry)) continue;
    const args = await commandLine(Number(entry));
    if (!matches(args, query)) continue;
    const facts = await emulatorAt(Number(entry));
    if (facts !== undefined && !isDead(facts)) found.push(facts);
  }
  return found;
}

/**
 * Ends emulators: SIGTERM, then SIGKILL. Before each signal the process is proved to be the same one still.
 *
 * @param graceMs how long each signal is given
 * @throws {AgentError} STILL_RUNNING when one outlives both, as one in an uninterruptible sleep does
 */
export async function endEmulators(
  emulators: readonly EmulatorFacts[],
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (const name of ["SIGTERM", "SIGKILL"] as const) {
    for (const emulator of emulators) await signalEmulator(emulator, name);
    if (await allGone(emulators, graceMs, signal)) return;
    throwIfAborted(signal);
  }
  const left = (await Promise.all(emulators.map(isSameEmulator))).find((facts) => facts !== undefined);
  if (left === undefined) return;
  const asleep =
    left.processState === "D"
      ? ", it hangs in an uninterruptible sleep (state D), its storage is the usual reason"
      : "";
  throw new AgentError("STILL_RUNNING", `emulator with pid ${left.pid} outlived SIGKILL${asleep}`);
}

async function signalEmulator(emulator: EmulatorIdentity, name: "SIGTERM" | "SIGKILL"): Promise<void> {
  if ((await isSameEmulator(emulator)) === undefined) return;
  try {
    process.kill(emulator.pid, name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return;
    throw new AgentError("NOT_ALLOWED", `emulator with pid ${emulator.pid} cannot be signalled`, {
      cause: error,
    });
  }
}

async function allGone(
  emulators: readonly EmulatorIdentity[],
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + ms;
  for (;;) {
    const living = await Promise.all(emulators.map(isSameEmulator));
    if (living.every((facts) => facts === undefined)) return true;
    if (signal.aborted || performance.now() > until) return false;
    await pause(LOOK_MS, signal);
  }
}

async function emulatorAt(pid: number): Promise<EmulatorFacts | undefined> {
  const stat = await readOrNothing(`/proc/${pid}/stat`);
  // the command in parentheses may itself hold blanks and parentheses
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const processState = fields[0];
  const startTicks = fields[19];
  if (processState === undefined || startTicks === undefined) return undefined;
  const args = await commandLine(pid);
  const uuid = valueAfter(args, "-uuid");
  if (uuid === undefined) return undefined;
  return { pid, startTicks, uuid, processState, incoming: args.includes("-incoming") };
}

async function commandLine(pid: number): Promise<readonly string[]> {
  const text = await readOrNothing(`/proc/${pid}/cmdline`);
  return text === "" ? [] : text.split("\0");
}

/** libvirt writes `-uuid UUID` and `-name guest=NAME,debug-threads=on`; a comma in a name is doubled. */
function matches(args: readonly string[], query: EmulatorQuery): boolean {
  if ("uuid" in query) return valueAfter(args, "-uuid") === query.uuid;
  const name = valueAfter(args, "-name") ?? "";
  const wanted = `guest=${query.name.replaceAll(",", ",,")}`;
  return name === wanted || name.startsWith(`${wanted},debug-threads=`);
}

function valueAfter(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args[at + 1];
}

function isDead(facts: EmulatorFacts): boolean {
  return facts.processState === "Z" || facts.processState === "X";
}

/** A process may end between any two looks; any other failure to read proves nothing and is said. */
async function readOrNothing(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw new AgentError(
      "STILL_RUNNING",
      `${path} cannot be read, so nothing proves whether the emulator lives`,
      {
        cause: error,
      },
    );
  }
}

import { join } from "node:path";
import { AgentError } from "../agent-error.ts";
import { pause, throwIfAborted } from "../deadline.ts";
import {
  type EmulatorFacts,
  type EmulatorIdentity,
  emulatorAt,
  isNamed,
  liveArguments,
  namelessEmulatorAt,
  readOrNothing,
  stillLives,
} from "./emulator-facts.ts";

/** How often a signalled emulator is looked at. */
const LOOK_MS = 50;

/**
 * Reads the emulator that libvirt's pid file names, if it is this guest's.
 *
 * @param runDirectory libvirt's folder of QEMU pid files, /run/libvirt/qemu
 */
export async function emulatorOf(runDirectory: string, guest: string): Promise<EmulatorFacts | undefined> {
  const pid = await pidOf(runDirectory, guest);
  const facts = pid === undefined ? undefined : await emulatorAt(pid);
  return facts !== undefined && isNamed(await liveArguments(facts.pid), guest) ? facts : undefined;
}

/**
 * What is left of an emulator that dies and no longer shows whose it is: the one seen last, else the one that libvirt's
 * pid file names.
 */
export async function dyingEmulatorOf(
  runDirectory: string,
  guest: string,
  last: EmulatorIdentity | undefined,
): Promise<EmulatorFacts | undefined> {
  const facts = last === undefined ? undefined : await stillLives(last);
  if (facts !== undefined) return facts;
  const pid = await pidOf(runDirectory, guest);
  return pid === undefined ? undefined : namelessEmulatorAt(pid);
}

async function pidOf(runDirectory: string, guest: string): Promise<number | undefined> {
  const text = await readOrNothing(join(runDirectory, `${guest}.pid`));
  const pid = /^\s*([1-9]\d{0,9})\s*$/.exec(text)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * True while a migration of the guest is under way, as libvirt notes it for its own restart: its emulator then proves
 * nothing, the guest may live on the other host.
 *
 * Source: qemu_domain.c, the attribute `async` of `<job>` in the domain's status file.
 *
 * @param runDirectory libvirt's folder of status files
 */
export async function isMigrating(runDirectory: string, guest: string): Promise<boolean> {
  const status = await readOrNothing(join(runDirectory, `${guest}.xml`));
  return /<job [^>]*async='migration (out|in)'/.test(status);
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
  const left = (await Promise.all(emulators.map(stillLives))).find((facts) => facts !== undefined);
  if (left === undefined) return;
  const asleep =
    left.threadState === "D"
      ? ", it hangs in an uninterruptible sleep (state D), its storage is the usual reason"
      : "";
  throw new AgentError("STILL_RUNNING", `emulator with pid ${left.pid} outlived SIGKILL${asleep}`);
}

async function signalEmulator(emulator: EmulatorIdentity, name: "SIGTERM" | "SIGKILL"): Promise<void> {
  if ((await stillLives(emulator)) === undefined) return;
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
    const living = await Promise.all(emulators.map(stillLives));
    if (living.every((facts) => facts === undefined)) return true;
    if (signal.aborted || performance.now() > until) return false;
    await pause(LOOK_MS, signal);
  }
}

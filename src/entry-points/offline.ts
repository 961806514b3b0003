import { messageOf } from "../agent-error.ts";
import { environmentOf } from "../attributes.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import type { Reading } from "../platform.ts";
import type { GuestContext, OfflineContext, StopResult } from "./context.ts";

/**
 * A booting guest loses the request, so it is repeated, at growing distance: some guests ask their user at
 * every press of the power button.
 */
const REPEAT_MS = [2000, 3000, 5000, 8000, 13_000, 21_000] as const;

/** Where nothing is to be waited for, the platform still gets this long to take the request: RHEV-M is read before. */
const TAKE_MS = { kvm: 1000, rhev: 10_000 } as const;

/** Without a hint the guest is read at least this often while it stops. */
const LOOK_MS = 1000;

/**
 * Asks the guest to shut down and waits for it, DelayAfterGuestOffline at most. Never destroys: a guest that
 * runs on is left to the engine, whose next monitor finds it ONLINE and whose clean ends it.
 *
 * @throws {AgentError} when the hypervisor cannot be asked
 */
export async function offline(context: OfflineContext, signal: AbortSignal): Promise<StopResult> {
  const { attributes, platform, log } = context;
  const guest = attributes.guestName;
  const before = await platform.read(guest, signal);
  if (before.active === false) return proved(context, before, signal);
  if (!(await awake(context, before, signal))) return { stopped: false };

  const takeMs = TAKE_MS[environmentOf(attributes)];
  const boundMs = attributes.delayAfterGuestOfflineS * 1000;
  return withDeadline(boundMs || takeMs, `offline of ${guest}`, [signal], async (bounded) => {
    const asked = await ask(context, bounded, signal);
    if (boundMs > 0) return followShutdown(context, repeater(asked), bounded, signal);
    if (asked) log.info({}, "shutdown requested, nothing is waited for");
    return { stopped: false };
  });
}

/** Ends when the guest has stopped or the bound has passed; only the caller's own signal is an error. */
async function followShutdown(
  context: GuestContext,
  repeat: Repeater,
  bounded: AbortSignal,
  signal: AbortSignal,
): Promise<StopResult> {
  const { attributes, platform, log } = context;
  const guest = attributes.guestName;
  while (!bounded.aborted) {
    await platform.nextChange(guest, LOOK_MS, bounded);
    const reading = await lookOnce(context, bounded);
    if (reading?.active === false && (await isProved(context, bounded))) return { stopped: true };
    if (reading !== undefined && isRunning(reading) && repeat.isDue()) await ask(context, bounded, signal);
  }
  throwIfAborted(signal);
  platform.withdrawStop(guest);
  log.warn(
    { waitedS: attributes.delayAfterGuestOfflineS },
    "guest did not stop in time, the engine will call clean",
  );
  return { stopped: false };
}

interface Repeater {
  isDue(): boolean;
}

/** @param asked false: the first request failed, and the next one is due at once */
function repeater(asked: boolean): Repeater {
  let at = 0;
  let due = performance.now() + (asked ? REPEAT_MS[0] : 0);
  return {
    isDue(): boolean {
      if (performance.now() < due) return false;
      at = Math.min(at + 1, REPEAT_MS.length - 1);
      due = performance.now() + (REPEAT_MS[at] ?? 0);
      return true;
    },
  };
}

/** Only a running guest is asked again: one that is on its way down has heard the request. */
function isRunning(reading: Reading): boolean {
  return reading.active === true && reading.state.kind === "ONLINE" && reading.state.confidence === 100;
}

/** A request that fails (libvirtd is being restarted) is no end: there is time to repeat it. */
async function ask(
  { attributes, platform, log }: GuestContext,
  bounded: AbortSignal,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await platform.requestShutdown(attributes.guestName, bounded);
    return true;
  } catch (error) {
    throwIfAborted(signal);
    log.warn({ err: error }, "shutdown could not be requested");
    return false;
  }
}

async function lookOnce(
  { attributes, platform, log }: GuestContext,
  signal: AbortSignal,
): Promise<Reading | undefined> {
  try {
    return await platform.read(attributes.guestName, signal);
  } catch (error) {
    log.debug({ err: error }, "guest could not be read while it stops");
    return undefined;
  }
}

async function awake(context: OfflineContext, reading: Reading, signal: AbortSignal): Promise<boolean> {
  const { attributes, platform, log } = context;
  if (reading.suspended === undefined) return true;
  try {
    // what runs elsewhere by now, or may, must not go on here from where it stood
    await context.refuseIfUndecided(signal);
    await platform.refuseIfElsewhere(attributes.guestName, signal);
    await platform.wake(attributes.guestName, reading.suspended, signal);
    log.info({ was: reading.suspended }, "suspended guest brought back to shut it down");
    return true;
  } catch (error) {
    throwIfAborted(signal);
    log.warn({ err: error }, "suspended guest cannot be brought back, the engine will call clean");
    return false;
  }
}

async function proved(
  { attributes, platform, log }: GuestContext,
  { reason }: Reading,
  signal: AbortSignal,
): Promise<StopResult> {
  await platform.proveStopped(attributes.guestName, signal);
  log.info({ reason }, "guest is not running");
  return { stopped: true };
}

async function isProved({ attributes, platform, log }: GuestContext, signal: AbortSignal): Promise<boolean> {
  try {
    await platform.proveStopped(attributes.guestName, signal);
    log.info({}, "guest stopped");
    return true;
  } catch (error) {
    log.debug({ reason: messageOf(error) }, "guest is not proved stopped yet");
    return false;
  }
}

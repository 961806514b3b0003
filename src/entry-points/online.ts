import { AgentError } from "../agent-error.ts";
import type { Reading } from "../platform.ts";
import type { GuestContext } from "./context.ts";

/** Exit codes are eight bits: a longer delay before the first monitor cannot be handed to the framework. */
const LARGEST_EXIT_CODE = 255;

/** While a delay is waited for here, the guest is read at least this often. */
const WATCH_MS = 1000;

/**
 * Starts the guest and returns once it runs; a guest that runs already is left as it is, a suspended one is
 * brought back.
 *
 * @returns the exit code: seconds that the framework waits before its first monitor
 * @throws {AgentError} when the guest does not run; the engine learns it from its monitors
 */
export async function online(context: GuestContext, signal: AbortSignal): Promise<number> {
  const { attributes, platform, log } = context;
  const before = await platform.read(attributes.guestName, signal);
  if (before.active === true) {
    await bringBack(context, before, signal);
    return 0;
  }
  await platform.prepare(attributes, signal);
  // an emulator that the hypervisor has lost sight of still holds the guest's disks
  await platform.proveStopped(attributes.guestName, signal);
  await platform.start(attributes.guestName, signal);
  log.info({}, "guest started");
  await platform.claim(attributes.guestName, signal);
  return delayCode(context, signal);
}

async function bringBack(context: GuestContext, reading: Reading, signal: AbortSignal): Promise<void> {
  const { attributes, platform, log } = context;
  if (reading.migrating) {
    throw new AgentError(
      "REFUSED",
      `guest ${attributes.guestName} is migrating: ${reading.reason}; it is left alone`,
    );
  }
  if (reading.suspended !== undefined) {
    await platform.wake(attributes.guestName, reading.suspended, signal);
    log.info({ was: reading.suspended }, "suspended guest brought back");
    return;
  }
  if (reading.state.kind !== "ONLINE") {
    throw new AgentError(
      "REFUSED",
      `guest ${attributes.guestName} cannot be started over what is left of it: ${reading.reason}; clean removes it`,
    );
  }
  log.info({ reason: reading.reason }, "guest runs already");
}

/** Waits here for what an exit code cannot carry; a guest that ends meanwhile needs no further patience. */
async function delayCode(context: GuestContext, signal: AbortSignal): Promise<number> {
  const { attributes, platform } = context;
  const delayS = attributes.delayAfterGuestOnlineS;
  const until = performance.now() + Math.max(0, delayS - LARGEST_EXIT_CODE) * 1000;
  while (performance.now() < until && !signal.aborted) {
    await platform.nextChange(attributes.guestName, Math.min(WATCH_MS, until - performance.now()), signal);
    if (await hasEnded(context, signal)) return 0;
  }
  return Math.min(delayS, LARGEST_EXIT_CODE);
}

async function hasEnded({ attributes, platform, log }: GuestContext, signal: AbortSignal): Promise<boolean> {
  try {
    return (await platform.read(attributes.guestName, signal)).active === false;
  } catch (error) {
    log.debug({ err: error }, "guest could not be read during its delay");
    return false;
  }
}

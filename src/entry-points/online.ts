import { AgentError, hasCode } from "../agent-error.ts";
import { abortError, throwIfAborted } from "../deadline.ts";
import { type NetworkSetting, networkSettingOf } from "../dr-network.ts";
import { type PayloadFile, payloadFileOf } from "../payload-file.ts";
import type { Reading } from "../platform.ts";
import type { GuestContext, OnlineContext } from "./context.ts";
import { goesOnFromMemory } from "./saved-memory.ts";

/** Exit codes are eight bits: a longer delay before the first monitor cannot be handed to the framework. */
const LARGEST_EXIT_CODE = 255;

/** While something is waited for here, the guest is read at least this often. */
const WATCH_MS = 1000;

/**
 * Starts the guest and returns once it runs; a guest that runs already is left as it is, a suspended one is
 * brought back.
 *
 * @returns the exit code: seconds that the framework waits before its first monitor
 * @throws {AgentError} when the guest does not run; the engine learns it from its monitors
 */
export async function online(context: OnlineContext, signal: AbortSignal): Promise<number> {
  const { attributes, platform, log } = context;
  const before = await readAfterArrival(context, signal);
  if (before.active === true) {
    await bringBack(context, before, signal);
    return 0;
  }
  const network = networkSettingOf(context.resource, attributes);
  const { resynced } = await platform.prepare(attributes, signal);
  if (resynced) context.onResynced();
  // an emulator that the hypervisor has lost sight of still holds the guest's disks
  await platform.proveStopped(attributes.guestName, signal);
  await platform.refuseIfElsewhere(attributes.guestName, signal);
  const goesOn = await goesOnFromMemory(context, signal);
  // a guest that goes on does not boot, and keeps the devices it had
  if (!goesOn) await platform.setPayload(attributes, payloadOf(context, network), signal);
  await context.onStarting();
  await (goesOn
    ? platform.restore(attributes.guestName, signal)
    : platform.start(attributes.guestName, signal));
  log.info({}, "guest started");
  await platform.claim(attributes.guestName, signal);
  return delayCode(context, signal);
}

function payloadOf(
  { resource, attributes, site }: OnlineContext,
  network: NetworkSetting | undefined,
): PayloadFile | undefined {
  if (network === undefined) return undefined;
  const { guestName: guest, rhevmInfo } = attributes;
  // in RHEV a site is a cluster
  return payloadFileOf(network, { resource, guest, site: rhevmInfo.enabled ? rhevmInfo.cluster : site });
}

/**
 * A guest whose memory is being saved, or that reboots, is waited for, and one that comes by migration: it runs here soon,
 * or its migration breaks and nothing of it is left. The latter takes the hypervisor some time when the host that it came
 * from has lost power, which is when the engine wants it here.
 */
async function readAfterArrival(
  { attributes, platform, log }: GuestContext,
  signal: AbortSignal,
): Promise<Reading> {
  const guest = attributes.guestName;
  let reading = await platform.read(guest, signal);
  if (isComing(reading))
    log.warn({ reason: reading.reason }, "guest is on its way to another state, which is waited for");
  while (isComing(reading)) {
    await platform.nextChange(guest, WATCH_MS, signal);
    throwIfAborted(signal);
    reading = await platform.read(guest, signal);
  }
  return reading;
}

function isComing({ incoming, passing }: Reading): boolean {
  return incoming === true || passing === true;
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
    // what runs elsewhere by now must not go on here from where it stood
    await platform.refuseIfElsewhere(attributes.guestName, signal);
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
  const end = performance.now() + attributes.delayAfterGuestOnlineS * 1000;
  const until = end - LARGEST_EXIT_CODE * 1000;
  while (performance.now() < until && !signal.aborted) {
    await platform.nextChange(attributes.guestName, Math.min(WATCH_MS, until - performance.now()), signal);
    if (await hasEnded(context, signal)) return 0;
  }
  // at the deadline the framework gets what is left of the delay; a clean wants no patience with this guest
  if (signal.aborted && !hasCode(signal.reason, "TIMED_OUT")) throw abortError(signal);
  const leftS = Math.ceil((end - performance.now()) / 1000);
  return Math.min(Math.max(0, leftS), LARGEST_EXIT_CODE);
}

async function hasEnded({ attributes, platform, log }: GuestContext, signal: AbortSignal): Promise<boolean> {
  try {
    return (await platform.read(attributes.guestName, signal)).active === false;
  } catch (error) {
    log.debug({ err: error }, "guest could not be read during its delay");
    return false;
  }
}

import { AgentError, hasCode, messageOf } from "../agent-error.ts";
import { type Answer, answerOf } from "../answer.ts";
import type { Reading } from "../platform.ts";
import { online, UNKNOWN } from "../resource-state.ts";
import type { MonitorContext } from "./context.ts";

/** A guest whose events never pause is answered from the last of this many readings. */
const READINGS_AT_MOST = 5;

/** The answer and the reading behind it; no reading where nothing could be proved. */
export interface MonitorResult {
  readonly answer: Answer;
  readonly reading: Reading | undefined;
}

/**
 * Reports the state of one guest. Changes nothing and never throws.
 *
 * A reading that an event or the end of an operation overtook is read again. Whatever cannot be proved is
 * UNKNOWN, so that a broken management connection is not mistaken for a stopped guest.
 *
 * @param signal aborted at the deadline of the entry point, and when the shim goes away
 */
export async function monitor(context: MonitorContext, signal: AbortSignal): Promise<MonitorResult> {
  try {
    const reading = await freshReading(context, signal);
    await context.note(reading);
    return { answer: answerOf(reading, context.facts(reading)), reading };
  } catch (error) {
    if (!(error instanceof AgentError)) {
      context.log.error({ err: error }, "monitor failed in a way nobody foresaw");
    }
    return { answer: { state: UNKNOWN, reason: messageOf(error) }, reading: undefined };
  }
}

async function freshReading(context: MonitorContext, signal: AbortSignal): Promise<Reading> {
  for (let attempt = 1; ; attempt++) {
    const epoch = context.epoch();
    const told = await context.platform.read(context.attributes.guestName, signal, context.patienceMs);
    const reading = await proved(context, told, signal);
    await context.refresh();
    if (epoch === context.epoch() || attempt === READINGS_AT_MOST) return reading;
  }
}

/**
 * While the guest is being stopped, and at the first look, the hypervisor's word for "not running" is not enough:
 * it may have lost sight of an emulator that lives. Such a guest is ONLINE whatever the engine is told meanwhile: as
 * an OFFLINE beside a live emulator it would pass for a policy's.
 */
async function proved(context: MonitorContext, reading: Reading, signal: AbortSignal): Promise<Reading> {
  const { stopping, lastAnswer } = context.facts(reading);
  if (reading.active !== false || (!stopping && lastAnswer !== undefined)) return reading;
  try {
    await context.platform.proveStopped(context.attributes.guestName, signal);
    return reading;
  } catch (error) {
    if (!hasCode(error, "STILL_RUNNING")) throw error;
    return { ...reading, state: online(10), active: true, reason: `${reading.reason}, but ${error.message}` };
  }
}

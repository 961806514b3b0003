import { type Heartbeat, type HeartbeatEvent, nameFits } from "../src/heartbeat.ts";
import type { Log } from "../src/log.ts";
import type { ResourceRecord } from "./resource-book.ts";

/** Whether the name that a guest gives itself is known to be right, for one value of CESystem. */
export interface NameCheck {
  readonly expected: string;
  isRight: boolean;
  /** Answers in a row with another name. */
  wrong: number;
  isTold: boolean;
}

/** Tells what has become of a heartbeat: what begins and what ends, and nothing in between. */
export function tellHeartbeat(
  log: Log,
  record: ResourceRecord,
  before: Heartbeat,
  because: HeartbeatEvent["kind"],
): void {
  const after = record.heartbeat;
  const fields = aboutHeartbeat(record);
  if (after.phase === "lost" && before.phase !== "lost") {
    const { misses, silentMs } = after;
    const isFault = record.registration.attributes.ceInfo.faultOnHbLoss;
    const silentS = Math.round(silentMs / 1000);
    log.warn({ ...fields, misses, silentS, isFault }, "guest heartbeat is lost");
  } else if (before.phase === "lost" && after.phase !== "lost") {
    log.info({ ...fields, because }, "guest heartbeat is not lost any more");
  } else if (before.phase === "unarmed" && after.phase === "armed") {
    log.info(fields, "guest heartbeat is armed");
  } else if (before.phase === "armed" && after.phase === "unarmed") {
    log.debug({ ...fields, because }, "guest heartbeat is disarmed");
  }
  if (!isUseless(after) || isUseless(before)) return;
  log.warn(
    fields,
    because === "no channel"
      ? "guest has no channel to an agent, libvirt alone tells its state"
      : "guest agent is not heard, libvirt alone tells the state of its guest",
  );
}

/**
 * Takes note of the name that a guest gave itself. It may get its name late, so the first wrong answers are not told of.
 *
 * @param given undefined: the agent cannot tell it
 * @param patience wrong answers in a row that are told of
 */
export function checkName(
  log: Log,
  record: ResourceRecord,
  check: NameCheck,
  given: string | undefined,
  patience: number,
): void {
  const fields = { ...aboutHeartbeat(record), ceSystem: check.expected, hostName: given ?? "not told" };
  if (given !== undefined && nameFits(check.expected, given)) {
    if (check.isTold) log.info(fields, "guest gives itself the name in CESystem");
    check.isRight = true;
    check.wrong = 0;
    check.isTold = false;
    return;
  }
  check.wrong += 1;
  if (check.isTold || check.wrong < patience) return;
  check.isTold = true;
  log.warn(fields, "guest does not give itself the name in CESystem");
}

/** The fields that tell whose heartbeat it is. */
export function aboutHeartbeat({ registration }: ResourceRecord): {
  readonly resource: string;
  readonly guest: string;
} {
  return { resource: registration.resource, guest: registration.attributes.guestName };
}

function isUseless(heartbeat: Heartbeat): boolean {
  return heartbeat.phase === "unarmed" && heartbeat.isUseless;
}

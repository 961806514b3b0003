import { hasCode } from "../agent-error.ts";
import {
  ASSOCIATION_KEYS,
  ATTRIBUTE_NAMES,
  type Attributes,
  DEFAULT_DELAY_OFFLINE_S,
  DEFAULT_DELAY_ONLINE_S,
  parseAttributes,
} from "../attributes.ts";
import type { Engine } from "../engine.ts";
import type { Log } from "../log.ts";
import { associationTokens } from "../tuples.ts";

/**
 * Reads all attributes of a resource from the engine as they are now.
 *
 * @throws {AgentError} PLATFORM_DOWN or REFUSED when the engine does not tell, BAD_ATTRIBUTE when a value is wrong
 */
export async function currentAttributes(
  engine: Engine,
  resource: string,
  signal: AbortSignal,
): Promise<Attributes> {
  const tuples = new Map<string, readonly string[]>();
  for (const name of ATTRIBUTE_NAMES) {
    const line = await engine.value(resource, name, signal);
    const keys = ASSOCIATION_KEYS[name];
    tuples.set(name, keys === undefined ? [line] : associationTokens(line, keys));
  }
  return parseAttributes(resource, tuples);
}

/** Warns of delays below the vendor's defaults, as the vendor's agent does. */
export function warnOfShortDelays(attributes: Attributes, log: Log): void {
  const { delayAfterGuestOnlineS, delayAfterGuestOfflineS } = attributes;
  if (delayAfterGuestOnlineS < DEFAULT_DELAY_ONLINE_S) {
    log.warn(
      {
        attribute: "DelayAfterGuestOnline",
        value: delayAfterGuestOnlineS,
        byDefault: DEFAULT_DELAY_ONLINE_S,
      },
      "delay is below its default, the first monitor may find the guest not yet up",
    );
  }
  if (delayAfterGuestOfflineS < DEFAULT_DELAY_OFFLINE_S) {
    log.warn(
      {
        attribute: "DelayAfterGuestOffline",
        value: delayAfterGuestOfflineS,
        byDefault: DEFAULT_DELAY_OFFLINE_S,
      },
      "delay is below its default, the guest may be ended by force before it has stopped",
    );
  }
}

/** True for errors after which the attributes kept from the last request must serve. */
export function isEngineSilent(error: unknown): boolean {
  return hasCode(error, "PLATFORM_DOWN", "REFUSED", "TIMED_OUT");
}

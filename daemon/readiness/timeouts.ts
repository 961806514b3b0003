import { messageOf } from "../../src/agent-error.ts";
import {
  type Check,
  type CheckedResource,
  type CheckRow,
  type RowMaker,
  rowsOf,
} from "../../src/readiness.ts";
import type { HaresOptions } from "../hares.ts";
import { typeValue } from "./engine-checks.ts";

/** A tenth of a timeout is kept for the answer; what is left over is for asking the guest. */
const OF_THE_DELAY = 7 / 6;

/** How long the engine lets entry points of the type run, in seconds. */
export interface TypeTimeouts {
  readonly offlineS: number;
  readonly cleanS: number;
}

/**
 * Reads the timeouts of the type KVMGuest. A resource may override them: that is not looked at.
 *
 * @throws {AgentError} REFUSED, PLATFORM_DOWN as the engine's command; what it printed may be no number
 */
export async function typeTimeouts(hares: HaresOptions, signal: AbortSignal): Promise<TypeTimeouts> {
  const offlineS = Number(await typeValue(hares, "OfflineTimeout", signal));
  return { offlineS, cleanS: Number(await typeValue(hares, "CleanTimeout", signal)) };
}

/** Does the engine wait for each guest's offline as long as the guest is given to stop? */
export function timeoutsCheck(hares: HaresOptions, resources: readonly CheckedResource[]): Check {
  const row = rowsOf("timeouts", "type KVMGuest");
  return {
    name: "timeouts",
    about: "type KVMGuest",
    async look(signal) {
      let timeouts: TypeTimeouts;
      try {
        timeouts = await typeTimeouts(hares, signal);
      } catch (error) {
        return [row.notChecked(messageOf(error))];
      }
      return timeoutRows(row, timeouts, resources);
    },
  };
}

function timeoutRows(
  row: RowMaker,
  { offlineS }: TypeTimeouts,
  resources: readonly CheckedResource[],
): readonly CheckRow[] {
  if (!(offlineS > 0)) return [row.notChecked("the engine's OfflineTimeout of the type is no number")];
  const rows = resources.flatMap(({ resource, attributes: { delayAfterGuestOfflineS: delayS } }) => {
    const needS = Math.ceil(delayS * OF_THE_DELAY);
    if (needS <= offlineS) return [];
    return [
      rowsOf("timeouts", `resource ${resource}`).warning(
        `its guest is given ${delayS} s to stop (DelayAfterGuestOffline), and OfflineTimeout of the type is ${offlineS} s: clean may end the guest before its time is over`,
        `hatype -modify KVMGuest OfflineTimeout ${needS}; nothing where the resource overrides it with as much`,
      ),
    ];
  });
  return rows.length > 0
    ? rows
    : [row.ok(`OfflineTimeout, ${offlineS} s, leaves each guest its time to stop`)];
}

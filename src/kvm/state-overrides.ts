import type { ResourceState } from "../resource-state.ts";
import { INTENTIONAL_OFFLINE, OFFLINE, online, UNKNOWN } from "../resource-state.ts";
import { isRowName, type RowName, STATE_TABLE, type StateOverrides } from "./state-table.ts";

const ANSWERS: ReadonlyMap<string, ResourceState> = new Map([
  ...([10, 20, 30, 40, 50, 60, 70, 80, 90, 100] as const).map((confidence): [string, ResourceState] => [
    `ONLINE ${confidence}`,
    online(confidence),
  ]),
  ["OFFLINE", OFFLINE],
  ["INTENTIONAL OFFLINE", INTENTIONAL_OFFLINE],
  ["UNKNOWN", UNKNOWN],
]);

/** What the configuration puts in place of the table's rows, and what of it cannot be. */
export interface ParsedOverrides {
  readonly overrides: StateOverrides;
  readonly problems: readonly string[];
}

/**
 * Reads the configuration's changes to the state table: row name to answer.
 *
 * A guest that has no emulator here cannot be called online: the engine would believe in a guest that is not there.
 */
export function parseStateOverrides(entries: Readonly<Record<string, string>>): ParsedOverrides {
  const overrides = new Map<RowName, ResourceState>();
  const problems: string[] = [];
  for (const [name, answer] of Object.entries(entries)) {
    const state = ANSWERS.get(answer);
    if (!isRowName(name)) {
      problems.push(
        `kvm.states.${name}: is no row of the table; rows are ${Object.keys(STATE_TABLE).join(", ")}`,
      );
    } else if (state === undefined) {
      problems.push(`kvm.states.${name}: "${answer}" is no answer`);
    } else if (state.kind === "ONLINE" && name.startsWith("shut off")) {
      problems.push(`kvm.states.${name}: a guest that is shut off cannot be answered with ${answer}`);
    } else {
      overrides.set(name, state);
    }
  }
  return { overrides, problems };
}

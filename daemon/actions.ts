import { defaultTimeoutS } from "../ipc/entry-point-names.ts";
import { type ActionRequest, parseAction } from "../src/action-request.ts";
import { AgentError } from "../src/agent-error.ts";
import { parseAttributes } from "../src/attributes.ts";
import { orLate, withDeadline } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import { budgetMs, LATE_MS } from "./budget.ts";
import { runDevScan } from "./dev-scan-action.ts";
import { runGuestMigrated } from "./guest-migrated.ts";
import { type Call, type OperationParts, refuseMixedEnvironments } from "./operations.ts";
import { vmConfigSync } from "./vmconfigsync.ts";

/** The actions of the type. Source: "About the KVMGuest agent", SupportedActions. */
export type ActionName = "guestmigrated" | "vmconfigsync" | "DevScan";

/** One call of an action. */
interface ActionCall extends Call {
  /** The action's own arguments. */
  readonly args: readonly string[];
}

/** How an action ended: `hares -action` prints the output, one line, and exits with the code. */
export interface ActionResult {
  readonly exitCode: 0 | 1;
  readonly output: string;
  /** What of it belongs into the log. */
  readonly fields?: object;
}

/** Does what the action is for. What it throws makes the action fail, with the error's message for output. */
type Action = (parts: OperationParts, call: ActionCall, signal: AbortSignal) => Promise<ActionResult>;

/** A new action is a row here, its course in a file of its own. */
const ACTIONS: Readonly<Record<ActionName, Action>> = {
  guestmigrated: runGuestMigrated,
  vmconfigsync: vmConfigSync,
  DevScan: runDevScan,
};

/** What every action is run with. */
interface ActionRunner {
  readonly parts: OperationParts;
  readonly log: Log;
  /** Aborts when the daemon ends. */
  readonly ending: AbortSignal;
}

/**
 * Runs an action of a resource under its deadline. It goes on when its shim is killed.
 *
 * @param args as the framework passed them to the action's script
 * @throws {AgentError} REFUSED for a token that is no action, BAD_ATTRIBUTE for broken arguments, and what the
 *   action throws
 */
export async function runAction(
  { parts, log, ending }: ActionRunner,
  token: string,
  args: readonly string[],
): Promise<ActionResult> {
  if (!isActionName(token)) throw new AgentError("REFUSED", `there is no action ${token}`);
  const request = parseAction(args);
  const { resource } = request;
  const limitMs = budgetMs(request.timeoutS ?? defaultTimeoutS("action"));
  const call = callOf(parts, request, limitMs, log.child({ resource }));
  return withDeadline(limitMs, `action ${token} of resource ${resource}`, [ending], (signal) =>
    orLate(ACTIONS[token](parts, call, signal), LATE_MS, signal),
  );
}

/** As every request with tuples does, an action refreshes the resource's registration. */
function callOf(
  { book, passwords }: OperationParts,
  request: ActionRequest,
  budget: number,
  log: Log,
): ActionCall {
  const { resource, tuples, args } = request;
  const record = book.refresh(resource, parseAttributes(resource, tuples));
  const { attributes } = record.registration;
  passwords.note(attributes, tuples);
  refuseMixedEnvironments(book, resource, attributes);
  return {
    record,
    attributes,
    budgetMs: budget,
    isByHand: false, // an action tells the engine no state
    log: log.child({ guest: attributes.guestName }),
    args,
  };
}

/** True for an action of the type. */
export function isActionName(token: string): token is ActionName {
  return Object.hasOwn(ACTIONS, token);
}

import { ATTRIBUTE_NAMES, entryPointTimeoutS } from "./attributes.ts";
import { resourceName } from "./request.ts";
import { parseTuples, type Tuples } from "./tuples.ts";

/** One call of an action, taken apart but not yet validated as a resource. */
export interface ActionRequest {
  readonly resource: string;
  readonly tuples: Tuples;
  /** The action's own arguments, as `hares -action RES TOKEN -actionargs` got them. */
  readonly args: readonly string[];
  /** The framework's limit for this call, if it passed one. */
  readonly timeoutS: number | undefined;
}

const TIMEOUT = "AEPTimeout";

/** What the framework passes before an action's own arguments. */
const KNOWN = new Set<string>([...ATTRIBUTE_NAMES, TIMEOUT]);

/**
 * Takes the arguments of an action apart: `RES tuples`, then the action's own in one of three forms, because no
 * document settles it for agents with tuples: `2 a b`, a tuple `NAME 2 a b`, or `a b` as they are. AEPTimeout may
 * stand before or after them.
 *
 * @throws {AgentError} BAD_ATTRIBUTE when the tuples have no such shape
 */
export function parseAction(args: readonly string[]): ActionRequest {
  const resource = resourceName(args[0]);
  const tail = startOfTail(args);
  const rest = args.slice(tail);
  const trailing = isTimeoutTuple(rest.slice(-3)) ? rest.slice(-3) : [];
  const whole = argumentsIn(rest);
  const tuples = parseTuples([...args.slice(1, tail), ...(whole === undefined ? trailing : [])]);
  const untimed = rest.slice(0, rest.length - trailing.length);
  const own = whole ?? argumentsIn(untimed) ?? untimed;
  return { resource, tuples, args: own, timeoutS: entryPointTimeoutS(tuples) };
}

/** Where the tuples of the attributes end. A tuple of a name nobody here knows counts if known ones follow it. */
function startOfTail(args: readonly string[]): number {
  let end = 1;
  let at = 1;
  while (at < args.length) {
    const name = args[at] ?? "";
    const next = at + 2 + (countAt(args, at + 1) ?? Number.POSITIVE_INFINITY);
    // a known name with a broken count is for the parser of tuples to complain of
    if (next > args.length) return KNOWN.has(name) ? args.length : end;
    // what stands before AEPTimeout and is unknown may be the action's own arguments
    if (name === TIMEOUT ? end === at : KNOWN.has(name)) end = next;
    at = next;
  }
  return end;
}

/** `2 a b` or `NAME 2 a b`, if the tail is one of these to its last token. */
function argumentsIn(tail: readonly string[]): readonly string[] | undefined {
  if (countAt(tail, 0) === tail.length - 1) return tail.slice(1);
  if (tail[0] !== TIMEOUT && countAt(tail, 1) === tail.length - 2) return tail.slice(2);
  return undefined;
}

function countAt(tokens: readonly string[], at: number): number | undefined {
  const text = tokens[at];
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}

function isTimeoutTuple([name, count]: readonly string[]): boolean {
  return name === TIMEOUT && count === "1";
}

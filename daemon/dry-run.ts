import type { DryRunAnswer } from "../ipc/answers.ts";
import { defaultTimeoutS, fallbackExitCode } from "../ipc/entry-point-names.ts";
import { type EntryPointRequest as IpcRequest, kindOf } from "../ipc/protocol.ts";
import { parseAction } from "../src/action-request.ts";
import { AgentError, messageOf } from "../src/agent-error.ts";
import { type Answer, answerOf } from "../src/answer.ts";
import { type Attributes, environmentOf, parseAttributes } from "../src/attributes.ts";
import { withDeadline } from "../src/deadline.ts";
import type { Reading } from "../src/platform.ts";
import { type EntryPoint, parseRequest } from "../src/request.ts";
import { monitorExitCode, stateText } from "../src/resource-state.ts";
import type { Tuples } from "../src/tuples.ts";
import { type ActionName, isActionName } from "./actions.ts";
import { answerFacts } from "./answer-facts.ts";
import { budgetMs } from "./budget.ts";
import { stepsOf } from "./dry-run-steps.ts";
import { type OperationParts, refuseMixedEnvironments } from "./operations.ts";
import type { ResourceRecord } from "./resource-book.ts";

/** An operator waits; what cannot be read within this is told as that. */
const READ_MS = 3000;

/** What a dry run looks at, and does not change. */
export type DryRunParts = Pick<OperationParts, "platform" | "book" | "migrations" | "arrivals">;

/** A request as far as it could be read. */
interface Asked {
  readonly name: EntryPoint | ActionName;
  readonly resource: string;
  readonly tuples: Tuples;
  readonly reason?: number | undefined;
  readonly target?: string | undefined;
  readonly timeoutS: number | undefined;
}

/**
 * Says what a request would ask and do, and does nothing of it: the guest is read, and nothing is noted, not even that the
 * resource exists.
 */
export async function dryRun(parts: DryRunParts, request: IpcRequest): Promise<DryRunAnswer> {
  const limitMs = (timeoutS: number | undefined) => budgetMs(timeoutS ?? defaultTimeoutS(kindOf(request)));
  const nothing = {
    entryPoint: request.name,
    resource: null,
    guest: null,
    environment: null,
    registered: false,
    answer: null,
  };
  let asked: Asked | undefined;
  try {
    asked = readRequest(request);
    return await rehearse(parts, asked, limitMs(asked.timeoutS), request.signal);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const resource = asked?.resource ?? null;
    const deadlineS = limitMs(asked?.timeoutS) / 1000;
    const registered = asked !== undefined && parts.book.get(asked.resource) !== undefined;
    const steps = [
      `nothing is asked or done: exit code ${fallbackExitCode(kindOf(request))}, and the log says why`,
    ];
    return { ...nothing, resource, registered, deadlineS, problems: [messageOf(error)], steps };
  }
}

function readRequest(request: IpcRequest): Asked {
  if (request.kind === "entry-point") {
    const { entryPoint, resource, tuples, reason, targetHost, timeoutS } = parseRequest(
      request.name,
      request.args,
    );
    return { name: entryPoint, resource, tuples, reason, target: targetHost, timeoutS };
  }
  if (!isActionName(request.name)) throw new AgentError("REFUSED", `there is no action ${request.name}`);
  const { resource, tuples, timeoutS } = parseAction(request.args);
  return { name: request.name, resource, tuples, timeoutS };
}

async function rehearse(
  parts: DryRunParts,
  asked: Asked,
  limitMs: number,
  signal: AbortSignal,
): Promise<DryRunAnswer> {
  const { name, resource } = asked;
  const known = parts.book.get(resource);
  const answer = {
    entryPoint: name,
    resource: resource === "" ? null : resource,
    guest: known?.registration.attributes.guestName ?? null,
    environment: known === undefined ? null : environmentOf(known.registration.attributes),
    registered: known !== undefined,
    deadlineS: limitMs / 1000,
    problems: [],
    answer: null,
  };
  if (name === "shutdown") {
    const count = parts.book.all().length;
    return {
      ...answer,
      steps: [
        `all ${count} resources are no longer watched until open comes; guests are left as they are`,
        "exit code 0",
      ],
    };
  }
  if (name === "close")
    return {
      ...answer,
      steps: ["what is kept of the resource is removed; its guest is left as it is", "exit code 0"],
    };

  const { attributes, problems } = attributesFor(asked, known);
  if (name !== "attr_changed") refuseMixedEnvironments(parts.book, resource, attributes);
  const { reading, problem } = await read(parts, attributes, signal);
  const told = reading === undefined ? undefined : answerTo(parts, reading, known);
  const facts = {
    attributes,
    reading,
    answer: told,
    operation: operationOn(parts, attributes),
    migration: parts.migrations.get(attributes.guestName),
    budgetMs: limitMs,
    reason: asked.reason,
    target: asked.target,
  };
  return {
    ...answer,
    guest: attributes.guestName,
    environment: environmentOf(attributes),
    problems: [...problems, ...(problem === undefined ? [] : [problem])],
    steps: [...stepsOf(name, facts)],
    answer: told === undefined ? null : answerView(told),
  };
}

/** As the dispatcher takes them: a guest must be stoppable though an attribute was spoilt. */
function attributesFor(
  { name, resource, tuples }: Asked,
  known: ResourceRecord | undefined,
): { readonly attributes: Attributes; readonly problems: readonly string[] } {
  if (name === "attr_changed") {
    if (known !== undefined) return { attributes: known.registration.attributes, problems: [] };
    throw new AgentError(
      "REFUSED",
      `resource ${resource} is not open here; its attributes come with the next request`,
    );
  }
  try {
    return { attributes: parseAttributes(resource, tuples), problems: [] };
  } catch (error) {
    if ((name !== "offline" && name !== "clean") || known === undefined) throw error;
    const problem = `${messageOf(error)}; the attributes of the last good request serve`;
    return { attributes: known.registration.attributes, problems: [problem] };
  }
}

async function read(
  { platform, book }: DryRunParts,
  attributes: Attributes,
  signal: AbortSignal,
): Promise<{ readonly reading?: Reading; readonly problem?: string }> {
  const guest = attributes.guestName;
  const isKept = () => book.ofGuest(guest).length > 0;
  if (environmentOf(attributes) === "rhev" && !isKept())
    return { problem: "the guest is not read: RHEV-M is asked only for guests whose resource is open here" };
  try {
    const reading = await withDeadline(READ_MS, `reading guest ${guest}`, [signal], (limit) =>
      platform.read(guest, limit, READ_MS / 2),
    );
    return { reading };
  } catch (error) {
    return { problem: `the guest cannot be read now: ${messageOf(error)}` };
  } finally {
    if (!isKept()) platform.forget(guest);
  }
}

function answerTo(parts: DryRunParts, reading: Reading, known: ResourceRecord | undefined): Answer {
  if (known === undefined) return answerOf(reading, { stopping: false });
  return answerOf(reading, answerFacts(parts, known, reading));
}

function operationOn({ book }: DryRunParts, { guestName }: Attributes): string | undefined {
  return book.ofGuest(guestName).find(({ operation }) => operation !== undefined)?.operation;
}

function answerView({ state, reason }: Answer): DryRunAnswer["answer"] {
  const confidence = state.kind === "ONLINE" ? state.confidence : null;
  return { state: stateText(state), confidence, code: monitorExitCode(state), reason };
}

import { type DryRunAnswer, parseAttributes, parseDryRun } from "../../ipc/answers.ts";
import { askDaemon } from "../../ipc/client.ts";
import {
  defaultTimeoutS,
  type EntryPointKind,
  isActionToken,
  isEntryPointName,
  isLegalExitCode,
} from "../../ipc/entry-point-names.ts";
import { IpcError } from "../../ipc/ipc-error.ts";
import { BY_HAND_HEADER, encodeArguments, parseReply, SHIM_PID_HEADER } from "../../ipc/protocol.ts";
import { AgentError } from "../../src/agent-error.ts";
import { parseRequest } from "../../src/request.ts";
import type { CommandContext } from "./command.ts";
import { exitCodeWords } from "./exit-code-words.ts";
import { CommandError, EXIT_CODES } from "./exit-codes.ts";
import { printable } from "./printable.ts";

/** A word that names an entry point, or an action as `action/TOKEN`. */
interface Target {
  readonly kind: EntryPointKind;
  readonly name: string;
  /** Below /v1/ and /v1/dry-run/. */
  readonly path: string;
}

/** Runs an entry point as a shim does, or has the daemon say what it would do. */
export async function runEntryPointByHand(context: CommandContext): Promise<number> {
  const [word = "", ...given] = context.words;
  const target = targetOf(word);
  const args = await argumentsFor(target, given, context);
  return context.options["dry-run"] === true ? dryRun(context, target, args) : run(context, target, args);
}

function targetOf(word: string): Target {
  const token = /^actions?\/(.*)$/s.exec(word)?.[1];
  if (token !== undefined && isActionToken(token))
    return { kind: "action", name: token, path: `actions/${token}` };
  if (token === undefined && isEntryPointName(word))
    return { kind: word, name: word, path: `entry-points/${word}` };
  throw new CommandError(
    "wrong",
    `there is no entry point ${JSON.stringify(printable(word))}: it is open, close, online, offline, monitor, clean, attr_changed, migrate, shutdown, or action/TOKEN`,
  );
}

/** What the framework would pass; of a resource alone, the attributes that the daemon keeps. */
async function argumentsFor(
  { kind }: Target,
  given: readonly string[],
  context: CommandContext,
): Promise<readonly string[]> {
  const [resource] = given;
  if (kind === "shutdown") {
    if (given.length === 0) return [];
    throw new CommandError("wrong", "shutdown concerns all resources, it takes no arguments");
  }
  if (resource === undefined) throw new CommandError("wrong", `name the resource that ${kind} is for`);
  if (given.some((word) => word.includes("\0")))
    throw new CommandError("wrong", "an argument holds a NUL byte");
  if (given.length > 1 || kind === "close") {
    if (context.options["dry-run"] !== true) checkShape(kind, given); // a dry run shows what is wrong, and what follows
    return given;
  }
  return [resource, ...(await keptArguments(resource, context))];
}

/** The daemon would answer the engine's code alone, with its reason in the log. An action's own arguments have no shape. */
function checkShape(kind: EntryPointKind, given: readonly string[]): void {
  try {
    if (kind !== "action") parseRequest(kind, given);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const problem = `${printable(error.message)}: after RESOURCE attributes are passed as NAME COUNT VALUE...`;
    throw new CommandError("wrong", problem, { cause: error });
  }
}

async function keptArguments(resource: string, context: CommandContext): Promise<readonly string[]> {
  const path = `/v1/resources/${encodeURIComponent(resource)}/attributes`;
  try {
    const attributes = parseAttributes(await askDaemon({ method: "GET", path }, context));
    return Object.entries(attributes).flatMap(([name, values]) => [name, String(values.length), ...values]);
  } catch (error) {
    if (!(error instanceof IpcError) || error.code !== "NOT_FOUND") throw error;
    throw new CommandError(
      "notFound",
      `resource ${printable(resource)} is not open here: pass its attributes as well (NAME COUNT VALUE...), or see kvmguestctl status`,
      { cause: error },
    );
  }
}

async function dryRun(context: CommandContext, target: Target, args: readonly string[]): Promise<number> {
  const request = {
    method: "POST",
    path: `/v1/dry-run/${target.path}`,
    body: encodeArguments(args),
  } as const;
  const answer = parseDryRun(await askDaemon(request, context));
  const { options, terminal } = context;
  if (options.json === true) terminal.print(JSON.stringify(answer));
  else for (const line of dryRunLines(answer)) terminal.print(printable(line));
  return EXIT_CODES.done.code;
}

/** What would be asked and done, for people. */
export function dryRunLines(answer: DryRunAnswer): readonly string[] {
  const { entryPoint, resource, guest, environment, registered, deadlineS, problems, steps } = answer;
  const whose = [
    ...(resource === null ? [] : [`of resource ${resource}`]),
    ...(guest === null ? [] : [`guest ${guest} (${environment ?? "?"})`]),
  ].join(", ");
  return [
    `${entryPoint}${whose === "" ? "" : ` ${whose}`}: nothing is done, this is what it would do within ${deadlineS} s`,
    ...(registered || resource === null ? [] : ["note: the resource is not open here"]),
    ...problems.map((problem) => `problem: ${problem}`),
    ...steps.map((step, at) => `${at + 1}. ${step}`),
  ];
}

/** The daemon answers within the entry point's own deadline, so that is waited for. */
async function run(context: CommandContext, target: Target, args: readonly string[]): Promise<number> {
  const request = {
    method: "POST",
    path: `/v1/${target.path}`,
    headers: { [SHIM_PID_HEADER]: String(process.pid), [BY_HAND_HEADER]: "1" },
    body: encodeArguments(args),
  } as const;
  const limitMs =
    context.options.timeout === undefined ? defaultTimeoutS(target.kind) * 1000 : context.limitMs;
  const reply = parseReply(await askDaemon(request, { ...context, limitMs }));
  if (reply === undefined || !isLegalExitCode(target.kind, reply.exitCode))
    throw new IpcError("BAD_ANSWER", `the answer is no exit code of ${target.kind}: is it another version?`);
  const { exitCode, output } = reply;
  const meaning = exitCodeWords(target.kind, exitCode);
  if (context.options.json === true) {
    context.terminal.print(JSON.stringify({ entryPoint: target.name, exitCode, meaning, output }));
  } else {
    context.terminal.print(`${target.name}: exit code ${exitCode}: ${meaning}`);
    for (const line of output.trimEnd().split("\n").filter(Boolean)) context.terminal.print(printable(line));
  }
  return EXIT_CODES.done.code;
}

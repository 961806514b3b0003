import { EventEmitter } from "eventemitter3";
import { defaultTimeoutS, fallbackExitCode } from "../ipc/entry-point-names.ts";
import { type EntryPointReply, type EntryPointRequest as IpcRequest, kindOf } from "../ipc/protocol.ts";
import { AgentError, messageOf } from "../src/agent-error.ts";
import type { Attributes } from "../src/attributes.ts";
import { orLate, withDeadline } from "../src/deadline.ts";
import type { Log } from "../src/log.ts";
import { attributesOf, type EntryPoint, type EntryPointRequest, parseRequest } from "../src/request.ts";
import { runAction } from "./actions.ts";
import { announce } from "./announce.ts";
import { budgetMs, LATE_MS } from "./budget.ts";
import { runMigrate } from "./migrate-operation.ts";
import {
  type Call,
  type OperationParts,
  type Result,
  refuseMixedEnvironments,
  runAttrChanged,
  runClean,
  runMonitor,
  runOffline,
  runOnline,
} from "./operations.ts";
import type { ResourceRecord } from "./resource-book.ts";
import { forgetIfUnkept } from "./unkept-guest.ts";

/** Names of resources come from outside: a stream of invented ones must not grow without end. */
const COMPLAINTS_AT_MOST = 10_000;

/** What a monitor exits with that proves nothing. */
const UNKNOWN_CODE = fallbackExitCode("monitor");

/** Checking autostart is a courtesy at open; it must not keep the framework waiting. */
const CLAIM_MS = 5000;

/** How a request ended. `given_up`: a monitor whose shim went away; `unknown`: one that proved nothing. */
type Outcome = "done" | "unknown" | "failed" | "late" | "given_up" | "defect";

/** One request that was answered. */
export interface EndedRequest {
  /** `action` for all of them. */
  readonly entryPoint: string;
  /** As the request names it; empty where it names none. */
  readonly resource: string;
  readonly outcome: Outcome;
  /** An operator's: the engine is not told. */
  readonly isByHand: boolean;
  readonly exitCode: number;
  readonly ms: number;
}

/** What the dispatcher publishes. */
export interface DispatcherEvents {
  ended: [request: EndedRequest];
}

/** Answers the requests of the shims. */
export class Dispatcher {
  readonly events = new EventEmitter<DispatcherEvents>();
  readonly #parts: OperationParts;
  readonly #log: Log;
  readonly #ending: AbortSignal;
  /** What a resource's monitor complained of last. */
  readonly #complaints = new Map<string, string>();

  /** @param ending aborts when the daemon ends: what runs then is given up, guests are left as they are */
  constructor(parts: OperationParts, log: Log, ending: AbortSignal) {
    this.#parts = parts;
    this.#log = log;
    this.#ending = ending;
  }

  /** Never throws: what went wrong is in the log, and the exit code is the one for "nothing proved". */
  async handle(request: IpcRequest): Promise<EntryPointReply> {
    const since = performance.now();
    const { reply, error } = await this.#answer(request, since);
    const { exitCode } = reply;
    const entryPoint = kindOf(request);
    const resource = request.args[0] ?? "";
    const outcome = outcomeOf(request, exitCode, error);
    const isByHand = request.isByHand === true;
    const ended = { entryPoint, resource, outcome, isByHand, exitCode, ms: elapsed(since) };
    announce(() => this.events.emit("ended", ended), this.#log);
    return reply;
  }

  async #answer(
    request: IpcRequest,
    since: number,
  ): Promise<{ readonly reply: EntryPointReply; readonly error?: unknown }> {
    const kind = kindOf(request);
    const log = this.#log.child({ entryPoint: request.name });
    try {
      if (request.kind === "action") return { reply: await this.#action(request, log, since) };
      const parsed = parseRequest(request.name, request.args);
      return { reply: await this.#run(parsed, request, log, since) };
    } catch (error) {
      const exitCode = fallbackExitCode(kind);
      this.#complain(request, { code: exitCode, ms: elapsed(since), err: error }, error, log);
      const output = request.kind === "action" ? oneLine(messageOf(error)) : "";
      return { reply: { exitCode, output }, error };
    }
  }

  async #action({ name, args }: IpcRequest, log: Log, since: number): Promise<EntryPointReply> {
    const runner = { parts: this.#parts, log, ending: this.#ending };
    const { exitCode, output, fields } = await runAction(runner, name, args);
    log.info({ resource: args[0], ...fields, code: exitCode, ms: elapsed(since) }, "entry point ended");
    return { exitCode, output: oneLine(output) };
  }

  /** A monitor that fails each minute for the same reason is logged once. */
  #complain(request: IpcRequest, fields: object, error: unknown, log: Log): void {
    const resource = request.args[0] ?? "";
    if (!(error instanceof AgentError)) {
      log.error({ resource, ...fields }, "entry point failed in a way nobody foresaw");
      return;
    }
    if (request.name === "monitor") {
      if (this.#complaints.get(resource) === error.message) return;
      if (this.#complaints.size < COMPLAINTS_AT_MOST) this.#complaints.set(resource, error.message);
    }
    log.warn({ resource, ...fields }, "entry point failed");
  }

  async #run(
    request: EntryPointRequest,
    ipc: IpcRequest,
    parent: Log,
    since: number,
  ): Promise<EntryPointReply> {
    const { entryPoint, resource } = request;
    const limitMs = budgetMs(request.timeoutS ?? defaultTimeoutS(entryPoint));
    const log = resource === "" ? parent : parent.child({ resource });
    // a monitor nobody waits for is given up; what changes a guest goes on when its shim is killed
    const parents = entryPoint === "monitor" ? [this.#ending, ipc.signal] : [this.#ending];
    const result = await withDeadline(limitMs, `${entryPoint} of resource ${resource}`, parents, (signal) =>
      orLate(
        this.#entryPoint(request, { limitMs, isByHand: ipc.isByHand === true, log }, signal),
        LATE_MS,
        signal,
      ),
    );
    const fields = { ...result.fields, code: result.exitCode, ms: elapsed(since) };
    if (entryPoint === "monitor" && this.#complaints.delete(resource)) log.info({}, "monitor works again");
    if (entryPoint === "monitor") log.debug(fields, "entry point ended");
    else log.info(fields, "entry point ended");
    return { exitCode: result.exitCode, output: "" };
  }

  async #entryPoint(
    request: EntryPointRequest,
    { limitMs, isByHand, log }: { readonly limitMs: number; readonly isByHand: boolean; readonly log: Log },
    signal: AbortSignal,
  ): Promise<Result> {
    const { entryPoint, resource } = request;
    if (entryPoint === "shutdown") return this.#shutdown();
    if (entryPoint === "close") return this.#close(resource);
    const record = this.#recordOf(request, log);
    const { attributes } = record.registration;
    const call: Call = {
      record,
      attributes,
      budgetMs: limitMs,
      isByHand,
      log: log.child({ guest: attributes.guestName }),
    };
    if (entryPoint !== "attr_changed") refuseMixedEnvironments(this.#parts.book, resource, attributes);
    return this.#onGuest(entryPoint, request, call, signal);
  }

  async #onGuest(
    entryPoint: Exclude<EntryPoint, "shutdown" | "close">,
    request: EntryPointRequest,
    call: Call,
    signal: AbortSignal,
  ): Promise<Result> {
    switch (entryPoint) {
      case "open":
        return this.#open(call, signal);
      case "monitor":
        return runMonitor(this.#parts, call, signal);
      case "online":
        return runOnline(this.#parts, call, signal);
      case "offline":
        return runOffline(this.#parts, call, signal);
      case "clean":
        return runClean(this.#parts, call, request.reason, signal);
      case "migrate":
        return runMigrate(this.#parts, call, request.targetHost, signal);
      case "attr_changed":
        return runAttrChanged(this.#parts, call, request.change?.attribute ?? "", signal);
    }
  }

  async #open({ record, attributes, log }: Call, signal: AbortSignal): Promise<Result> {
    await this.#parts.book.saved(record);
    const claimed = withDeadline(CLAIM_MS, "the check of autostart", [this.#ending], (limit) =>
      this.#parts.platform.claim(attributes.guestName, limit),
    );
    claimed.catch((error: unknown) => log.debug({ err: error }, "autostart could not be checked"));
    if (!signal.aborted) log.info({}, "resource is watched");
    return { exitCode: 0 };
  }

  async #close(resource: string): Promise<Result> {
    const { arrivals, book } = this.#parts;
    const guest = book.get(resource)?.registration.attributes.guestName;
    await book.remove(resource);
    arrivals.forget(resource);
    if (guest !== undefined) await forgetIfUnkept(this.#parts, guest);
    return { exitCode: 0 };
  }

  async #shutdown(): Promise<Result> {
    const { book } = this.#parts;
    await Promise.all(book.all().map((record) => book.change(record, { watched: false })));
    return { exitCode: 0 };
  }

  /** The resource's record, refreshed by what the request carries. */
  #recordOf(request: EntryPointRequest, log: Log): ResourceRecord {
    const { book } = this.#parts;
    const { entryPoint, resource } = request;
    const known = book.get(resource);
    if (entryPoint === "attr_changed") {
      if (known !== undefined) return known;
      throw new AgentError(
        "REFUSED",
        `resource ${resource} is not open here; its attributes come with the next request`,
      );
    }
    const attributes = this.#attributesFor(request, known, log);
    this.#parts.passwords.note(attributes, request.tuples);
    const before = known?.registration.attributes.guestName;
    const record =
      entryPoint === "open" ? book.open(resource, attributes) : book.refresh(resource, attributes);
    if (before !== undefined) void forgetIfUnkept(this.#parts, before);
    return record;
  }

  /** A guest must be stoppable though an attribute that has nothing to do with stopping was spoilt meanwhile. */
  #attributesFor(request: EntryPointRequest, known: ResourceRecord | undefined, log: Log): Attributes {
    try {
      return attributesOf(request);
    } catch (error) {
      const stops = request.entryPoint === "offline" || request.entryPoint === "clean";
      if (!stops || known === undefined) throw error;
      log.warn({ err: error }, "attributes cannot be right, the ones of the last good request serve");
      return known.registration.attributes;
    }
  }
}

function outcomeOf(request: IpcRequest, exitCode: number, error: unknown): Outcome {
  const kind = kindOf(request);
  if (kind === "monitor" && request.signal.aborted) return "given_up";
  if (error instanceof AgentError) {
    if (kind === "monitor") return "unknown";
    return error.code === "TIMED_OUT" ? "late" : "failed";
  }
  if (error !== undefined) return "defect";
  if (kind === "monitor" && exitCode === UNKNOWN_CODE) return "unknown";
  return kind === "action" && exitCode !== 0 ? "failed" : "done";
}

function elapsed(since: number): number {
  return Math.round((performance.now() - since) * 10) / 10;
}

/** The framework shows what an action prints; libvirt's own words may have several lines. */
function oneLine(words: string): string {
  return `${words.replace(/\s*\n\s*/g, " ").trim()}\n`;
}

import { messageOf } from "../agent-error.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import {
  ERROR_CODE,
  hasErrorCode,
  isAgentUnresponsive,
  isConnectionLost,
  isNoDomain,
  isOperationInvalid,
} from "../libvirt/errors.ts";
import type { AgentAnswer, AgentQuestion } from "../platform.ts";
import { type DomainWords, domainWords } from "./domain-words.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { DomainRef, Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";

/** Waiting for a session: while libvirtd is being restarted nothing is to be learnt of a guest. */
const SESSION_MS = 1000;

/**
 * libvirtd has its own limit for each command, and that is what tells of the guest: what is not answered a while later
 * tells of libvirtd. Before a command it synchronizes with the agent, which has the same limit again.
 */
const LIBVIRTD_MS = 3000;

/** After a question that hangs in libvirtd: each further one would occupy one more of its twenty workers. */
const HANG_PAUSE_MS = 60_000;

/** Whether a job keeps the guest from answering is known at once, or not at all. */
const JOB_MS = 2000;

/** No host name is longer. Source: hostname(7). */
const NAME_LENGTH = 255;

/**
 * Jobs beside which a guest runs as ever. All others stop it, or slow it down: a migration that does not converge has
 * the guest throttled to a few percent. Source: libvirt-domain.h, virDomainJobOperation: backup, snapshot delete.
 */
const HARMLESS_JOBS: readonly unknown[] = [9, 10];

export interface GuestAgentParts {
  readonly lane: Lane;
  readonly slow: Lane;
  readonly memories: GuestMemories;
}

/** Asks the agents inside of guests, through libvirt. */
export class GuestAgent {
  readonly #parts: GuestAgentParts;

  constructor(parts: GuestAgentParts) {
    this.#parts = parts;
  }

  /** See Platform.askAgent. */
  async ask(guest: string, question: AgentQuestion, signal: AbortSignal): Promise<AgentAnswer> {
    const memory = this.#parts.memories.of(guest);
    if (performance.now() < memory.noAgentBefore) {
      return { kind: "unreadable", reason: "the last question hangs in libvirt" };
    }
    const limitMs = SESSION_MS + LIBVIRTD_MS + 2000 * question.timeoutS;
    try {
      return await withDeadline(limitMs, `asking the agent of guest ${guest}`, [signal], (limit) =>
        this.#parts.lane.use(SESSION_MS, limit, (session) => this.#askOn(session, guest, question, limit)),
      );
    } catch (error) {
      throwIfAborted(signal);
      return { kind: "unreadable", reason: messageOf(error) };
    }
  }

  async #askOn(
    session: Hypervisor,
    guest: string,
    question: AgentQuestion,
    signal: AbortSignal,
  ): Promise<AgentAnswer> {
    try {
      return await this.#ask(session, guest, question, signal);
    } catch (error) {
      if (signal.aborted) this.#parts.memories.of(guest).noAgentBefore = performance.now() + HANG_PAUSE_MS;
      if (isNoDomain(error)) return { kind: "off" };
      if (isOperationInvalid(error)) return { kind: "held up", reason: messageOf(error) };
      throw error;
    }
  }

  async #ask(
    session: Hypervisor,
    guest: string,
    question: AgentQuestion,
    signal: AbortSignal,
  ): Promise<AgentAnswer> {
    const domain = await session.lookupByName(guest, { signal });
    const words = await stateOf(session, domain, signal);
    if (words.state === "shut off") return { kind: "off" };
    if (!isRunning(words)) return { kind: "held up", reason: `libvirt says ${words.text}` };
    const answer = await pinged(session, domain, question, signal);
    return answer.kind === "silent" ? this.#excused(session, domain, answer, signal) : answer;
  }

  /** A silence counts only of a guest that runs still and that nothing slows down. */
  async #excused(
    session: Hypervisor,
    domain: DomainRef,
    silent: AgentAnswer,
    signal: AbortSignal,
  ): Promise<AgentAnswer> {
    const words = await stateOf(session, domain, signal);
    if (!isRunning(words)) return { kind: "held up", reason: `libvirt says ${words.text}` };
    const isBusy = await this.#hasJob(domain, signal);
    return isBusy ? { kind: "held up", reason: "a job of libvirt's stops it or slows it down" } : silent;
  }

  /** Job statistics of an emulator that hangs do not come: that is no excuse. */
  async #hasJob({ name, uuid }: DomainRef, signal: AbortSignal): Promise<boolean> {
    const memory = this.#parts.memories.of(name);
    if (performance.now() < memory.noJobBefore) return false;
    try {
      return await withDeadline(JOB_MS, "job statistics", [signal], (limit) =>
        this.#parts.slow.use(0, limit, async (session) => {
          const job = await session.getJobStats(uuid, 0, { signal: limit });
          return job.type !== 0 && !HARMLESS_JOBS.includes(job.params.get("operation"));
        }),
      );
    } catch (error) {
      throwIfAborted(signal);
      // on the target of a migration libvirt refuses: the guest arrives
      return hasErrorCode(error, ERROR_CODE.OPERATION_UNSUPPORTED);
    }
  }
}

async function stateOf(session: Hypervisor, { uuid }: DomainRef, signal: AbortSignal): Promise<DomainWords> {
  const { state, reason } = await session.getState(uuid, { signal });
  return domainWords(state, reason);
}

function isRunning({ state }: DomainWords): boolean {
  return state === "running" || state === "idle";
}

async function pinged(
  session: Hypervisor,
  domain: DomainRef,
  { timeoutS, wantsHostName }: AgentQuestion,
  signal: AbortSignal,
): Promise<AgentAnswer> {
  const run = domain.id;
  const command = (execute: string) =>
    session.agentCommand(domain.uuid, { command: JSON.stringify({ execute }), timeoutS }, { signal });
  try {
    await command("guest-ping");
  } catch (error) {
    if (isAgentUnresponsive(error)) return { kind: "silent", run, reason: messageOf(error) };
    if (hasErrorCode(error, ERROR_CODE.ARGUMENT_UNSUPPORTED)) return { kind: "no channel", run };
    // the agent's own refusal, or its end in the middle of the answer
    if (isRefusal(error)) return { kind: "silent", run, reason: messageOf(error) };
    throw error;
  }
  const frozen = returned(await orNothing(command("guest-fsfreeze-status"))) === "frozen";
  const named = wantsHostName && !frozen ? await orNothing(command("guest-get-host-name")) : undefined;
  return { kind: "answered", run, frozen, hostName: hostNameIn(returned(named)) };
}

/** An older agent, or one that was told to, refuses commands. */
async function orNothing(reply: Promise<string | null>): Promise<string | null> {
  try {
    return await reply;
  } catch (error) {
    if (isRefusal(error) || isAgentUnresponsive(error)) return null;
    throw error;
  }
}

/** libvirt passes an agent's error on as one of its own. */
function isRefusal(error: unknown): boolean {
  return hasErrorCode(error, ERROR_CODE.INTERNAL_ERROR) && !isConnectionLost(error);
}

/** What an agent returned; it is written inside the guest, so it may be anything. */
function returned(reply: string | null | undefined): unknown {
  try {
    const parsed: unknown = JSON.parse(reply ?? "null");
    return typeof parsed === "object" && parsed !== null && "return" in parsed ? parsed.return : undefined;
  } catch {
    return undefined; // no JSON: nothing was told
  }
}

/** Source: QEMU Guest Agent Protocol Reference, guest-get-host-name. */
function hostNameIn(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("host-name" in value)) return undefined;
  const name = value["host-name"];
  return typeof name === "string" ? name.slice(0, NAME_LENGTH) : undefined;
}

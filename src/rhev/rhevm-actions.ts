import { randomUUID } from "node:crypto";
import { AgentError } from "../agent-error.ts";
import type { PayloadFile } from "../payload-file.ts";
import { type ActionReply, actionReplyOf, faultText } from "./action-document.ts";
import {
  clusterBody,
  type FenceType,
  fenceBody,
  migrateBody,
  PLAIN_ACTION,
  payloadBody,
  reasonBody,
  startBody,
} from "./request-bodies.ts";
import type { RhevmSession, Write } from "./session.ts";
import { outcomeUnknown } from "./transport.ts";

/** What a 404 means, and whether the action is sent in the session that stands or not at all. */
type Manner = Pick<Write, "notFound" | "isPrompt">;

const VM: Manner = { notFound: "GUEST_NOT_FOUND" };
const HOST: Manner = { notFound: "REFUSED" };
/** What ends something wherever it is by then. */
const VM_NOW: Manner = { ...VM, isPrompt: true };
const HOST_NOW: Manner = { ...HOST, isPrompt: true };

/** An action that the engine accepted: it has begun, and its end shows in the states. */
export interface Accepted {
  /** Events of this action carry it. */
  readonly correlationId: string;
  /** As it came: `complete`, `pending`, `in_progress`. */
  readonly status: string;
  /** After a fence of type `status`: `on`, `off`, `unknown`. */
  readonly power: string | undefined;
}

/**
 * All that the agent changes at an engine. Each is sent once.
 *
 * Errors are those of RhevmSession.write: REFUSED with the engine's words when it says no (409, on engines before 3.3
 * 400), GUEST_NOT_FOUND for a VM it does not know, OUTCOME_UNKNOWN when nobody can tell: then the state must be read. Stop,
 * shutdown and fence are not sent after a log-in, on facts that may be old by then: PLATFORM_DOWN.
 */
export class RhevmActions {
  readonly #session: RhevmSession;

  constructor(session: RhevmSession) {
    this.#session = session;
  }

  /** Starts a VM, or resumes one that is paused or suspended. */
  async startVm(id: string, hostId: string | undefined, signal: AbortSignal): Promise<Accepted> {
    const { version } = await this.#session.entry(signal);
    return this.#actOnVm(id, "start", startBody(version, hostId), signal);
  }

  /** Ends a VM at once, wherever it runs. */
  async stopVm(id: string, reason: string, signal: AbortSignal): Promise<Accepted> {
    return this.#act(`/vms/${id}`, "stop", reasonBody(reason), VM_NOW, signal);
  }

  /**
   * Asks a VM to shut down, wherever it runs. The engine turns this into a stop when the VM is not `up`, or has neither
   * ACPI nor a guest agent.
   */
  async shutDownVm(id: string, reason: string, signal: AbortSignal): Promise<Accepted> {
    return this.#act(`/vms/${id}`, "shutdown", reasonBody(reason), VM_NOW, signal);
  }

  async migrateVm(id: string, hostId: string, signal: AbortSignal): Promise<Accepted> {
    return this.#actOnVm(id, "migrate", migrateBody(hostId), signal);
  }

  async cancelMigration(id: string, signal: AbortSignal): Promise<Accepted> {
    return this.#actOnVm(id, "cancelmigration", PLAIN_ACTION, signal);
  }

  /** Puts files on a virtual CD-ROM that the VM has from its next start on; no files: takes it away. */
  async setPayload(
    id: string,
    volume: string,
    files: readonly PayloadFile[],
    signal: AbortSignal,
  ): Promise<void> {
    const { version, release } = await this.#session.entry(signal);
    // the schema of one file changed with 3.3
    const isOldSchema = release !== undefined && release.major === 3 && release.minor < 3;
    await this.#changeVm(id, payloadBody(version, isOldSchema, volume, files), signal);
  }

  /** Moves a VM that is down to another cluster of its data centre. */
  async setCluster(id: string, clusterId: string, signal: AbortSignal): Promise<void> {
    await this.#changeVm(id, clusterBody(clusterId), signal);
  }

  async activateHost(id: string, signal: AbortSignal): Promise<Accepted> {
    return this.#act(`/hosts/${id}`, "activate", PLAIN_ACTION, HOST, signal);
  }

  /** Sends a host to maintenance: its VMs are migrated away first. */
  async deactivateHost(id: string, reason: string, signal: AbortSignal): Promise<Accepted> {
    return this.#act(`/hosts/${id}`, "deactivate", reasonBody(reason), HOST, signal);
  }

  /** With `manual`: tells the engine that the host is dead. If it is not, its VMs may run twice. */
  async fenceHost(id: string, type: FenceType, signal: AbortSignal): Promise<Accepted> {
    return this.#act(`/hosts/${id}`, "fence", fenceBody(type), HOST_NOW, signal);
  }

  /** Makes an `up` host the SPM of its data centre; engines before 3.3 do not know it. */
  async selectSpm(id: string, signal: AbortSignal): Promise<Accepted> {
    return this.#act(`/hosts/${id}`, "forceselectspm", PLAIN_ACTION, HOST, signal);
  }

  async #changeVm(id: string, body: string, signal: AbortSignal): Promise<void> {
    const correlationId = newCorrelationId();
    await this.#session.write(
      { method: "PUT", path: `/vms/${id}`, body, correlationId, notFound: "GUEST_NOT_FOUND" },
      signal,
    );
  }

  async #actOnVm(id: string, verb: string, body: string, signal: AbortSignal): Promise<Accepted> {
    return this.#act(`/vms/${id}`, verb, body, VM, signal);
  }

  async #act(
    resource: string,
    verb: string,
    body: string,
    manner: Manner,
    signal: AbortSignal,
  ): Promise<Accepted> {
    const correlationId = newCorrelationId();
    const path = `${resource}/${verb}`;
    const answer = await this.#session.write(
      { method: "POST", path, body, correlationId, ...manner },
      signal,
    );
    return this.#accepted(readReply(answer, path), path, correlationId);
  }

  /** The engine may answer 200 and say in the document that it failed. */
  #accepted({ status, fault, power }: ActionReply, path: string, correlationId: string): Accepted {
    if (status === "failed" || fault !== undefined) {
      const words =
        fault === undefined ? "no reason given" : faultText(fault, (text) => this.#session.hide(text));
      throw new AgentError("REFUSED", `${path}: RHEV-M refused: ${words}`);
    }
    if (status === undefined)
      throw outcomeUnknown(path, new AgentError("PROTOCOL", `${path}: the answer names no status`));
    return { correlationId, status, power };
  }
}

function readReply(answer: Parameters<typeof actionReplyOf>[0], path: string): ActionReply {
  try {
    return actionReplyOf(answer, path);
  } catch (error) {
    throw error instanceof AgentError ? outcomeUnknown(path, error) : error;
  }
}

/** At most 36 characters are kept by the engine. */
function newCorrelationId(): string {
  return `vcs-${randomUUID().replaceAll("-", "")}`;
}
